/*
 * open-repeatedly PATH...: says "ready", waits for its first input, then opens each PATH over and over until the input
 * ends, and prints how often each was opened. When the input ends without a byte every PATH is opened once.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define PAUSE_US 2000

static int input_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

int main(int argc, char **argv)
{
	long opened = 0;
	char byte;

	printf("ready\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 1;
	do {
		for (int at = 1; at < argc; at++) {
			int fd = open(argv[at], O_RDONLY);
			if (fd < 0)
				return 1;
			close(fd);
		}
		opened++;
		usleep(PAUSE_US);
	} while (!input_ended());
	printf("%ld\n", opened);
	return 0;
}
