// Whose a TCP connection is: the first member of what tcp_user() points to.
#pragma once

#include <stdint.h>

enum conn_kind {
	CONN_OF_SESSION, // struct client
	CONN_OF_PEER,    // a connection of dataplane/peer
};

struct conn_user {
	uint8_t kind; // enum conn_kind
};
