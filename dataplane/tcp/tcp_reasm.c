#include "dataplane/tcp/tcp_reasm.h"

#include <string.h>

#include "dataplane/tcp/tcp_mem.h"
#include "dataplane/tcp/tcp_seq.h"

void tcp_reasm_init(struct tcp_reasm *reasm)
{
	reasm->n = 0;
	reasm->clock = 0;
	reasm->pinned = 0;
}

static void pin(struct tcp_reasm *reasm, const struct rte_mbuf *m, uint64_t *mem)
{
	reasm->pinned += tcp_mem_of(m);
	*mem += tcp_mem_of(m);
}

static void unpin(struct tcp_reasm *reasm, const struct rte_mbuf *m, uint64_t *mem)
{
	reasm->pinned -= tcp_mem_of(m);
	*mem -= tcp_mem_of(m);
}

static void run_free(struct tcp_reasm *reasm, struct tcp_run *run, uint64_t *mem)
{
	while (run->head != NULL) {
		struct rte_mbuf *m = run->head;

		run->head = m->next;
		unpin(reasm, m, mem);
		rte_pktmbuf_free_seg(m);
	}
}

static void remove_run(struct tcp_reasm *reasm, uint32_t i)
{
	reasm->n--;
	memmove(&reasm->runs[i], &reasm->runs[i + 1], (reasm->n - i) * sizeof(reasm->runs[0]));
}

void tcp_reasm_free(struct tcp_reasm *reasm, uint64_t *mem)
{
	for (uint32_t i = 0; i < reasm->n; i++)
		run_free(reasm, &reasm->runs[i], mem);
	reasm->n = 0;
}

// Cuts [*seq, end) of `m` to what no run has. False when nothing is left. *i becomes the index of
// the first run behind it.
static bool cut(
	struct tcp_reasm *reasm, uint32_t *seq, struct rte_mbuf *m, uint32_t *i, uint64_t *mem)
{
	uint32_t end = *seq + m->data_len;

	*i = 0;
	while (*i < reasm->n && seq_leq(reasm->runs[*i].end, *seq))
		++*i;
	if (*i < reasm->n && seq_leq(reasm->runs[*i].seq, *seq)) {
		uint32_t have = reasm->runs[*i].end - *seq;

		if (have >= m->data_len)
			return false;
		rte_pktmbuf_adj(m, (uint16_t)have);
		*seq += have;
		++*i;
	}
	while (*i < reasm->n && seq_geq(end, reasm->runs[*i].end)) {
		run_free(reasm, &reasm->runs[*i], mem);
		remove_run(reasm, *i);
	}
	if (*i < reasm->n && seq_lt(reasm->runs[*i].seq, end)) {
		m->data_len = (uint16_t)(reasm->runs[*i].seq - *seq);
		m->pkt_len = m->data_len;
	}
	return true;
}

static bool append(struct tcp_reasm *reasm, struct tcp_run *run, struct rte_mbuf *m, uint64_t limit,
	uint64_t *mem)
{
	struct rte_mbuf *tail = run->tail;
	uint16_t len = m->data_len;

	if (len <= TCP_COPY_MAX && rte_pktmbuf_tailroom(tail) >= len && tcp_mem_private(tail)) {
		memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len),
			rte_pktmbuf_mtod(m, const void *), len);
		tail->data_len = (uint16_t)(tail->data_len + len);
		rte_pktmbuf_free_seg(m);
	} else {
		if (reasm->pinned + tcp_mem_of(m) > limit)
			return false;
		m->next = NULL;
		tail->next = m;
		run->tail = m;
		pin(reasm, m, mem);
	}
	run->end += len;
	return true;
}

static bool prepend(struct tcp_reasm *reasm, struct tcp_run *run, struct rte_mbuf *m,
	uint64_t limit, uint64_t *mem)
{
	struct rte_mbuf *head = run->head;
	uint16_t len = m->data_len;

	if (len <= TCP_COPY_MAX && rte_pktmbuf_headroom(head) >= len && tcp_mem_private(head)) {
		head->data_off = (uint16_t)(head->data_off - len);
		head->data_len = (uint16_t)(head->data_len + len);
		memcpy(rte_pktmbuf_mtod(head, void *), rte_pktmbuf_mtod(m, const void *), len);
		rte_pktmbuf_free_seg(m);
	} else {
		if (reasm->pinned + tcp_mem_of(m) > limit)
			return false;
		m->next = head;
		run->head = m;
		pin(reasm, m, mem);
	}
	run->seq -= len;
	return true;
}

static bool insert(struct tcp_reasm *reasm, uint32_t i, uint32_t seq, struct rte_mbuf *m,
	uint64_t limit, uint64_t *mem)
{
	if (reasm->n == TCP_REASM_RUNS || reasm->pinned + tcp_mem_of(m) > limit)
		return false;
	memmove(&reasm->runs[i + 1], &reasm->runs[i], (reasm->n - i) * sizeof(reasm->runs[0]));
	reasm->n++;
	m->next = NULL;
	reasm->runs[i] =
		(struct tcp_run){.seq = seq, .end = seq + m->data_len, .head = m, .tail = m};
	pin(reasm, m, mem);
	return true;
}

