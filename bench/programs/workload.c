/*
 * workload NAME ARGUMENT...: does one thing many times and prints numbers as one JSON object.
 *
 *   open-close PATH             {"ns": per open and close}
 *   getppid                     {"ns": per call}
 *   pread PATH                  {"ns": per read of one byte}
 *   exec PROGRAM                {"ns": per fork, exec, exit and wait}
 *   opens PATH COUNT GAP_US     COUNT opens and closes, a pause after each: {"wallNs", "cpuNs"} of all together
 *   latency PATH FILE COUNT     opens PATH, waits for FILE to grow: {"p50Ns", "p99Ns", "maxNs"} of COUNT times
 *   until-refused PATH          opens PATH until that fails with EPERM: {"atNs": the moment, "opens"}
 *   metronome                   sleeps a millisecond, for ever, until its parent ends
 *
 * Times are CLOCK_MONOTONIC; where the machine counts instructions a nanosecond is one. "per" means: the median of
 * batches, so that the timer's interrupts, which fall into a few of them, do not count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 301
#define WARM_UP_BATCHES 20
#define CALLS_PER_BATCH 10
#define EXEC_BATCHES 101
#define POLL_NS 20000
#define BEAT_NS 1000000
#define MAX_LATENCIES 10000
#define GIVE_UP_NS 120000000000LL

extern char **environ;

static const char *path;
static int fd;

static long long clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void pause_ns(long ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&time, NULL);
}

static void fail(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_close(void)
{
	int opened = open(path, O_RDONLY);

	if (opened < 0)
		fail(path);
	close(opened);
}

static void get_parent(void)
{
	syscall(SYS_getppid);
}

static void read_byte(void)
{
	char byte;

	if (pread(fd, &byte, 1, 0) != 1)
		fail(path);
}

static void run_program(void)
{
	char *arguments[] = { (char *)path, "a", "b", NULL };
	pid_t pid;

	errno = posix_spawn(&pid, path, NULL, NULL, arguments, environ);
	if (errno)
		fail(path);
	waitpid(pid, NULL, 0);
}

static int compare(const void *left, const void *right)
{
	long long difference = *(const long long *)left - *(const long long *)right;

	return difference < 0 ? -1 : difference > 0;
}

static void print_median(void (*call)(void), int calls, int batches, int warm_up)
{
	static long long times[BATCHES];

	for (int batch = -warm_up; batch < batches; batch++) {
		long long start = now_ns();

		for (int i = 0; i < calls; i++)
			call();
		if (batch >= 0)
			times[batch] = now_ns() - start;
	}
	qsort(times, batches, sizeof(times[0]), compare);
	printf("{\"ns\":%.1f}\n", (double)times[batches / 2] / calls);
}

static void print_calls(void (*call)(void))
{
	print_median(call, CALLS_PER_BATCH, BATCHES, WARM_UP_BATCHES);
}

static void print_opens(int count, long gap_us)
{
	long long start = now_ns(), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < count; i++) {
		open_close();
		if (gap_us > 0)
			pause_ns(gap_us * 1000);
	}
	printf("{\"wallNs\":%lld,\"cpuNs\":%lld}\n", now_ns() - start, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

static long long size_of(int file)
{
	struct stat found;

	if (fstat(file, &found))
		fail("fstat");
	return found.st_size;
}

static void print_latency(const char *file_name, int count)
{
	static long long times[MAX_LATENCIES];
	int file = open(file_name, O_RDONLY);
	unsigned int random = 1;

	if (file < 0)
		fail(file_name);
	if (count > MAX_LATENCIES)
		count = MAX_LATENCIES;
	for (int i = 0; i < count; i++) {
		long long size, start;

		/* 1 to 17 ms: no phase of any timer of the agent is preferred. */
		random = random * 1103515245 + 12345;
		pause_ns(1000000 + (random >> 8) % 16000000);
		size = size_of(file);
		start = now_ns();
		open_close();
		while (size_of(file) == size) {
			if (now_ns() - start > GIVE_UP_NS) {
				errno = ETIMEDOUT;
				fail("no event");
			}
			pause_ns(POLL_NS);
		}
		times[i] = now_ns() - start;
	}
	qsort(times, count, sizeof(times[0]), compare);
	printf("{\"p50Ns\":%lld,\"p99Ns\":%lld,\"maxNs\":%lld}\n", times[count / 2], times[count * 99 / 100],
	       times[count - 1]);
}

static void print_until_refused(void)
{
	long long start = now_ns();
	int opened, opens = 0;

	while ((opened = open(path, O_RDONLY)) >= 0) {
		opens++;
		close(opened);
		if (now_ns() - start > GIVE_UP_NS) {
			errno = ETIMEDOUT;
			fail("never refused");
		}
		pause_ns(1000000);
	}
	if (errno != EPERM)
		fail(path);
	printf("{\"atNs\":%lld,\"opens\":%d}\n", now_ns(), opens);
}

/*
 * While nothing runs in a guest that counts instructions, its clock leaps to the next timer: here is one. Without it a
 * wait for the host, which takes microseconds, counts as seconds.
 */
static void beat(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause_ns(BEAT_NS);
}

int main(int count, char **arguments)
{
	const char *name = count > 1 ? arguments[1] : "";

	path = count > 2 ? arguments[2] : "";
	if (!strcmp(name, "open-close")) {
		print_calls(open_close);
	} else if (!strcmp(name, "getppid")) {
		print_calls(get_parent);
	} else if (!strcmp(name, "pread")) {
		fd = open(path, O_RDONLY);
		if (fd < 0)
			fail(path);
		print_calls(read_byte);
	} else if (!strcmp(name, "exec")) {
		print_median(run_program, 1, EXEC_BATCHES, 3);
	} else if (!strcmp(name, "opens") && count == 5) {
		print_opens(atoi(arguments[3]), atol(arguments[4]));
	} else if (!strcmp(name, "latency") && count == 5) {
		print_latency(arguments[3], atoi(arguments[4]));
	} else if (!strcmp(name, "until-refused") && count == 3) {
		print_until_refused();
	} else if (!strcmp(name, "metronome")) {
		beat();
	} else {
		fprintf(stderr, "workload: unknown \"%s\", or a wrong number of arguments\n", name);
		return 2;
	}
	return 0;
}
