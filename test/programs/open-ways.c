/*
 * open-ways PATH: tries to get at the content of a file in every way that opens it, and prints a line for each:
 * "WAY: CONTENT" (its first line) or "WAY: ERRNO".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HANDLE_BYTES 128

static void report_error(const char *way)
{
	printf("%s: %s\n", way, strerrorname_np(errno));
}

static void report_content(const char *way, const char *content, ssize_t length)
{
	printf("%s: %.*s\n", way, (int)strcspn(content, "\n"), length > 0 ? content : "(nothing)");
}

/* Reads the file behind a descriptor, or says why there is none. */
static void report_read(const char *way, int fd)
{
	char content[256] = "";

	if (fd < 0) {
		report_error(way);
		return;
	}
	ssize_t length = read(fd, content, sizeof(content) - 1);
	if (length < 0)
		report_error(way);
	else
		report_content(way, content, length);
	close(fd);
}

static int open_again(const char *path, int flags)
{
	char again[64];
	int handle = open(path, O_PATH);

	if (handle < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", handle);
	int fd = open(again, flags);
	int error = errno;
	close(handle);
	errno = error;
	return fd;
}

static int open_with_openat2(const char *path)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_NO_MAGICLINKS };

	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int open_by_handle(const char *path)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + HANDLE_BYTES];
	} room = { .handle.handle_bytes = HANDLE_BYTES };
	char folder[PATH_MAX];
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, path, &room.handle, &mount_id, 0) != 0)
		return -1;
	snprintf(folder, sizeof(folder), "%s", path);
	int mount = open(dirname(folder), O_RDONLY | O_DIRECTORY);
	int fd = open_by_handle_at(mount, &room.handle, O_RDONLY);
	int error = errno;
	close(mount);
	errno = error;
	return fd;
}

static void try_mmap(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		report_error("mmap");
		return;
	}
	char *content = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (content == MAP_FAILED)
		report_error("mmap");
	else
		report_content("mmap", content, 1);
	close(fd);
}

/* Without any descriptor of ours for the content: the kernel copies from one file to the other. */
static void try_sendfile(const char *path)
{
	int target = memfd_create("copy", 0);
	int source = open(path, O_RDONLY | O_NONBLOCK);

	if (source < 0) {
		report_error("sendfile");
	} else if (sendfile(target, source, NULL, 256) < 0) {
		report_error("sendfile");
	} else {
		lseek(target, 0, SEEK_SET);
		report_read("sendfile", dup(target));
	}
	if (source >= 0)
		close(source);
	close(target);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	report_read("open", open(argv[1], O_RDONLY));
	report_read("open for writing", open(argv[1], O_RDWR));
	report_read("openat2", open_with_openat2(argv[1]));
	report_read("O_PATH", open(argv[1], O_PATH));
	report_read("reopen", open_again(argv[1], O_RDONLY));
	report_read("open by handle", open_by_handle(argv[1]));
	try_mmap(argv[1]);
	try_sendfile(argv[1]);
	return 0;
}
