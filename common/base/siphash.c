#include "common/base/siphash.h"

#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static inline void sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static inline struct state sip_start(const struct siphash_key *key)
{
	return (struct state){
		.v0 = key->k[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->k[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->k[1] ^ UINT64_C(0x7465646279746573),
	};
}

// `tail` holds the last bytes and the length.
static inline uint64_t sip_end(struct state *s, uint64_t tail)
{
	sip_word(s, tail);
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len)
{
	const unsigned char *p = data;
	struct state s = sip_start(key);
	uint64_t tail = (uint64_t)len << 56;
	size_t whole = len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		sip_word(&s, word);
	}
	for (size_t i = 0; i < (len & 7); i++)
		tail |= (uint64_t)p[whole + i] << (8 * i);
	return sip_end(&s, tail);
}

uint64_t siphash12(const struct siphash_key *key, uint64_t low, uint32_t high)
{
	struct state s = sip_start(key);

	sip_word(&s, low);
	return sip_end(&s, UINT64_C(12) << 56 | high);
}

void siphash_stream_start(struct siphash_stream *s, const struct siphash_key *key)
{
	struct state start = sip_start(key);

	*s = (struct siphash_stream){
		.v = {start.v0, start.v1 ^ 0xee, start.v2, start.v3},
	};
}

static struct state stream_load(const struct siphash_stream *s)
{
	return (struct state){.v0 = s->v[0], .v1 = s->v[1], .v2 = s->v[2], .v3 = s->v[3]};
}

// Bytes until a word is full, and then into the state with it.
static size_t stream_fill(
	struct siphash_stream *s, struct state *v, const unsigned char *p, size_t len)
{
	size_t i = 0;

	while (i < len && (i == 0 || s->len % 8 > 0))
		s->tail |= (uint64_t)p[i++] << (8 * (s->len++ % 8));
	if (i > 0 && s->len % 8 == 0) {
		sip_word(v, s->tail);
		s->tail = 0;
	}
	return i;
}

void siphash_stream_feed(struct siphash_stream *s, const void *data, size_t len)
{
	const unsigned char *p = data;
	struct state v = stream_load(s);
	size_t i = s->len % 8 > 0 ? stream_fill(s, &v, p, len) : 0;

	for (; len - i >= 8; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		sip_word(&v, word);
		s->len += 8;
	}
	if (i < len)
		(void)stream_fill(s, &v, p + i, len - i);
	s->v[0] = v.v0;
	s->v[1] = v.v1;
	s->v[2] = v.v2;
	s->v[3] = v.v3;
}

void siphash_stream_get(const struct siphash_stream *s, uint64_t out[2])
{
	struct state v = stream_load(s);

	sip_word(&v, s->tail | s->len << 56);
	v.v2 ^= 0xee;
	for (int i = 0; i < 4; i++)
		sip_round(&v);
	out[0] = v.v0 ^ v.v1 ^ v.v2 ^ v.v3;
	v.v1 ^= 0xdd;
	for (int i = 0; i < 4; i++)
		sip_round(&v);
	out[1] = v.v0 ^ v.v1 ^ v.v2 ^ v.v3;
}
