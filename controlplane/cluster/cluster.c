#include "controlplane/cluster/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cluster/cluster_build.h"

// What was set over REST since the control plane started, be it to what it was.
enum touched {
	TOUCHED_STATE = 1 << 0,
	TOUCHED_CONSISTENCY = 1 << 1,
	TOUCHED_TIMEOUTS = 1 << 2,
};

struct cluster {
	uint64_t next_epoch;
	struct snapshot *snapshot;
	enum node_state state;
	uint32_t factor;
	struct cluster_settings file;   // as the file said last
	struct cluster_settings wanted; // in effect
	unsigned touched;               // enum touched
	unsigned event_n;               // all there ever were
	struct cluster_event event[CLUSTER_EVENTS];
};

struct cluster *cluster_new(uint64_t wall_ms)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (cluster == NULL)
		return NULL;
	cluster->next_epoch = wall_ms > 0 ? wall_ms : 1;
	cluster->state = NODE_NORMAL;
	cluster->factor = 1;
	return cluster;
}

void cluster_free(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	free(cluster->snapshot);
	free(cluster);
}

static size_t size_of(const struct snapshot *s)
{
	return s != NULL ? snapshot_size(s->node_n, s->token_n) : 0;
}

static void note(struct cluster *cluster, struct cluster_why why)
{
	struct cluster_event *event = &cluster->event[cluster->event_n++ % CLUSTER_EVENTS];

	event->epoch = cluster->snapshot->epoch;
	event->wall_ms = why.wall_ms;
	snprintf(event->cause, sizeof(event->cause), "%s", why.text);
}

static enum cluster_change changed(struct cluster *cluster, struct cluster_why why)
{
	cluster->snapshot->epoch = cluster->next_epoch++;
	note(cluster, why);
	return CLUSTER_CHANGED;
}

static void put_settings(const struct cluster *cluster, struct snapshot *s)
{
	const struct cluster_settings *wanted = &cluster->wanted;
	uint64_t timeout_ms = (uint64_t)wanted->timeout_ms * cluster->factor;
	struct snapshot_node *nodes = (struct snapshot_node *)(void *)(s + 1);

	s->read_consistency = (uint8_t)wanted->read;
	s->write_consistency = (uint8_t)wanted->write;
	s->timeout_ms = timeout_ms < UINT32_MAX ? (uint32_t)timeout_ms : UINT32_MAX;
	s->read_hedge_ms = wanted->read_hedge_ms;
	s->state = (uint8_t)cluster->state;
	s->said = (struct snapshot_said){
		.file_timeout_ms = cluster->file.timeout_ms,
		.file_read_hedge_ms = cluster->file.read_hedge_ms,
		.timeout_ms = wanted->timeout_ms,
		.factor = (uint8_t)cluster->factor,
		.file_read = (uint8_t)cluster->file.read,
		.file_write = (uint8_t)cluster->file.write,
	};
	for (uint32_t i = 0; i < s->node_n; i++)
		if (nodes[i].is_local)
			nodes[i].state = s->state;
}

// The newest wish counts: a value of the file that is not what it was before.
static void take_file(struct cluster *cluster, const struct conf_pool *pool)
{
	struct cluster_settings now = {
		.read = (enum consistency)pool->read_consistency,
		.write = (enum consistency)pool->write_consistency,
		.timeout_ms = pool->timeout,
		.read_hedge_ms = pool->read_hedge_ms,
	};
	struct cluster_settings *wanted = &cluster->wanted;
	bool first = cluster->snapshot == NULL;

	if (first || now.read != cluster->file.read)
		wanted->read = now.read;
	if (first || now.write != cluster->file.write)
		wanted->write = now.write;
	if (first || now.timeout_ms != cluster->file.timeout_ms)
		wanted->timeout_ms = now.timeout_ms;
	if (first || now.read_hedge_ms != cluster->file.read_hedge_ms)
		wanted->read_hedge_ms = now.read_hedge_ms;
	cluster->file = now;
}

