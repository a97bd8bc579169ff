#include "controlplane/cluster/cluster_build.h"

#include <stdlib.h>
#include <string.h>

// What is filled in, from the front.
struct builder {
	struct snapshot *snapshot;
	struct snapshot_node *node; // the next
	uint32_t *token;            // the next
};

// Text that is too long is cut by nobody: the checks of the configuration keep it short enough.
static bool copy_text(char *out, size_t size, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len >= size)
		return false;
	memcpy(out, text != NULL ? text : "", len);
	return true;
}

// The node gets its texts and tokens. False when a text is too long.
static bool add_node(struct builder *b, const char *host, const char *dc, const char *rack,
	const struct conf_tokens *tokens)
{
	struct snapshot *s = b->snapshot;
	struct snapshot_node *node = b->node++;

	node->token_first = s->token_n;
	node->token_n = tokens->n;
	node->state = NODE_NORMAL;
	if (tokens->n > 0)
		memcpy(b->token, tokens->v, tokens->n * sizeof(uint32_t));
	b->token += tokens->n;
	s->token_n += tokens->n;
	s->node_n++;
	return copy_text(node->host, sizeof(node->host), host) &&
		copy_text(node->dc, sizeof(node->dc), dc) &&
		copy_text(node->rack, sizeof(node->rack), rack);
}

bool cluster_addr_is_any(const struct ip_addr *addr)
{
	return ip_addr_is_any(addr) || (ip_addr_is_v4(addr) && ip_addr_v4(addr) == 0);
}

// Where others reach this node: dyn_listen, or, when it listens on all addresses, the first of the
// same family.
static struct ip_addr own_addr(const struct conf *conf)
{
	const struct conf_addr *listen = &conf->pool.dyn_listen;
	const struct conf_prefixes *own = &conf->dataplane.address;

	if (!listen->is_ip)
		return IP_ADDR_ANY;
	if (!cluster_addr_is_any(&listen->ip))
		return listen->ip;
	for (uint32_t i = 0; i < own->n; i++)
		if (ip_addr_is_v4(&own->v[i].addr) == ip_addr_is_v4(&listen->ip))
			return own->v[i].addr;
	return IP_ADDR_ANY;
}

static bool add_self(struct builder *b, const struct conf *conf)
{
	const struct conf_pool *pool = &conf->pool;
	struct snapshot_node *node = b->node;

	node->addr = own_addr(conf);
	node->port = pool->dyn_listen.port;
	node->is_local = 1;
	return add_node(b, pool->dyn_listen.host, pool->datacenter, pool->rack, &pool->tokens);
}

static bool add_seed(struct builder *b, const struct conf_seed *seed, const struct names *names)
{
	const struct ip_addr *named = names != NULL ? names_addr(names, seed->host) : NULL;
	struct snapshot_node *node = b->node;

	node->port = seed->port;
	if (seed->is_ip)
		node->addr = seed->ip;
	else if (named != NULL)
		node->addr = *named;
	return add_node(b, seed->host, seed->dc, seed->rack, &seed->tokens);
}

static size_t room_for(const struct conf_pool *pool)
{
	uint32_t token_n = pool->tokens.n;

	for (uint32_t i = 0; i < pool->dyn_seeds.n; i++)
		token_n += pool->dyn_seeds.v[i].tokens.n;
	return snapshot_size(1 + pool->dyn_seeds.n, token_n);
}

struct snapshot *cluster_build(
	const struct conf *conf, const struct names *names, const char **error)
{
	const struct conf_seeds *seeds = &conf->pool.dyn_seeds;
	struct snapshot *s = calloc(1, room_for(&conf->pool));
	struct builder b = {.snapshot = s};
	bool fits;

	*error = "out of memory";
	if (s == NULL)
		return NULL;
	b.node = (struct snapshot_node *)(void *)(s + 1);
	b.token = (uint32_t *)(void *)(b.node + 1 + seeds->n);
	s->state = NODE_NORMAL;
	s->hash = conf->pool.hash;
	if (conf->pool.hash_tag != NULL)
		memcpy(s->hash_tag, conf->pool.hash_tag, sizeof(s->hash_tag));
	fits = add_self(&b, conf);
	for (uint32_t i = 0; i < seeds->n && fits; i++)
		fits = add_seed(&b, &seeds->v[i], names);
	*error = "the name of a host, datacentre or rack is too long";
	if (fits)
		return s;
	free(s);
	return NULL;
}
