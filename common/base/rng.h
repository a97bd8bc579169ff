// Seeded generator (xoshiro256**): the only source of chance that logic may use, so that a run
// can be replayed from its seed. Not for secrets: those come from the system, through the driver.
#pragma once

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

// Any seed will do, also 0.
void rng_seed(struct rng *rng, uint64_t seed);

uint64_t rng_u64(struct rng *rng);

// Uniform in [0, bound), bound > 0.
uint32_t rng_below(struct rng *rng, uint32_t bound);