enum cluster_change cluster_apply(struct cluster *cluster, const struct conf *conf,
	const struct names *names, struct cluster_why why, const char **error)
{
	struct snapshot *old = cluster->snapshot;
	struct snapshot *s = cluster_build(conf, names, error);

	if (s == NULL)
		return CLUSTER_FAILED;
	s->epoch = old != NULL ? old->epoch : cluster->next_epoch;
	*error = snapshot_check(s, size_of(s));
	if (*error != NULL) {
		free(s);
		return CLUSTER_FAILED;
	}
	take_file(cluster, &conf->pool);
	put_settings(cluster, s);
	if (old != NULL && size_of(old) == size_of(s) && memcmp(old, s, size_of(s)) == 0) {
		free(s);
		return CLUSTER_SAME;
	}
	free(old);
	cluster->snapshot = s;
	return changed(cluster, why);
}

enum cluster_change cluster_readdress(
	struct cluster *cluster, const struct names *names, uint64_t wall_ms)
{
	struct snapshot *s = cluster->snapshot;
	struct snapshot_node *nodes = (struct snapshot_node *)(void *)(s + 1);
	const struct snapshot_node *first = NULL;
	char ip[IP_ADDR_TEXT_MAX];
	char text[CLUSTER_CAUSE_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < s->node_n; i++) {
		const struct ip_addr *addr = names_addr(names, nodes[i].host);

		if (nodes[i].is_local || addr == NULL || ip_addr_eq(addr, &nodes[i].addr))
			continue;
		nodes[i].addr = *addr;
		if (n++ == 0)
			first = &nodes[i];
	}
	if (first == NULL)
		return CLUSTER_SAME;
	n--;
	snprintf(text, sizeof(text), "%.80s has the address %s", first->host,
		ip_addr_format(&first->addr, ip));
	if (n > 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", and %u more changed",
			n);
	return changed(cluster, (struct cluster_why){.wall_ms = wall_ms, .text = text});
}

enum cluster_change cluster_set_state(
	struct cluster *cluster, enum node_state state, struct cluster_why why)
{
	cluster->touched |= TOUCHED_STATE;
	if (cluster->state == state)
		return CLUSTER_SAME;
	cluster->state = state;
	put_settings(cluster, cluster->snapshot);
	return changed(cluster, why);
}

enum cluster_change cluster_set_consistency(struct cluster *cluster, enum consistency read,
	enum consistency write, struct cluster_why why)
{
	struct cluster_settings *wanted = &cluster->wanted;

	cluster->touched |= TOUCHED_CONSISTENCY;
	if (wanted->read == read && wanted->write == write)
		return CLUSTER_SAME;
	wanted->read = read;
	wanted->write = write;
	put_settings(cluster, cluster->snapshot);
	return changed(cluster, why);
}

enum cluster_change cluster_set_timeouts(
	struct cluster *cluster, const struct cluster_timeouts *timeouts, struct cluster_why why)
{
	const struct cluster_timeouts old = cluster_timeouts(cluster);

	cluster->touched |= TOUCHED_TIMEOUTS;
	if (old.timeout_ms == timeouts->timeout_ms && old.factor == timeouts->factor &&
		old.read_hedge_ms == timeouts->read_hedge_ms)
		return CLUSTER_SAME;
	cluster->factor = timeouts->factor;
	cluster->wanted.timeout_ms = timeouts->timeout_ms;
	cluster->wanted.read_hedge_ms = timeouts->read_hedge_ms;
	put_settings(cluster, cluster->snapshot);
	return changed(cluster, why);
}

static void take_consistency(struct cluster *cluster, const struct snapshot *theirs)
{
	struct cluster_settings *wanted = &cluster->wanted;

	if (theirs->said.file_read == (uint8_t)cluster->file.read)
		wanted->read = (enum consistency)theirs->read_consistency;
	if (theirs->said.file_write == (uint8_t)cluster->file.write)
		wanted->write = (enum consistency)theirs->write_consistency;
}

