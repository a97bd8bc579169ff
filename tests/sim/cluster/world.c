#include "tests/sim/cluster/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/client.h"
#include "tests/sim/cluster/wire.h"
#include "tests/support/eal.h"

#define STEP_NS (10 * NS_PER_US)
#define SETTLE_NS (40 * NS_PER_SEC)
#define LEAVE_NS (15 * NS_PER_SEC)
#define TURNS_MAX UINT64_C(20000000)

struct world {
	const struct plan *plan;
	struct mono now;
	uint64_t turns;
	struct wire wire;
	struct history history;
	struct clients clients;
	struct dict dict[PLAN_NODES_MAX];
	struct host host[WIRE_HOSTS]; // the last one is the clients'
	bool on[PLAN_FAULTS_MAX];     // the fault was on when we looked last
	struct mono look_at;          // when a fault begins or ends next
};

// --- nodes come and go

static void start_node(struct world *w, unsigned i)
{
	struct host *h = &w->host[i];
	struct mono now = host_now(h, w->now);

	host_start(h, i, w->plan->seed * 7919 + i * 131 + h->life, now);
	host_start_node(h, w->plan, &w->dict[i], now);
}

static void stop_node(struct world *w, unsigned i)
{
	const char *wrong = host_stop(&w->host[i]);

	if (wrong)
		history_wrong(&w->history, "node %u: %s at its end", i, wrong);
}

static bool has_fault(const struct world *w, unsigned node, enum plan_fault_kind kind)
{
	for (unsigned i = 0; i < w->plan->fault_n; i++) {
		const struct plan_fault *f = &w->plan->fault[i];

		if (f->kind == kind && f->node == node && fault_is_on(f, w->now))
			return true;
	}
	return false;
}

static void set_node(struct world *w, unsigned i)
{
	struct host *h = &w->host[i];
	bool off = has_fault(w, i, PLAN_CRASH);

	if (off && h->net)
		stop_node(w, i);
	if (!off && !h->net)
		start_node(w, i);
	if (!h->session)
		return;
	if (has_fault(w, i, PLAN_STORE_END) && !h->stage.is_away)
		stage_end(&h->stage);
	h->stage.is_away = has_fault(w, i, PLAN_STORE_END);
	h->stage.hangs = has_fault(w, i, PLAN_STORE_HANG);
	if (mono_due(w->now, mono_add(WORLD_BEGIN, w->plan->load)))
		h->stage.error = 0;
	h->busy = true;
}

static void begin_fault(struct world *w, const struct plan_fault *f)
{
	struct host *h = &w->host[f->node];

	if (f->loses)
		dict_clear(&w->dict[f->node]);
	if (f->kind == PLAN_NEW_EPOCH && h->session)
		host_new_epoch(h, w->plan, h->snapshot->epoch + 1);
}

static void set_faults(struct world *w)
{
	if (!mono_due(w->now, w->look_at))
		return;
	w->look_at = MONO_NEVER;
	for (unsigned i = 0; i < w->plan->fault_n; i++) {
		const struct plan_fault *f = &w->plan->fault[i];
		struct mono edge[2] = {
			mono_add(WORLD_BEGIN, f->from), mono_add(WORLD_BEGIN, f->until)};

		for (unsigned e = 0; e < 2; e++)
			if (mono_before(w->now, edge[e]))
				w->look_at = mono_min(w->look_at, edge[e]);
		if (fault_is_on(f, w->now) && !w->on[i])
			begin_fault(w, f);
		w->on[i] = fault_is_on(f, w->now);
	}
	if (mono_before(w->now, mono_add(WORLD_BEGIN, w->plan->load)))
		w->look_at = mono_min(w->look_at, mono_add(WORLD_BEGIN, w->plan->load));
	wire_set(&w->wire, w->now);
	for (unsigned i = 0; i < w->plan->node_n; i++)
		set_node(w, i);
}

// --- time

static struct mono host_due(const struct world *w, const struct host *h)
{
	struct mono next = wire_next(&w->wire, h->index);
	struct mono own;

	if (!h->net)
		return next;
	own = host_next(h);
	if (own.ns != MONO_NEVER.ns)
		next = mono_min(next, (struct mono){own.ns > h->clock ? own.ns - h->clock : 0});
	if (h->index == w->plan->node_n)
		next = mono_min(next, clients_next(&w->clients));
	return h->busy ? w->now : next;
}

// Without a buffer nothing leaves, and others have to give some back first.
static void send_all(struct world *w, struct host *h, struct mono now)
{
	bool all;

	do
		all = tcp_output(h->tcp, now);
	while (wire_collect(&w->wire, h, w->now) > 0 && !all);
	h->busy |= !all;
}

static void turn(struct world *w, struct host *h)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = wire_arrive(&w->wire, h, frames, NET_BURST, w->now);
	struct mono now = host_now(h, w->now);

	if (!h->net)
		return;
	w->turns++;
	if (h->session) {
		host_turn(h, frames, n, w->now);
	} else {
		host_input(h, frames, n, now);
		clients_turn(&w->clients, w->now);
		h->busy = n > 0;
	}
	send_all(w, h, now);
}

static void step(struct world *w)
{
	struct mono next = MONO_NEVER;

	set_faults(w);
	for (unsigned i = 0; i < w->wire.host_n; i++)
		if (mono_due(w->now, host_due(w, &w->host[i])))
			turn(w, &w->host[i]);
	for (unsigned i = 0; i < w->wire.host_n; i++)
		next = mono_min(next, host_due(w, &w->host[i]));
	next = mono_min(next, w->look_at);
	w->now = mono_add(w->now, STEP_NS);
	if (mono_before(w->now, next))
		w->now = next;
	if (w->turns > TURNS_MAX)
		history_wrong(&w->history, "no end of turns");
}

