/* connect-loopback 4|6 PORT: listens on the loopback address and connects to itself. Prints the port it came from. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_storage loopback(int family, int port)
{
	struct sockaddr_storage address = { .ss_family = family };

	if (family == AF_INET6) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
		v6->sin6_port = htons(port);
		v6->sin6_addr = in6addr_loopback;
	} else {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	return address;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int family = argv[1][0] == '6' ? AF_INET6 : AF_INET;
	struct sockaddr_storage address = loopback(family, atoi(argv[2]));
	struct sockaddr *at = (struct sockaddr *)&address;
	socklen_t size = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int listener = socket(family, SOCK_STREAM, 0);
	int client = socket(family, SOCK_STREAM, 0);
	int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, at, size) != 0)
		return fail("bind");
	if (listen(listener, 1) != 0)
		return fail("listen");
	if (connect(client, at, size) != 0)
		return fail("connect");
	if (getsockname(client, at, &size) != 0)
		return fail("getsockname");
	printf("%d\n", ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)at)->sin6_port : ((struct sockaddr_in *)at)->sin_port));
	close(client);
	close(listener);
	return 0;
}
