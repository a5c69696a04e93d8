/*
 * exec-ways WAY ...: becomes another program, or ends, in an unusual way.
 *
 *   memfd PROGRAM ARGUMENT...     runs a copy of PROGRAM that has no name, in memory
 *   deleted PROGRAM ARGUMENT...   deletes PROGRAM, then runs it
 *   thread PROGRAM ARGUMENT...    a second thread runs PROGRAM, which ends all others
 *   directly PROGRAM ARGUMENT...  runs PROGRAM without a fork
 *   threads COUNT STATUS          starts COUNT threads, waits for their end, ends with STATUS
 *   leader-first STATUS           the main thread ends first, another one ends the process with STATUS later
 *   each-alone FIRST LAST         two threads end by exit(2), which is for one thread: the main one with FIRST, then the other
 *   fork STATUS                   a child without a program of its own ends with STATUS, then the parent with 0
 *   raise SIGNAL                  ends itself by a signal
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64

extern char **environ;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void run_memfd(char **command)
{
	struct stat status;
	int program = open(command[0], O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("nameless", MFD_CLOEXEC);

	if (program < 0 || copy < 0 || fstat(program, &status) != 0)
		die(command[0]);
	for (off_t rest = status.st_size; rest > 0;) {
		ssize_t sent = sendfile(copy, program, NULL, rest);
		if (sent <= 0)
			die("sendfile");
		rest -= sent;
	}
	fexecve(copy, command, environ);
	die("fexecve");
}

static void run_deleted(char **command)
{
	int program = open(command[0], O_RDONLY | O_CLOEXEC);

	if (program < 0 || unlink(command[0]) != 0)
		die(command[0]);
	fexecve(program, command, environ);
	die("fexecve");
}

static void *run_in_thread(void *command)
{
	execv(((char **)command)[0], command);
	die("execv");
	return NULL;
}

static void *end_thread(void *unused)
{
	usleep(1000);
	return unused;
}

static void *end_process(void *status)
{
	usleep(100000);
	exit(*(int *)status);
}

static void *end_alone(void *status)
{
	usleep(100000);
	syscall(SYS_exit, *(int *)status);
	return NULL;
}

static pthread_t start_thread(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, argument) != 0)
		die("pthread_create");
	return thread;
}

static int run_threads(int count, int status)
{
	pthread_t threads[MAX_THREADS];

	if (count > MAX_THREADS)
		count = MAX_THREADS;
	for (int at = 0; at < count; at++)
		threads[at] = start_thread(end_thread, NULL);
	for (int at = 0; at < count; at++)
		pthread_join(threads[at], NULL);
	return status;
}

static int run_fork(int status)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0)
		_exit(status);
	waitpid(child, NULL, 0);
	printf("%d\n", child);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const char *way = argv[1];
	int number = atoi(argv[2]);
	if (strcmp(way, "memfd") == 0)
		run_memfd(argv + 2);
	if (strcmp(way, "deleted") == 0)
		run_deleted(argv + 2);
	if (strcmp(way, "directly") == 0)
		run_in_thread(argv + 2);
	if (strcmp(way, "thread") == 0)
		pthread_join(start_thread(run_in_thread, argv + 2), NULL);
	if (strcmp(way, "threads") == 0 && argc == 4)
		return run_threads(number, atoi(argv[3]));
	if (strcmp(way, "leader-first") == 0) {
		start_thread(end_process, &number);
		/* Not pthread_exit: glibc ends the process with status 0 when it believes this was the last thread. */
		syscall(SYS_exit, 0);
	}
	if (strcmp(way, "each-alone") == 0 && argc == 4) {
		int last = atoi(argv[3]);
		start_thread(end_alone, &last);
		syscall(SYS_exit, number);
	}
	if (strcmp(way, "fork") == 0)
		return run_fork(number);
	if (strcmp(way, "raise") == 0)
		raise(number);
	return 2;
}
