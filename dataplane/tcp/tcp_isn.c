#include "dataplane/tcp/tcp_isn.h"

#include <string.h>

#define ISN_TICK_NS (4 * NS_PER_US) // RFC 9293 §3.4.1

enum use {
	USE_ISN = 1,
	USE_TS = 2,
	USE_PORT = 3,
};

static uint32_t derive(const struct siphash_key *secret, const struct tcp_key *key, uint32_t use)
{
	struct siphash_key own = {{secret->k[0] ^ use, secret->k[1]}};

	return (uint32_t)(siphash(&own, key, TCP_KEY_LEN) >> 32);
}

uint32_t tcp_isn(const struct siphash_key *secret, const struct tcp_key *key, struct mono now)
{
	return derive(secret, key, USE_ISN) + (uint32_t)(now.ns / ISN_TICK_NS);
}

uint32_t tcp_ts_offset(const struct siphash_key *secret, const struct tcp_key *key)
{
	return derive(secret, key, USE_TS);
}

uint32_t tcp_port_random(const struct siphash_key *secret, const struct tcp_key *key, uint32_t n)
{
	struct tcp_key bare = *key;

	bare.local_port = (uint16_t)n;
	return derive(secret, &bare, USE_PORT | (n >> 16) << 8);
}
