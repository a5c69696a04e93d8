/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Does what a busy node does, for a time: opens files that policies report and files they do not, starts programs, makes
 * calls that return errors; now and then a burst without a pause. Prints how often it did each, as JSON.
 *
 *     mixed-load SECONDS DIRECTORY
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 50
#define BURST 2000

extern char **environ;

static struct {
	long watched, other, missing, programs, failed;
} done;

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void open_once(const char *directory, const char *name, int number, long *counter)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%d", directory, name, number);
	fd = open(path, O_RDONLY | O_CREAT, 0600);
	if (fd < 0) {
		done.failed++;
		return;
	}
	close(fd);
	(*counter)++;
}

static void open_missing(const char *directory)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/watched/none", directory);
	if (open(path, O_RDONLY) < 0)
		done.missing++;
}

static void start_program(const char *self)
{
	char *const arguments[] = { (char *)self, "0", "/", NULL };
	pid_t child;
	int status;

	if (posix_spawn(&child, self, NULL, NULL, arguments, environ)) {
		done.failed++;
		return;
	}
	waitpid(child, &status, 0);
	done.programs++;
}

static void do_round(const char *self, const char *directory, long round)
{
	int i;

	for (i = 0; i < 5; i++) {
		open_once(directory, "watched", round % FILES, &done.watched);
		open_once(directory, "other", round % FILES, &done.other);
	}
	open_missing(directory);
	start_program(self);
	if (round % 500 == 499)
		for (i = 0; i < BURST; i++)
			open_once(directory, "watched", i % FILES, &done.watched);
}

int main(int argc, char **argv)
{
	double until;
	long round;

	if (argc != 3) {
		fprintf(stderr, "use: %s SECONDS DIRECTORY\n", argv[0]);
		return 2;
	}
	signal(SIGTERM, end);
	until = seconds() + atof(argv[1]);
	if (atof(argv[1]) == 0)
		return 0; /* one of the programs that are started */
	for (round = 0; !ended && seconds() < until; round++) {
		do_round("/proc/self/exe", argv[2], round);
		usleep(5000);
	}
	printf("{\"watched\": %ld, \"other\": %ld, \"missing\": %ld, \"programs\": %ld, \"failed\": %ld}\n", done.watched,
	       done.other, done.missing, done.programs, done.failed);
	return done.failed != 0;
}
