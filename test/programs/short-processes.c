/*
 * short-processes exec|fork COUNT: starts COUNT processes, each of which ends at once, with up to 8 at a time. With exec
 * each executes this program, with fork it only ends. Prints how many were started and how many milliseconds that took.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_A_TIME 8

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start(const char *program, int executes)
{
	pid_t pid = executes ? vfork() : fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid > 0)
		return;
	if (executes)
		execl(program, "short-processes", "end", NULL);
	_exit(0);
}

int main(int argc, char **argv)
{
	long count, started, begin = now_ms();
	int running = 0;

	if (argc == 2 && !strcmp(argv[1], "end"))
		return 0;
	if (argc != 3) {
		fprintf(stderr, "usage: %s exec|fork COUNT\n", argv[0]);
		return 2;
	}
	count = atol(argv[2]);
	for (started = 0; started < count; started++) {
		if (running == AT_A_TIME && wait(NULL) > 0)
			running--;
		start("/proc/self/exe", !strcmp(argv[1], "exec"));
		running++;
	}
	while (wait(NULL) > 0)
		;
	printf("%ld processes in %ld ms\n", started, now_ms() - begin);
	return 0;
}
