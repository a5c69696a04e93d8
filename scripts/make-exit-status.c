/*
 * A function for GNU make: $(exit-with-status N) ends make with status N.
 *
 * Make itself ends with 2 whatever a failing recipe's status was; `make vm` promises the command's own.
 */
#include <gnumake.h>
#include <stdio.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;

static char *exit_with_status(const char *name, unsigned int count, char **arguments)
{
	(void)name;
	(void)count;
	fflush(NULL);
	exit(atoi(arguments[0]));
}

/* Make looks this name up: the file's own, with "_gmk_setup". */
int make_exit_status_gmk_setup(void)
{
	gmk_add_function("exit-with-status", exit_with_status, 1, 1, GMK_FUNC_DEFAULT);
	return 1;
}
