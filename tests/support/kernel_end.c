#include "tests/support/kernel_end.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool kernel_end_alone(void)
{
	bool alone = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;

	if (!alone)
		printf("skipped: needs root for a network namespace of its own\n");
	return alone;
}

int kernel_end_run(const char *command)
{
	int rc = system(command);

	if (rc != 0)
		fprintf(stderr, "failed: %s\n", command);
	return rc;
}

int kernel_end_open(const char *interface, uint16_t type)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(type),
		.sll_ifindex = (int)if_nametoindex(interface)};
	// Bound to a protocol only when it is bound to the interface: nothing else is received.
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}
