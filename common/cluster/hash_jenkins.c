// Bob Jenkins' one-at-a-time and lookup3, and Paul Hsieh's SuperFastHash.
#include "common/cluster/hash_family.h"

// A quirk: the original adds bytes as signed characters, so that those from 0x80 subtract.
uint32_t hash_one_at_a_time(struct slice key)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.len; i++) {
		uint32_t byte = (uint8_t)key.ptr[i];

		h += (byte ^ 0x80) - 0x80;
		h += h << 10;
		h ^= h >> 6;
	}
	h += h << 3;
	h ^= h >> 11;
	return h + (h << 15);
}

struct lookup3 {
	uint32_t a, b, c;
};

static inline void lookup3_mix(struct lookup3 *s)
{
	static const int turn[] = {4, 6, 8, 16, 19, 4};

	for (int i = 0; i < 6; i++) {
		uint32_t a = (s->a - s->c) ^ hash_rotl(s->c, turn[i]);
		uint32_t c = s->c + s->b;

		// The next round has the parts by the next names.
		*s = (struct lookup3){.a = s->b, .b = c, .c = a};
	}
}

static inline void lookup3_final(struct lookup3 *s)
{
	static const int turn[] = {14, 11, 25, 16, 4, 14, 24};

	for (int i = 0; i < 7; i++) {
		uint32_t c = (s->c ^ s->b) - hash_rotl(s->b, turn[i]);

		*s = (struct lookup3){.a = s->b, .b = c, .c = s->a};
	}
}

static inline void lookup3_add(struct lookup3 *s, const char *p, size_t n)
{
	size_t b = n > 4 ? n - 4 : 0;
	size_t c = n > 8 ? n - 8 : 0;

	s->a += hash_load(p, n < 4 ? n : 4);
	s->b += b > 0 ? hash_load(p + 4, b < 4 ? b : 4) : 0;
	s->c += c > 0 ? hash_load(p + 8, c) : 0;
}

// lookup3's hashlittle, with 13 for its initial value. A quirk: an empty key leaves the original's
// token unset, which is 0.
uint32_t hash_jenkins(struct slice key)
{
	uint32_t start = UINT32_C(0xdeadbeef) + (uint32_t)key.len + 13;
	struct lookup3 s = {start, start, start};
	const char *p = key.ptr;
	size_t left = key.len;

	if (left == 0)
		return 0;
	for (; left > 12; left -= 12, p += 12) {
		lookup3_add(&s, p, 12);
		lookup3_mix(&s);
	}
	lookup3_add(&s, p, left);
	lookup3_final(&s);
	return s.b; // where the last of the rounds has put its c
}

static uint32_t hsieh_tail(uint32_t h, const char *p, size_t left)
{
	switch (left) {
	case 3:
		h += hash_load(p, 2);
		h ^= h << 16;
		h ^= (uint32_t)(uint8_t)p[2] << 18;
		return h + (h >> 11);
	case 2:
		h += hash_load(p, 2);
		h ^= h << 11;
		return h + (h >> 17);
	case 1:
		h += (uint8_t)p[0];
		h ^= h << 10;
		return h + (h >> 1);
	default:
		return h;
	}
}

// A quirk: it starts at 0, not at the length. An empty key gives 0.
uint32_t hash_hsieh(struct slice key)
{
	const char *p = key.ptr;
	size_t left = key.len;
	uint32_t h = 0;

	for (; left >= 4; left -= 4, p += 4) {
		h += hash_load(p, 2);
		h = h << 16 ^ hash_load(p + 2, 2) << 11 ^ h;
		h += h >> 11;
	}
	h = hsieh_tail(h, p, left);
	h ^= h << 3;
	h += h >> 5;
	h ^= h << 4;
	h += h >> 17;
	h ^= h << 25;
	return h + (h >> 6);
}
