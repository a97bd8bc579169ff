// What names a connection: both addresses and both ports, and the keyed hash of them, so that a
// stranger can't choose connections that collide.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/ip_addr.h"
#include "common/base/siphash.h"

struct tcp_key {
	struct ip_addr remote;
	struct ip_addr local;
	uint16_t remote_port; // host order
	uint16_t local_port;
	uint32_t hash;
};

// The bytes that name the connection: all but the hash.
#define TCP_KEY_LEN offsetof(struct tcp_key, hash)

// 64 bits that stand for the name where there is no room for it. Its low half is the hash. The
// addresses of IPv4 are hashed without the twelve bytes that all have, which saves half of the
// time.
static inline uint64_t tcp_key_name(const struct tcp_key *key, const struct siphash_key *secret)
{
	uint64_t addrs;
	uint32_t ports;

	if (!ip_addr_is_v4(&key->remote) || !ip_addr_is_v4(&key->local))
		return siphash(secret, key, TCP_KEY_LEN);
	addrs = (uint64_t)ip_addr_v4(&key->remote) << 32 | ip_addr_v4(&key->local);
	ports = (uint32_t)key->remote_port << 16 | key->local_port;
	return siphash12(secret, addrs, ports);
}

static inline void tcp_key_hash(struct tcp_key *key, const struct siphash_key *secret)
{
	key->hash = (uint32_t)tcp_key_name(key, secret);
}

static inline bool tcp_key_eq(const struct tcp_key *a, const struct tcp_key *b)
{
	return a->hash == b->hash && a->remote_port == b->remote_port &&
		a->local_port == b->local_port && ip_addr_eq(&a->remote, &b->remote) &&
		ip_addr_eq(&a->local, &b->local);
}
