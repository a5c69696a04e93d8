/*
 * time-calls CALL COUNT [PATH]: prints the nanoseconds of one call, the best of several rounds of COUNT. CALL is open
 * (and close) or getppid or read (one byte). Where QEMU counts instructions a nanosecond is one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 7

static long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int one_call(const char *call, const char *path, int fd)
{
	char byte;

	switch (call[0]) {
	case 'o':
		fd = open(path, O_RDONLY);
		return fd < 0 ? -1 : close(fd);
	case 'g':
		return syscall(SYS_getppid) < 0 ? -1 : 0;
	default:
		return pread(fd, &byte, 1, 0) < 0 ? -1 : 0;
	}
}

int main(int argc, char **argv)
{
	const char *path = argc > 3 ? argv[3] : "/dev/null";
	long count = argc > 2 ? atol(argv[2]) : 1;
	double best = 1e18;
	int fd = open(path, O_RDONLY);

	if (argc < 3 || fd < 0)
		return 1;
	for (int round = 0; round < ROUNDS; round++) {
		long long start = now_ns();
		double each;

		for (long i = 0; i < count; i++)
			if (one_call(argv[1], path, fd))
				return 1;
		each = (double)(now_ns() - start) / count;
		if (each < best)
			best = each;
	}
	printf("%.1f\n", best);
	return 0;
}
