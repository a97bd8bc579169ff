// Where the store listens: text -> socket address.
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "common/base/compiler.h"

struct store_address {
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};

// "/path" or an IP address. -EINVAL when it is neither, or the path is too long.
MUST_CHECK int store_address_parse(struct store_address *out, const char *text, uint16_t port);
