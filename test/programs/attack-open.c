/*
 * attack-open THREADS PATH...: says "ready", waits for its first input, then opens each PATH in every thread as fast as it
 * can until the input ends. Prints for each PATH a line "ATTEMPTS SUCCESSES OTHERS PATH": OTHERS are failures that are
 * no refusal (EPERM). Threads sleep now and then, so that they are woken up in the middle of what others do.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)
#define MAX_PATHS 16
#define MAX_THREADS 1024
#define ROUNDS_BETWEEN_SLEEPS 32
#define LONGEST_SLEEP_US 300

struct target {
	const char *path;
	atomic_long attempts, successes, others;
};

static struct target targets[MAX_PATHS];
static int target_count;
static pthread_t threads[MAX_THREADS];
static atomic_bool stop;
/* Held by the main thread until the attack begins. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void try_open(struct target *target)
{
	int fd = open(target->path, O_RDONLY);

	target->attempts++;
	if (fd >= 0) {
		target->successes++;
		close(fd);
	} else if (errno != EPERM) {
		target->others++;
	}
}

static void *attack(void *argument)
{
	unsigned int random = (unsigned int)(long)argument + 1;

	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	while (!stop) {
		for (int at = 0; at < target_count; at++)
			try_open(&targets[at]);
		/* Attaching waits until every task has given the CPU up once. */
		sched_yield();
		random = random * 1103515245 + 12345;
		if (random >> 16 & (ROUNDS_BETWEEN_SLEEPS - 1))
			continue;
		usleep((random >> 4) % LONGEST_SLEEP_US);
	}
	return NULL;
}

static void start_threads(long count)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (long index = 0; index < count; index++) {
		if (pthread_create(&threads[index], &attributes, attack, (void *)index)) {
			perror("pthread_create");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	char byte;

	long count = argc > 1 ? atol(argv[1]) : 0;
	if (count < 1 || count > MAX_THREADS || argc < 3 || argc - 2 > MAX_PATHS) {
		fprintf(stderr, "usage: attack-open THREADS PATH...\n");
		return 2;
	}
	for (int at = 2; at < argc; at++)
		targets[target_count++].path = argv[at];
	/* Whoever starts us may have raised its own priority. */
	setpriority(PRIO_PROCESS, 0, 0);
	pthread_mutex_lock(&gate);
	start_threads(count);
	printf("ready\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 1;
	pthread_mutex_unlock(&gate);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	stop = true;
	for (long index = 0; index < count; index++)
		pthread_join(threads[index], NULL);
	for (struct target *target = targets; target < targets + target_count; target++)
		printf("%ld %ld %ld %s\n", target->attempts, target->successes, target->others, target->path);
	return 0;
}
