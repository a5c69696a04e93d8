/*
 * call NAME ARGUMENT...: makes one system call with the arguments and prints what the kernel returned, errors negative.
 *
 *   openat PATH FLAGS              relative to the working directory
 *   setuid UID
 *   ptrace REQUEST PID
 *   mount SOURCE TARGET TYPE
 *   write PATH TEXT [COUNT]        opens the file for writing first; prints what write returned, COUNT times
 *   kill PID SIGNAL
 *   file-capability PATH NUMBER    whoever runs PATH has the capability
 *   chdir-nowhere COUNT            to an address that cannot be read, COUNT times; prints what it returned last
 *   getcpu-burst COUNT             getcpu COUNT times, prints COUNT
 *   open-for PATH MILLISECONDS     opens PATH over and over; prints how often it tried and, first, how often that worked
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static long result(long returned)
{
	return returned < 0 ? -errno : returned;
}

static long write_text(const char *path, const char *text, int count)
{
	int fd = open(path, O_WRONLY);
	long returned = -1;

	if (fd < 0)
		return -errno;
	while (count-- > 0)
		returned = result(write(fd, text, strlen(text)));
	close(fd);
	return returned;
}

static long set_file_capability(const char *path, int number)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE };

	data.data[CAP_TO_INDEX(number)].permitted = CAP_TO_MASK(number);
	return result(setxattr(path, XATTR_NAME_CAPS, &data, XATTR_CAPS_SZ_2, 0));
}

static long change_to_nowhere(long count)
{
	long returned = 0;

	for (long at = 0; at < count; at++)
		returned = result(syscall(SYS_chdir, NULL));
	return returned;
}

static long burst_of_getcpu(long count)
{
	for (long at = 0; at < count; at++)
		syscall(SYS_getcpu, NULL, NULL, NULL);
	return count;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long open_for(const char *path, long milliseconds)
{
	long opened = 0, tried = 0;

	for (long end = now_ms() + milliseconds; now_ms() < end; tried++) {
		int fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		opened++;
		close(fd);
	}
	printf("%ld ", opened);
	return tried;
}

static long call(const char *name, int count, char **arguments)
{
	if (strcmp(name, "openat") == 0 && count == 2)
		return result(syscall(SYS_openat, AT_FDCWD, arguments[0], atoi(arguments[1]), 0600));
	if (strcmp(name, "setuid") == 0 && count == 1)
		return result(syscall(SYS_setuid, atoi(arguments[0])));
	if (strcmp(name, "ptrace") == 0 && count == 2)
		return result(syscall(SYS_ptrace, atol(arguments[0]), atol(arguments[1]), 0, 0));
	if (strcmp(name, "mount") == 0 && count == 3)
		return result(syscall(SYS_mount, arguments[0], arguments[1], arguments[2], 0, NULL));
	if (strcmp(name, "write") == 0 && count >= 2)
		return write_text(arguments[0], arguments[1], count > 2 ? atoi(arguments[2]) : 1);
	if (strcmp(name, "kill") == 0 && count == 2)
		return result(syscall(SYS_kill, atoi(arguments[0]), atoi(arguments[1])));
	if (strcmp(name, "file-capability") == 0 && count == 2)
		return set_file_capability(arguments[0], atoi(arguments[1]));
	if (strcmp(name, "chdir-nowhere") == 0 && count == 1)
		return change_to_nowhere(atol(arguments[0]));
	if (strcmp(name, "getcpu-burst") == 0 && count == 1)
		return burst_of_getcpu(atol(arguments[0]));
	if (strcmp(name, "open-for") == 0 && count == 2)
		return open_for(arguments[0], atol(arguments[1]));
	fprintf(stderr, "call: no such call, or wrong arguments: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	printf("%ld\n", call(argv[1], argc - 2, argv + 2));
	return 0;
}
