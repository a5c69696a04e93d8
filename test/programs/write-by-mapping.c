/*
 * write-by-mapping FILE: changes the first byte of FILE through a shared mapping, with no write(2).
 * Ends with status 0 when that worked, with 1 otherwise.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	char *bytes = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bytes == MAP_FAILED) {
		perror(argc == 2 ? argv[1] : "usage: write-by-mapping FILE");
		return 1;
	}
	bytes[0] = '#';
	return 0;
}
