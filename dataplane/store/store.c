#include "dataplane/store/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "dataplane/session/client.h"
#include "dataplane/store/core.h"

struct store_config store_config_default(void)
{
	return (struct store_config){
		.lanes = 2,
		.bulk = 4,
		.slow = 400,
		.failure_limit = 2,
		.retry_timeout = 30 * NS_PER_SEC,
		.client_buffer = 262144,
		.value_max = RESP_BULK_MAX,
	};
}

static uint32_t between(uint32_t v, uint32_t min, uint32_t max)
{
	return v < min ? min : v > max ? max : v;
}

// One lane after the other, until one fails at once.
static void open_lanes(struct store *store, struct mono now)
{
	for (uint32_t i = 0; i < store->lane_n; i++) {
		struct store_conn *c = &store->lane[i];

		if (c->state == STORE_DOWN && backoff_may_connect(&store->backoff, now))
			store_conn_open(c, now);
	}
}

int store_new(
	const struct store_config *config, struct stats *stats, struct mono now, struct store **out)
{
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store)
		return -ENOMEM;
	store->config = *config;
	if (store->config.client_buffer < REQUEST_BUFFER_MIN)
		store->config.client_buffer = REQUEST_BUFFER_MIN;
	store->stats = stats;
	store->tick_at = now;
	store->lane_n = between(config->lanes, 2, STORE_LANES_MAX);
	store->bulk_n = between(config->bulk, 1, STORE_BULK_MAX);
	store->config.slow = between(config->slow, 0, STORE_SLOW_MAX);
	store->backoff = (struct backoff){
		.eject = config->auto_eject,
		.limit = config->failure_limit > 0 ? config->failure_limit : 1,
		.retry_timeout = config->retry_timeout,
	};
	rc = store_address_parse(&store->address, config->address, config->port);
	if (rc != 0) {
		free(store);
		return rc;
	}
	for (uint32_t i = 0; i < store->lane_n; i++)
		store_conn_init(&store->lane[i], store, false);
	for (uint32_t i = 0; i < store->bulk_n; i++)
		store_conn_init(&store->bulk[i], store, true);
	for (uint32_t i = 0; i < store->config.slow; i++)
		store_conn_init(&store->slow[i], store, false);
	store->wanted = config->preconnect;
	if (store->wanted)
		open_lanes(store, now);
	*out = store;
	return 0;
}

static void end_conn(struct store_conn *c)
{
	// Nobody is told: the clock may stand still.
	store_conn_fail(c, STORE_END_OURS, (struct mono){0});
}

void store_free(struct store *store)
{
	struct request *r;

	if (!store)
		return;
	for (uint32_t i = 0; i < store->lane_n; i++)
		end_conn(&store->lane[i]);
	for (uint32_t i = 0; i < store->bulk_n; i++)
		end_conn(&store->bulk[i]);
	for (uint32_t i = 0; i < store->slow_used; i++)
		end_conn(&store->slow[i]);
	while ((r = store_dequeue(store, &store->bulk_wait)))
		store_refuse(store, r);
	while ((r = request_answer_pop(&store->answered))) {
		request_drop_bytes(r);
		request_drop_reply(r);
	}
	free(store);
}

static bool is_better(const struct store_conn *a, const struct store_conn *b)
{
	if (!b)
		return true;
	if (a->state != b->state)
		return a->state == STORE_UP;
	if (store_conn_is_held(a) != store_conn_is_held(b))
		return store_conn_is_held(b);
	return store_conn_load(a) < store_conn_load(b);
}

// The least loaded lane that is up or about to be; NULL when the store is away.
static struct store_conn *choose(struct store *store, struct mono now)
{
	struct store_conn *best = NULL;

	if (backoff_is_ejected(&store->backoff, now))
		return NULL;
	for (uint32_t i = 0; i < store->lane_n; i++)
		if (store->lane[i].state != STORE_DOWN && is_better(&store->lane[i], best))
			best = &store->lane[i];
	return best;
}

// `client` NULL: a copy whose client is gone.
static struct store_conn *lane_of(struct store *store, struct client *client, struct mono now)
{
	struct store_conn *c = NULL;

	if (client && client->lane != CLIENT_LANE_NONE) {
		c = store_at(store, client->lane);
		if (c->state != STORE_DOWN && !backoff_is_ejected(&store->backoff, now))
			return c;
	}
	c = choose(store, now);
	if (!c && backoff_may_connect(&store->backoff, now)) {
		open_lanes(store, now);
		c = choose(store, now);
	}
	if (c && client)
		client->lane = store_place(store, c);
	return c;
}

static void issue(struct store *store, struct request *r, struct mono now)
{
	struct store_conn *c;

	r->store_at = now;
	if (request_is_discarded(r)) {
		store_let_go(store, r);
		return;
	}
	if (r->flags & REQUEST_BULK) {
		store_enqueue(store, &store->bulk_wait, r);
		return;
	}
	c = lane_of(store, request_keeper(r), now);
	if (!c) {
		store_refuse(store, r);
		return;
	}
	store_enqueue(store, &c->wait, r);
}