static void take_timeouts(struct cluster *cluster, const struct snapshot *theirs)
{
	const struct snapshot_said *said = &theirs->said;

	cluster->factor = said->factor < CLUSTER_FACTOR_MAX ? said->factor : CLUSTER_FACTOR_MAX;
	if (said->file_timeout_ms == cluster->file.timeout_ms)
		cluster->wanted.timeout_ms = said->timeout_ms;
	if (said->file_read_hedge_ms == cluster->file.read_hedge_ms)
		cluster->wanted.read_hedge_ms = theirs->read_hedge_ms;
}

enum cluster_change cluster_take_over(
	struct cluster *cluster, const struct snapshot *theirs, uint64_t wall_ms)
{
	const struct snapshot before = *cluster->snapshot;
	const struct cluster_settings *wanted = &cluster->wanted;
	char text[CLUSTER_CAUSE_MAX];

	if (theirs->said.factor == 0)
		return CLUSTER_SAME;
	// Others are found out, not set.
	if ((cluster->touched & TOUCHED_STATE) == 0 && theirs->state >= NODE_STANDBY &&
		theirs->state <= NODE_NORMAL)
		cluster->state = (enum node_state)theirs->state;
	if ((cluster->touched & TOUCHED_CONSISTENCY) == 0)
		take_consistency(cluster, theirs);
	if ((cluster->touched & TOUCHED_TIMEOUTS) == 0)
		take_timeouts(cluster, theirs);
	put_settings(cluster, cluster->snapshot);
	if (memcmp(&before, cluster->snapshot, sizeof(before)) == 0)
		return CLUSTER_SAME;
	snprintf(text, sizeof(text),
		"kept from before the restart: %s, %s for reads, %s for writes, %" PRIu32
		" ms times %" PRIu32 ", read_hedge %" PRIu32 " ms",
		node_state_name(cluster->state), consistency_name(wanted->read),
		consistency_name(wanted->write), wanted->timeout_ms, cluster->factor,
		wanted->read_hedge_ms);
	return changed(cluster, (struct cluster_why){.wall_ms = wall_ms, .text = text});
}

struct cluster_settings cluster_file(const struct cluster *cluster)
{
	return cluster->file;
}

struct cluster_timeouts cluster_timeouts(const struct cluster *cluster)
{
	return (struct cluster_timeouts){
		.timeout_ms = cluster->wanted.timeout_ms,
		.factor = cluster->factor,
		.read_hedge_ms = cluster->wanted.read_hedge_ms,
	};
}

void cluster_overtake(struct cluster *cluster, uint64_t epoch)
{
	if (cluster->snapshot == NULL || epoch < cluster->snapshot->epoch ||
		epoch >= UINT64_MAX - 1)
		return;
	cluster->snapshot->epoch = epoch + 1;
	cluster->next_epoch = epoch + 2;
	// The same contents for the same reason.
	cluster->event[(cluster->event_n - 1) % CLUSTER_EVENTS].epoch = epoch + 1;
}

const struct snapshot *cluster_snapshot(const struct cluster *cluster)
{
	return cluster->snapshot;
}

size_t cluster_snapshot_size(const struct cluster *cluster)
{
	return size_of(cluster->snapshot);
}

const struct snapshot_node *cluster_local(const struct cluster *cluster)
{
	const struct snapshot *s = cluster->snapshot;

	for (uint32_t i = 0; s != NULL && i < s->node_n; i++)
		if (snapshot_nodes(s)[i].is_local)
			return &snapshot_nodes(s)[i];
	return NULL;
}

const struct cluster_event *cluster_event(const struct cluster *cluster, unsigned back)
{
	if (back >= cluster->event_n || back >= CLUSTER_EVENTS)
		return NULL;
	return &cluster->event[(cluster->event_n - 1 - back) % CLUSTER_EVENTS];
}
