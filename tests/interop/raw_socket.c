#include "tests/interop/raw_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

// Frames that come while nobody reads: some tens of milliseconds of a fast link.
#define BUFFER (16 << 20)

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int prepare(int fd, unsigned index)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index,
	};
	struct packet_mreq all = {.mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC};
	int rc = set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);

	if (rc == 0)
		rc = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
	if (rc == 0)
		rc = set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER);
	if (rc == 0 && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0)
		rc = -errno;
	if (rc == 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		rc = -errno;
	return rc;
}

int raw_socket_open(const char *interface)
{
	unsigned index = if_nametoindex(interface);
	int fd;
	int rc;

	if (index == 0)
		return -errno;
	// Bound to a protocol only when it is bound to the interface: nothing else is received.
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = prepare(fd, index);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void raw_socket_realtime(void)
{
	struct sched_param param = {.sched_priority = 1};

	(void)sched_setscheduler(0, SCHED_FIFO, &param);
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
