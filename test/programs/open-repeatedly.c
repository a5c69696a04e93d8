/*
 * open-repeatedly PAUSE_US PATH...: says "ready", waits for its first input, then opens each PATH over and over, with a
 * pause in between, until the input ends, and prints how often each was opened. When the input ends without a byte every PATH is opened once.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int input_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

int main(int argc, char **argv)
{
	useconds_t pause_us = argc > 1 ? atoi(argv[1]) : 0;
	long opened = 0;
	char byte;

	printf("ready\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 1;
	do {
		for (int at = 2; at < argc; at++) {
			int fd = open(argv[at], O_RDONLY);
			if (fd < 0)
				return 1;
			close(fd);
		}
		opened++;
		usleep(pause_us);
	} while (!input_ended());
	printf("%ld\n", opened);
	return 0;
}