static void join_next(struct tcp_reasm *reasm, uint32_t i)
{
	struct tcp_run *run = &reasm->runs[i];
	struct tcp_run *next = run + 1;

	if (i + 1 >= reasm->n || run->end != next->seq)
		return;
	run->tail->next = next->head;
	run->tail = next->tail;
	run->end = next->end;
	remove_run(reasm, i + 1);
}

enum tcp_reasm_result tcp_reasm_put(
	struct tcp_reasm *reasm, uint32_t seq, struct rte_mbuf *m, uint64_t limit, uint64_t *mem)
{
	uint32_t i;
	bool taken;

	if (m->data_len == 0 || !cut(reasm, &seq, m, &i, mem)) {
		if (m->data_len > 0)
			reasm->runs[i].stamp = ++reasm->clock;
		rte_pktmbuf_free_seg(m);
		return TCP_REASM_DUP;
	}
	if (i > 0 && reasm->runs[i - 1].end == seq) {
		taken = append(reasm, &reasm->runs[--i], m, limit, mem);
		if (taken)
			join_next(reasm, i);
	} else if (i < reasm->n && reasm->runs[i].seq == seq + m->data_len) {
		taken = prepend(reasm, &reasm->runs[i], m, limit, mem);
	} else {
		taken = insert(reasm, i, seq, m, limit, mem);
	}
	if (taken)
		reasm->runs[i].stamp = ++reasm->clock;
	else
		rte_pktmbuf_free_seg(m);
	return taken ? TCP_REASM_TAKEN : TCP_REASM_FULL;
}

// Cuts a run that begins before `end` down to there.
static void shorten(struct tcp_reasm *reasm, struct tcp_run *run, uint32_t end, uint64_t *mem)
{
	uint32_t left = end - run->seq;
	struct rte_mbuf *m = run->head;
	struct rte_mbuf *beyond;

	for (; left > m->data_len; m = m->next)
		left -= m->data_len;
	m->data_len = (uint16_t)left;
	beyond = m->next;
	m->next = NULL;
	run->tail = m;
	run->end = end;
	while (beyond != NULL) {
		struct rte_mbuf *next = beyond->next;

		unpin(reasm, beyond, mem);
		rte_pktmbuf_free_seg(beyond);
		beyond = next;
	}
}

void tcp_reasm_cut(struct tcp_reasm *reasm, uint32_t end, uint64_t *mem)
{
	while (reasm->n > 0 && seq_geq(reasm->runs[reasm->n - 1].seq, end)) {
		reasm->n--;
		run_free(reasm, &reasm->runs[reasm->n], mem);
	}
	if (reasm->n > 0 && seq_gt(reasm->runs[reasm->n - 1].end, end))
		shorten(reasm, &reasm->runs[reasm->n - 1], end, mem);
}

unsigned tcp_reasm_blocks(const struct tcp_reasm *reasm, struct tcp_sack_block *out, unsigned n)
{
	uint32_t before = UINT32_MAX;

	for (unsigned k = 0; k < n; k++) {
		const struct tcp_run *best = NULL;

		for (uint32_t i = 0; i < reasm->n; i++) {
			const struct tcp_run *run = &reasm->runs[i];

			if (run->stamp < before && (best == NULL || run->stamp > best->stamp))
				best = run;
		}
		if (best == NULL)
			return k;
		out[k] = (struct tcp_sack_block){.seq = best->seq, .end = best->end};
		before = best->stamp;
	}
	return n;
}

// Moves a run whose bytes before rcv_nxt are already there.
static void deliver(struct tcp_reasm *reasm, struct tcp_run *run, uint32_t rcv_nxt,
	struct tcp_recv_queue *q, uint64_t *mem)
{
	uint32_t skip = rcv_nxt - run->seq;

	while (run->head != NULL) {
		struct rte_mbuf *m = run->head;

		run->head = m->next;
		unpin(reasm, m, mem);
		if (skip >= m->data_len) {
			skip -= m->data_len;
			rte_pktmbuf_free_seg(m);
			continue;
		}
		m->data_off = (uint16_t)(m->data_off + skip);
		m->data_len = (uint16_t)(m->data_len - skip);
		skip = 0;
		tcp_recv_queue_put(q, m, mem);
	}
}

uint32_t tcp_reasm_take(
	struct tcp_reasm *reasm, uint32_t rcv_nxt, struct tcp_recv_queue *q, uint64_t *mem)
{
	while (reasm->n > 0 && seq_leq(reasm->runs[0].seq, rcv_nxt)) {
		struct tcp_run *run = &reasm->runs[0];
		uint32_t end = run->end;

		deliver(reasm, run, rcv_nxt, q, mem);
		remove_run(reasm, 0);
		rcv_nxt = seq_max(rcv_nxt, end);
	}
	return rcv_nxt;
}