void store_issue(struct store *store, struct request_queue *issued, const struct snapshot *snapshot,
	struct mono now)
{
	struct request *r;

	if (snapshot)
		store->timeout = snapshot->timeout_ms * NS_PER_MS;
	if (issued->head)
		store->wanted = true;
	while ((r = request_pop(issued)))
		issue(store, r, now);
}

static void poll_lane(struct store_conn *c, struct mono now, unsigned *work)
{
	if (c->state == STORE_CONNECTING)
		store_conn_check(c, now);
	if (c->state == STORE_UP && store_write(c, now, work))
		store_read(c, now, work);
}

unsigned store_poll(struct store *store, struct mono now)
{
	unsigned work = 0;

	for (uint32_t i = 0; i < store->lane_n; i++)
		if (store->lane[i].state != STORE_DOWN)
			poll_lane(&store->lane[i], now, &work);
	store_bulk_poll(store, now, &work);
	store_slow_poll(store, now, &work);
	return work;
}

struct request_queue *store_answered(struct store *store)
{
	return &store->answered;
}

void store_advance(struct store *store, struct mono now)
{
	if (!mono_due(now, store->tick_at))
		return;
	store->tick_at = mono_add(now, STORE_TICK_NS);
	store->roomy = rte_mempool_avail_count(store->config.big) > store->config.big->size / 2;
	if (store->wanted)
		open_lanes(store, now);
	for (uint32_t i = 0; i < store->lane_n; i++)
		store_expire(&store->lane[i], now);
	for (uint32_t i = 0; i < store->bulk_n; i++)
		store_expire(&store->bulk[i], now);
	for (uint32_t i = 0; i < store->slow_used; i++)
		store_expire(&store->slow[i], now);
	store_expire_queue(store, &store->bulk_wait, (struct mono){0}, now);
	store_slow_check(store, now);
}

static bool all_up(const struct store *store)
{
	for (uint32_t i = 0; i < store->lane_n; i++)
		if (store->lane[i].state != STORE_UP)
			return false;
	return true;
}

static bool is_busy(const struct store *store)
{
	for (uint32_t i = 0; i < store->lane_n; i++)
		if (store_conn_load(&store->lane[i]) > 0)
			return true;
	for (uint32_t i = 0; i < store->bulk_n; i++)
		if (store->bulk[i].flight.n > 0)
			return true;
	return store->bulk_wait.n > 0 || store->slow_used > 0;
}

struct mono store_next(const struct store *store)
{
	if (is_busy(store))
		return store->tick_at;
	if (store->wanted && !all_up(store))
		return (struct mono){store->tick_at.ns > store->backoff.retry_at.ns
				? store->tick_at.ns
				: store->backoff.retry_at.ns};
	return MONO_NEVER;
}

static unsigned add_fd(const struct store_conn *c, struct idle_fd *fds, unsigned n, unsigned max)
{
	short events = 0;

	if (c->state == STORE_DOWN || n == max)
		return n;
	if (c->state == STORE_CONNECTING || c->out.bytes > 0)
		events |= POLLOUT;
	if (c->state == STORE_UP && !store_conn_is_paused(c))
		events |= POLLIN;
	if (events == 0)
		return n;
	fds[n] = (struct idle_fd){.fd = c->fd, .events = events};
	return n + 1;
}

unsigned store_fds(const struct store *store, struct idle_fd *fds, unsigned max)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < store->lane_n; i++)
		n = add_fd(&store->lane[i], fds, n, max);
	for (uint32_t i = 0; i < store->bulk_n; i++)
		n = add_fd(&store->bulk[i], fds, n, max);
	for (uint32_t i = 0; i < store->slow_used; i++)
		n = add_fd(&store->slow[i], fds, n, max);
	return n;
}

struct store_usage store_usage(const struct store *store)
{
	struct store_usage usage = {
		.waiting = store->bulk_wait.n, .ejected = store->backoff.ejected};

	for (uint32_t i = 0; i < store->lane_n; i++) {
		usage.connected += store->lane[i].state == STORE_UP;
		usage.waiting += store->lane[i].wait.n;
		usage.in_flight += store->lane[i].flight.n;
	}
	for (uint32_t i = 0; i < store->bulk_n; i++) {
		usage.bulk += store->bulk[i].state != STORE_DOWN;
		usage.in_flight += store->bulk[i].flight.n;
	}
	for (uint32_t i = 0; i < store->slow_used; i++) {
		usage.slow += store->slow[i].state != STORE_DOWN;
		usage.waiting += store->slow[i].wait.n;
		usage.in_flight += store->slow[i].flight.n;
	}
	return usage;
}
