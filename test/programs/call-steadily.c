/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * call-steadily PER_SECOND SECONDS: calls getppid that often, in portions of a millisecond. What a busy machine keeps it
 * from doing in time it makes up for, up to a tenth of a second. Prints {"calls": N, "seconds": S}.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000LL
#define MOST_BEHIND (100 * MILLISECOND)

static long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void sleep_until(long long when)
{
	struct timespec time = { when / 1000000000LL, when % 1000000000LL };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL))
		;
}

int main(int argc, char **argv)
{
	long long start = now_ns(), next = start, calls = 0;
	long portions = argc > 2 ? atol(argv[2]) * 1000 : 0;
	double share = argc > 2 ? atof(argv[1]) / 1000 : 0;

	if (portions < 1 || share <= 0)
		return 2;
	for (long portion = 1; portion <= portions; portion++) {
		for (; calls < share * portion; calls++)
			syscall(SYS_getppid);
		next += MILLISECOND;
		if (now_ns() > next + MOST_BEHIND)
			next = now_ns();
		sleep_until(next);
	}
	printf("{\"calls\": %lld, \"seconds\": %.3f}\n", calls, (now_ns() - start) / 1e9);
	return 0;
}
