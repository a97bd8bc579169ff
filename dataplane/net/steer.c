#include "dataplane/net/steer.h"

// The 32 bits of the key that begin at bit `at`.
static uint32_t window(const uint8_t key[STEER_KEY_LEN], unsigned at)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 5 && at / 8 + i < STEER_KEY_LEN; i++)
		bits |= (uint64_t)key[at / 8 + i] << (32 - 8 * i);
	return (uint32_t)(bits >> (8 - at % 8));
}

void steer_key(struct steer *steer, const uint8_t key[STEER_KEY_LEN])
{
	for (unsigned nibble = 0; nibble < STEER_TUPLE_MAX * 2; nibble++)
		for (unsigned value = 0; value < 16; value++) {
			uint32_t hash = 0;

			for (unsigned bit = 0; bit < 4; bit++)
				if (value & (8u >> bit))
					hash ^= window(key, nibble * 4 + bit);
			steer->part[nibble][value] = hash;
		}
}

// A queue serves every queue_n-th worker: they take turns in its buckets.
void steer_spread(struct steer *steer, const uint16_t *table, unsigned table_n, unsigned queue_n,
	unsigned worker_n)
{
	unsigned turn[STEER_WORKERS_MAX] = {0};

	steer->queue_n = queue_n;
	for (unsigned i = 0; i < STEER_BUCKETS; i++) {
		unsigned queue;
		unsigned served;

		if (table == NULL) {
			steer->owner[i] = (uint8_t)(i % worker_n);
			continue;
		}
		queue = table[i & (table_n - 1)] % queue_n;
		served = (worker_n - queue + queue_n - 1) / queue_n;
		steer->owner[i] = (uint8_t)(queue + queue_n * (turn[queue]++ % served));
	}
}

uint32_t steer_hash_to(const struct steer *steer, const struct ip_addr *remote,
	uint16_t remote_port, const struct ip_addr *local)
{
	const uint8_t port[2] = {(uint8_t)(remote_port >> 8), (uint8_t)remote_port};
	uint32_t remote4 = ip_addr_v4(remote);
	uint32_t local4 = ip_addr_v4(local);
	uint8_t both[8];

	if (!ip_addr_is_v4(remote))
		return steer_bytes(steer, 0, remote->b, 16) ^ steer_bytes(steer, 16, local->b, 16) ^
			steer_bytes(steer, 32, port, 2);
	memcpy(both, &remote4, 4);
	memcpy(both + 4, &local4, 4);
	return steer_bytes(steer, 0, both, 8) ^ steer_bytes(steer, 8, port, 2);
}

uint32_t steer_hash_port(const struct steer *steer, bool v4, uint16_t local_port)
{
	const uint8_t port[2] = {(uint8_t)(local_port >> 8), (uint8_t)local_port};

	return steer_bytes(steer, v4 ? 10 : 34, port, 2);
}
