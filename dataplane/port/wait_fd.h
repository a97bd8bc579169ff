// Finds the kernel sockets that a driver (af_packet, af_xdp) receives from: it keeps them to
// itself, but a sleeping worker must wait for them. The port is the only one of this process to
// have such sockets, and opens one for each queue, in order.
#pragma once

#include <stdbool.h>

#define WAIT_FDS_MAX 128

struct wait_fds {
	int fd[WAIT_FDS_MAX];
	unsigned n;
};

// All packet and XDP sockets of this process, by number.
void wait_fds_list(struct wait_fds *fds);
