#include "tests/sim/cluster/wire.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 2048u
#define SLOW_NS (150 * NS_PER_MS)
#define LOSS 100000u // of a million

void wire_init(struct wire *w, const struct plan *plan)
{
	w->plan = plan;
	w->host_n = plan->node_n + 1u;
	for (unsigned i = 0; i < w->host_n; i++)
		for (unsigned k = 0; k < w->host_n; k++)
			link_way_init(&w->way[i][k], plan->seed * 10000 + i * 100 + k);
}

void wire_fini(struct wire *w)
{
	for (unsigned i = 0; i < w->host_n; i++)
		for (unsigned k = 0; k < w->host_n; k++)
			link_way_fini(&w->way[i][k]);
}

static void apply(struct link_model *link, const struct plan_fault *f, unsigned from, unsigned to)
{
	bool is_from = f->nodes >> from & 1;
	bool is_to = f->nodes >> to & 1;

	switch (f->kind) {
	case PLAN_CUT:
		link->down |= is_from != is_to;
		break;
	case PLAN_CUT_ONE:
		link->down |= is_from && !is_to;
		break;
	case PLAN_SLOW:
		if (is_from || is_to)
			link->delay += SLOW_NS;
		break;
	case PLAN_LOSSY:
		if (is_from || is_to)
			link->loss += LOSS;
		break;
	default:
		break;
	}
}

static struct link_model link_of(
	const struct plan *plan, unsigned from, unsigned to, struct mono now)
{
	struct link_model link;

	// Clients are next to their nodes.
	if (from >= plan->node_n || to >= plan->node_n)
		return (struct link_model){.delay = 20 * NS_PER_US};
	link = plan->node[from].dc == plan->node[to].dc ? plan->near : plan->far;
	for (unsigned i = 0; i < plan->fault_n; i++)
		if (fault_is_on(&plan->fault[i], now))
			apply(&link, &plan->fault[i], from, to);
	if (mono_due(now, mono_add(WORLD_BEGIN, plan->load)))
		link.loss = 0;
	return link;
}

void wire_set(struct wire *w, struct mono now)
{
	for (unsigned i = 0; i < w->host_n; i++)
		for (unsigned k = 0; k < w->host_n; k++)
			w->link[i][k] = link_of(w->plan, i, k, now);
}

static void send_frame(
	struct wire *w, unsigned from, const uint8_t *data, uint32_t len, struct mono now)
{
	bool all = data[0] & 1;
	unsigned only = data[5] - 1u;

	for (unsigned to = 0; to < w->host_n; to++)
		if (to != from && (all || to == only))
			link_way_send(&w->way[from][to], &w->link[from][to], data, len, now, NULL);
}

unsigned wire_collect(struct wire *w, struct host *h, struct mono now)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned all = 0;
	unsigned n;

	for (; (n = net_collect(h->net, frames, NET_BURST)) > 0; all += n)
		for (unsigned i = 0; i < n; i++) {
			uint8_t data[FRAME_MAX];
			uint32_t len = 0;

			if (frames[i]->pkt_len > sizeof(data))
				abort();
			for (const struct rte_mbuf *s = frames[i]; s; s = s->next) {
				memcpy(data + len, rte_pktmbuf_mtod(s, const void *), s->data_len);
				len += s->data_len;
			}
			send_frame(w, h->index, data, len, now);
			rte_pktmbuf_free(frames[i]);
		}
	return all;
}

static struct link_frame *first(struct wire *w, unsigned to, struct mono now)
{
	struct link_frame *frame = NULL;

	for (unsigned from = 0; from < w->host_n && !frame; from++)
		frame = link_way_receive(&w->way[from][to], now);
	return frame;
}

unsigned wire_arrive(struct wire *w, const struct host *h, struct rte_mbuf **frames, unsigned max,
	struct mono now)
{
	struct link_frame *frame;
	unsigned n = 0;

	while (n < max && (frame = first(w, h->index, now))) {
		struct rte_mbuf *m = h->net ? rte_pktmbuf_alloc(h->pool) : NULL;

		if (m) {
			memcpy(rte_pktmbuf_append(m, (uint16_t)frame->len), frame->data,
				frame->len);
			frames[n++] = m;
		}
		free(frame);
	}
	return n;
}

struct mono wire_next(const struct wire *w, unsigned to)
{
	struct mono next = MONO_NEVER;

	for (unsigned from = 0; from < w->host_n; from++)
		next = mono_min(next, link_way_next(&w->way[from][to]));
	return next;
}
