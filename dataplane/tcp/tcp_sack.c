#include "dataplane/tcp/tcp_sack.h"

#include "dataplane/tcp/tcp_seq.h"

#define BLOCKS_BESIDE_TS 3

// --- what a peer says

static bool is_range(const struct tcp_sack_block *b)
{
	return seq_lt(b->seq, b->end);
}

// RFC 2883 §5: the first block is below the acknowledgement, or inside of the second.
static bool is_dsack(const struct tcp_seg *seg)
{
	const struct tcp_sack_block *b = seg->opts.sack;

	if (!is_range(&b[0]))
		return false;
	if (seq_leq(b[0].end, seg->ack))
		return true;
	return seg->opts.sack_n > 1 && is_range(&b[1]) && seq_geq(b[0].seq, b[1].seq) &&
		seq_leq(b[0].end, b[1].end);
}

static void take_dsack(struct tcp_conn *conn, const struct tcp_sack_block *b, struct tcp_news *news)
{
	// Of what was never sent, or so long ago that nobody can mean it, nothing can be said.
	if (seq_gt(b->end, conn->snd_nxt) || seq_lt(b->seq, conn->snd_una - conn->max_snd_wnd - 1))
		return;
	news->dsack = true;
	news->dsack_end = b->end;
	news->dsack_bytes = b->end - b->seq;
	stat_inc(conn->tcp->stats, STAT_tcp_dsack_in);
}

// Those that can be true, in ascending order.
static unsigned valid_blocks(struct tcp_conn *conn, const struct tcp_seg *seg, unsigned first,
	struct tcp_sack_block out[TCP_SACK_MAX])
{
	unsigned n = 0;

	for (unsigned i = first; i < seg->opts.sack_n; i++) {
		const struct tcp_sack_block *b = &seg->opts.sack[i];
		unsigned at = n;

		if (!is_range(b) || seq_lt(b->seq, conn->snd_una) ||
			seq_gt(b->end, conn->snd_nxt)) {
			stat_inc(conn->tcp->stats, STAT_tcp_sack_discard);
			continue;
		}
		for (; at > 0 && seq_lt(b->seq, out[at - 1].seq); at--)
			out[at] = out[at - 1];
		out[at] = *b;
		n++;
	}
	return n;
}

void tcp_sack_take(struct tcp_conn *conn, const struct tcp_seg *seg, struct tcp_news *news)
{
	struct tcp_sent_list *sent = &conn->flight->sent;
	struct tcp_sack_block blocks[TCP_SACK_MAX];
	struct tcp_sent *lowest = NULL;
	bool dsack = is_dsack(seg);
	unsigned n;

	if (dsack)
		take_dsack(conn, &seg->opts.sack[0], news);
	n = valid_blocks(conn, seg, dsack, blocks);
	for (unsigned i = 0; i < n; i++) {
		tcp_sent_sack(sent, &conn->tcp->sents, &blocks[i], &news->d);
		if (i == 0)
			lowest = sent->hint;
	}
	news->sacks = n > 0;
	// The next ACK's are mostly the same, and one more.
	if (n > 0)
		sent->hint = lowest;
}

// --- what we say

static unsigned block_n(const struct tcp_conn *conn)
{
	unsigned n = conn->dsack.seq != conn->dsack.end;

	if (conn->reasm != NULL)
		n += conn->reasm->n;
	return RTE_MIN(n, conn->ts_on ? (unsigned)BLOCKS_BESIDE_TS : (unsigned)TCP_SACK_MAX);
}

unsigned tcp_sack_len(const struct tcp_conn *conn)
{
	return conn->sack_on ? tcp_opt_sack_len(block_n(conn)) : 0;
}

void tcp_sack_write(const struct tcp_conn *conn, struct tcp_opts *opts)
{
	unsigned max = conn->sack_on ? block_n(conn) : 0;
	unsigned n = 0;

	if (max > 0 && conn->dsack.seq != conn->dsack.end)
		opts->sack[n++] = conn->dsack;
	if (max > n && conn->reasm != NULL)
		n += tcp_reasm_blocks(conn->reasm, opts->sack + n, max - n);
	opts->sack_n = (uint8_t)n;
}

void tcp_sack_duplicate(struct tcp_conn *conn, uint32_t seq, uint32_t end)
{
	if (!conn->sack_on)
		return;
	conn->dsack = (struct tcp_sack_block){.seq = seq, .end = end};
	stat_inc(conn->tcp->stats, STAT_tcp_dsack_out);
}
