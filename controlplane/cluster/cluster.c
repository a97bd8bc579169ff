#include "controlplane/cluster/cluster.h"

#include <stdlib.h>
#include <string.h>

struct cluster {
	uint64_t next_epoch;
	struct snapshot *snapshot;
};

struct cluster *cluster_new(uint64_t wall_ms)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (cluster != NULL)
		cluster->next_epoch = wall_ms > 0 ? wall_ms : 1;
	return cluster;
}

void cluster_free(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	free(cluster->snapshot);
	free(cluster);
}

// Text that is too long is cut by nobody: the checks of the configuration keep it short enough.
static bool copy_text(char *out, size_t size, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len >= size)
		return false;
	memcpy(out, text != NULL ? text : "", len);
	memset(out + len, 0, size - len);
	return true;
}

static struct snapshot *build(const struct conf *conf, const char **error)
{
	const struct conf_pool *pool = &conf->pool;
	struct snapshot *s = calloc(1, snapshot_size(1, pool->tokens.n));
	struct snapshot_node *node;

	*error = "out of memory";
	if (s == NULL)
		return NULL;
	node = (struct snapshot_node *)(void *)(s + 1);
	s->node_n = 1;
	s->token_n = pool->tokens.n;
	s->timeout_ms = pool->timeout;
	s->state = NODE_NORMAL;
	s->read_consistency = pool->read_consistency;
	s->write_consistency = pool->write_consistency;
	s->hash = pool->hash;
	if (pool->hash_tag != NULL)
		memcpy(s->hash_tag, pool->hash_tag, sizeof(s->hash_tag));
	node->token_n = pool->tokens.n;
	node->port = pool->dyn_listen.port;
	node->addr = pool->dyn_listen.ip;
	node->state = NODE_NORMAL;
	node->is_local = 1;
	if (pool->tokens.n > 0)
		memcpy(node + 1, pool->tokens.v, pool->tokens.n * sizeof(uint32_t));
	*error = "name of host, datacentre or rack is too long";
	if (!copy_text(node->host, sizeof(node->host), pool->dyn_listen.host) ||
		!copy_text(node->dc, sizeof(node->dc), pool->datacenter) ||
		!copy_text(node->rack, sizeof(node->rack), pool->rack)) {
		free(s);
		return NULL;
	}
	return s;
}

static size_t size_of(const struct snapshot *s)
{
	return s != NULL ? snapshot_size(s->node_n, s->token_n) : 0;
}

enum cluster_change cluster_apply(
	struct cluster *cluster, const struct conf *conf, const char **error)
{
	struct snapshot *old = cluster->snapshot;
	struct snapshot *s = build(conf, error);

	if (s == NULL)
		return CLUSTER_FAILED;
	s->epoch = old != NULL ? old->epoch : cluster->next_epoch;
	*error = snapshot_check(s, size_of(s));
	if (*error != NULL) {
		free(s);
		return CLUSTER_FAILED;
	}
	if (old != NULL && size_of(old) == size_of(s) && memcmp(old, s, size_of(s)) == 0) {
		free(s);
		return CLUSTER_SAME;
	}
	s->epoch = cluster->next_epoch++;
	free(old);
	cluster->snapshot = s;
	return CLUSTER_CHANGED;
}

void cluster_overtake(struct cluster *cluster, uint64_t epoch)
{
	if (cluster->snapshot == NULL || epoch < cluster->snapshot->epoch ||
		epoch >= UINT64_MAX - 1)
		return;
	cluster->snapshot->epoch = epoch + 1;
	cluster->next_epoch = epoch + 2;
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
