// One address type for both families: 16 bytes in network order, an IPv4 address in its mapped form
// ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). Tables and comparisons then need no second path.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	_Alignas(8) uint8_t b[16];
};

#define IP_ADDR_ANY ((struct ip_addr){{0}})

// Longest text, with its NUL.
#define IP_ADDR_TEXT_MAX 46

// An address and the length of its network: 0..32 for IPv4, 0..128 for IPv6.
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len;
};

static inline bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	uint64_t x[2];
	uint64_t y[2];

	memcpy(x, a->b, sizeof(x));
	memcpy(y, b->b, sizeof(y));
	return x[0] == y[0] && x[1] == y[1];
}

static inline bool ip_addr_is_any(const struct ip_addr *a)
{
	return ip_addr_eq(a, &IP_ADDR_ANY);
}

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

// `v4` is in network order, as it stands in a packet.
static inline struct ip_addr ip_addr_from_v4(uint32_t v4)
{
	struct ip_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memcpy(a.b + 12, &v4, sizeof(v4));
	return a;
}

static inline uint32_t ip_addr_v4(const struct ip_addr *a)
{
	uint32_t v4;

	memcpy(&v4, a->b + 12, sizeof(v4));
	return v4;
}

// Whether `a` lies in the network of `prefix`; families never match each other.
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *a);

// Text of either family, without brackets. False when it is not an address.
bool ip_addr_parse(const char *text, struct ip_addr *out);

// "address/length"; a missing length is the whole address. False when it is not a prefix.
bool ip_prefix_parse(const char *text, struct ip_prefix *out);

// Returns `buf`.
const char *ip_addr_format(const struct ip_addr *a, char buf[IP_ADDR_TEXT_MAX]);
