#include "dataplane/tcp/tcp_opt.h"

#include "common/base/bytes.h"
#include "common/base/compiler.h"

enum kind {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

// NOP NOP TS 10: what nearly every segment carries.
#define TS_ALIGNED 0x0101080au

static void take_sack(struct tcp_opts *opts, const uint8_t *p, unsigned len)
{
	if (len % 8 != 2 || len / 8 > TCP_SACK_MAX)
		return;
	opts->sack_n = (uint8_t)(len / 8);
	for (unsigned i = 0; i < opts->sack_n; i++) {
		opts->sack[i].seq = be32_get(p + 2 + (size_t)8 * i);
		opts->sack[i].end = be32_get(p + 6 + (size_t)8 * i);
	}
}

static void take(struct tcp_opts *opts, unsigned kind, const uint8_t *p, unsigned len)
{
	if (kind == OPT_MSS && len == 4) {
		opts->mss = be16_get(p + 2);
	} else if (kind == OPT_WSCALE && len == 3) {
		opts->wscale = p[2] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : p[2];
	} else if (kind == OPT_SACK_OK && len == 2) {
		opts->sack_ok = true;
	} else if (kind == OPT_SACK) {
		take_sack(opts, p, len);
	} else if (kind == OPT_TS && len == 10) {
		opts->ts = true;
		opts->tsval = be32_get(p + 2);
		opts->tsecr = be32_get(p + 6);
	}
}

bool tcp_opt_parse(const uint8_t *p, unsigned len, struct tcp_opts *opts)
{
	opts->tsval = 0;
	opts->tsecr = 0;
	opts->mss = 0;
	opts->wscale = TCP_WSCALE_NONE;
	opts->ts = false;
	opts->sack_ok = false;
	opts->sack_n = 0;
	if (likely(len == TCP_OPT_TS_LEN && be32_get(p) == TS_ALIGNED)) {
		take(opts, OPT_TS, p + 2, 10);
		return true;
	}
	for (unsigned i = 0; i < len;) {
		unsigned kind = p[i];
		unsigned size;

		if (kind == OPT_END)
			break;
		if (kind == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len)
			return false;
		size = p[i + 1];
		if (size < 2 || size > len - i)
			return false;
		take(opts, kind, p + i, size);
		i += size;
	}
	return true;
}

unsigned tcp_opt_write(uint8_t *p, const struct tcp_opts *opts)
{
	unsigned n = 0;

	if (opts->mss != 0) {
		p[n] = OPT_MSS;
		p[n + 1] = 4;
		be16_put(p + n + 2, opts->mss);
		n += 4;
	}
	if (opts->ts) {
		be32_put(p + n, TS_ALIGNED);
		be32_put(p + n + 4, opts->tsval);
		be32_put(p + n + 8, opts->tsecr);
		n += TCP_OPT_TS_LEN;
	}
	if (opts->wscale != TCP_WSCALE_NONE) {
		p[n] = OPT_NOP;
		p[n + 1] = OPT_WSCALE;
		p[n + 2] = 3;
		p[n + 3] = opts->wscale;
		n += 4;
	}
	if (opts->sack_ok) {
		p[n] = OPT_NOP;
		p[n + 1] = OPT_NOP;
		p[n + 2] = OPT_SACK_OK;
		p[n + 3] = 2;
		n += 4;
	}
	if (opts->sack_n > 0) {
		p[n] = OPT_NOP;
		p[n + 1] = OPT_NOP;
		p[n + 2] = OPT_SACK;
		p[n + 3] = (uint8_t)(2 + 8 * opts->sack_n);
		n += 4;
		for (unsigned i = 0; i < opts->sack_n; i++, n += 8) {
			be32_put(p + n, opts->sack[i].seq);
			be32_put(p + n + 4, opts->sack[i].end);
		}
	}
	return n;
}
