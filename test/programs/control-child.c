/*
 * Starts a child, takes control of it with ptrace, and changes a variable in its memory.
 * Ends with status 0 when both worked, with 1 otherwise.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, pid_t child)
{
	perror(what);
	kill(child, SIGKILL);
	return 1;
}

int main(void)
{
	int value = 1, changed = 2;
	struct iovec from = { &changed, sizeof(changed) }, to = { &value, sizeof(value) };
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	/* The variable is at the same address in both. */
	if (child < 0 || ptrace(PTRACE_SEIZE, child, 0, 0))
		return fail("ptrace(PTRACE_SEIZE)", child);
	if (process_vm_writev(child, &from, 1, &to, 1, 0) != sizeof(changed))
		return fail("process_vm_writev", child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