// Until `done`, or for so long.
static void run(struct world *w, uint64_t ns, bool (*done)(const struct clients *cs))
{
	struct mono end = mono_add(w->now, ns);

	while (!w->history.wrong[0] && mono_before(w->now, end) && !(done && done(&w->clients)))
		step(w);
	// Time may have jumped over a long silence.
	if (mono_before(end, w->now) && !done)
		w->now = end;
}

// --- judging

static void judge_host(struct world *w, const struct host *h)
{
	struct session_usage s;
	struct peers_usage p;

	if (!h->session)
		return;
	s = session_usage(h->session);
	p = peers_usage(h->peers);
	if (s.requests + s.copies + s.txns + s.parsers + s.names > 0)
		history_wrong(&w->history,
			"node %u keeps %u requests, %u copies, %u transactions, %u parsers, %u "
			"names",
			h->index, s.requests, s.copies, s.txns, s.parsers, s.names);
	if (p.waiting + p.in_flight + p.bytes > 0)
		history_wrong(&w->history,
			"node %u has %u requests waiting for peers, %u in flight", h->index,
			p.waiting, p.in_flight);
}

static bool same(const struct dict_item *a, const struct dict_item *b)
{
	return a && b && a->is_set == b->is_set && a->len == b->len &&
		memcmp(a->text, b->text, a->len) == 0;
}

static void judge_item(struct world *w, unsigned node, const struct dict_item *item)
{
	struct slice key = slice_make(item->key, item->key_len);

	for (uint8_t d = 0; d < w->plan->dc_n; d++)
		for (uint8_t r = 0; r < w->plan->rack_n[d]; r++) {
			uint8_t other = plan_owner(w->plan, d, r, key);

			if (!same(item, dict_find(&w->dict[other], key)))
				history_wrong(&w->history, "nodes %u and %u differ in \"%.*s\"",
					node, other, (int)key.len, key.ptr);
		}
}

static void judge(struct world *w)
{
	for (unsigned i = 0; i < w->plan->node_n; i++)
		judge_host(w, &w->host[i]);
	history_judge(&w->history);
	for (unsigned i = 0; i < w->plan->node_n && w->plan->quiet; i++)
		for (unsigned b = 0; b < 256; b++)
			for (const struct dict_item *item = w->dict[i].item[b]; item;
				item = item->next)
				judge_item(w, i, item);
}

// --- a run

static void begin(struct world *w)
{
	static char memory[2][8] = {"-m", "512"};
	static char *const eal[] = {memory[0], memory[1]};
	struct host *clients = &w->host[w->plan->node_n];

	test_eal_start_with(eal, 2);
	w->now = WORLD_BEGIN;
	history_init(&w->history, w->plan);
	wire_init(&w->wire, w->plan);
	for (unsigned i = 0; i < w->plan->node_n; i++) {
		dict_init(&w->dict[i], &w->history, (uint8_t)i);
		w->host[i].clock = w->plan->node[i].clock;
		w->host[i].index = i;
	}
	host_start(clients, w->plan->node_n, w->plan->seed, w->now);
	clients_init(&w->clients, w->plan, &w->history, clients, w->host);
}

static void end(struct world *w)
{
	for (unsigned i = 0; i < w->plan->node_n; i++) {
		if (w->host[i].net)
			stop_node(w, i);
		dict_clear(&w->dict[i]);
	}
	if (host_stop(&w->host[w->plan->node_n]))
		history_wrong(&w->history, "the clients leaked packet buffers");
	wire_fini(&w->wire);
	clients_fini(&w->clients);
}

static void run_all(struct world *w)
{
	run(w, w->plan->load, NULL);
	w->clients.phase = CLIENT_WAIT;
	run(w, 2 * plan_patience(w->plan), clients_quiet);
	run(w, w->plan->quiet ? NS_PER_SEC : SETTLE_NS, NULL);
	w->clients.phase = CLIENT_PROBE;
	w->host[w->plan->node_n].busy = true;
	run(w, 2 * plan_patience(w->plan), clients_probed);
	if (!w->history.wrong[0] && !clients_probed(&w->clients))
		history_wrong(&w->history, "not every client gets through at the end");
	w->clients.phase = CLIENT_LEAVE;
	w->host[w->plan->node_n].busy = true;
	run(w, LEAVE_NS, NULL);
	if (!w->history.wrong[0])
		judge(w);
}

bool world_run(const struct plan *plan, struct world_totals *totals)
{
	struct world *w = calloc(1, sizeof(*w));
	bool ok;

	if (!w)
		abort();
	w->plan = plan;
	begin(w);
	run_all(w);
	if (!w->history.wrong[0])
		end(w);
	ok = !w->history.wrong[0];
	if (!ok)
		fprintf(stderr, "seed %llu, at %.6f s: %s\n", (unsigned long long)plan->seed,
			(double)(w->now.ns - WORLD_BEGIN.ns) / 1e9, w->history.wrong);
	totals->requests += w->history.n;
	totals->good += w->history.good;
	totals->errors += w->history.errors;
	totals->abandoned += w->history.abandoned;
	totals->checked += w->history.checked;
	totals->turns += w->turns;
	// A run that failed may hold anything: its process ends.
	if (!ok)
		return false;
	history_fini(&w->history);
	free(w);
	return true;
}
