#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cluster/ring.h"
#include "common/conf/conf_check.h"

#define SELF UINT32_MAX // in the place of an index into dyn_seeds

// A token and whose it is.
struct place {
	const char *dc;
	const char *rack;
	uint32_t token;
	uint32_t node; // of dyn_seeds, or SELF
};

// At the line of the seed, not of the list.
#define fail_seed(c, seed, ...) \
	conf_report_add((c)->report, CONF_ERROR, (seed)->line, "dyn_seeds", __VA_ARGS__)

static bool is_self(const struct conf *conf, const struct conf_seed *seed)
{
	const struct conf_addr *own = &conf->pool.dyn_listen;

	if (own->host == NULL || seed->port != own->port)
		return false;
	if (!conf_addr_is_any(own) && strcasecmp(seed->host, own->host) == 0)
		return true;
	return seed->is_ip &&
		((own->is_ip && ip_addr_eq(&own->ip, &seed->ip)) ||
			conf_is_own_address(conf, &seed->ip));
}

static void check_self(const struct checker *c)
{
	const struct conf_seeds *seeds = &c->conf->pool.dyn_seeds;

	for (uint32_t i = 0; i < seeds->n; i++)
		if (is_self(c->conf, &seeds->v[i]))
			fail_seed(c, &seeds->v[i],
				"\"%s:%u\" is this node itself; the list is of all others, take it "
				"out",
				seeds->v[i].host, (unsigned)seeds->v[i].port);
}

// However they are spelled: an address has many ways, a name two cases.
static int compare_nodes(const struct conf_seed *x, const struct conf_seed *y)
{
	int order = (int)x->is_ip - (int)y->is_ip;

	if (order != 0)
		return order;
	return x->is_ip ? memcmp(x->ip.b, y->ip.b, sizeof(x->ip.b)) : strcasecmp(x->host, y->host);
}

static int compare_hosts(const void *a, const void *b)
{
	const struct conf_seed *const *x = a;
	const struct conf_seed *const *y = b;
	int order = compare_nodes(*x, *y);

	if (order == 0)
		order = (int)(*x)->port - (int)(*y)->port;
	if (order == 0)
		order = *x < *y ? -1 : *x > *y; // of one array, in the file's order
	return order;
}

static void check_twice(const struct checker *c)
{
	const struct conf_seeds *seeds = &c->conf->pool.dyn_seeds;
	const struct conf_seed **sorted = calloc(seeds->n + 1, sizeof(struct conf_seed *));

	if (sorted == NULL)
		return;
	for (uint32_t i = 0; i < seeds->n; i++)
		sorted[i] = &seeds->v[i];
	qsort(sorted, seeds->n, sizeof(struct conf_seed *), compare_hosts);
	for (uint32_t i = 1; i < seeds->n; i++)
		if (compare_nodes(sorted[i], sorted[i - 1]) == 0 &&
			sorted[i]->port == sorted[i - 1]->port)
			fail_seed(c, sorted[i],
				"\"%s:%u\" is in line %u too; a node is there once, with all its "
				"tokens",
				sorted[i]->host, (unsigned)sorted[i]->port, sorted[i - 1]->line);
	free(sorted);
}

// This node first, then the seeds in the file's order: the later one is told of.
static int compare_places(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;
	int order = strcmp(x->dc, y->dc);

	if (order == 0)
		order = strcmp(x->rack, y->rack);
	if (order == 0 && x->token != y->token)
		order = x->token < y->token ? -1 : 1;
	if (order == 0)
		order = x->node + 1 < y->node + 1 ? -1 : x->node + 1 > y->node + 1;
	return order;
}

static uint32_t add_places(struct place *places, uint32_t n, const char *dc, const char *rack,
	const struct conf_tokens *tokens, uint32_t node)
{
	for (uint32_t i = 0; i < tokens->n; i++)
		places[n++] =
			(struct place){.dc = dc, .rack = rack, .token = tokens->v[i], .node = node};
	return n;
}

static void say_clash(const struct checker *c, const struct place *first, const struct place *place)
{
	const struct conf_seed *seeds = c->conf->pool.dyn_seeds.v;
	const struct conf_seed *seed = &seeds[place->node];

	if (first->node == place->node)
		fail_seed(c, seed, "\"%s\" has token %u twice", seed->name, place->token);
	else if (first->node == SELF)
		fail_seed(c, seed,
			"\"%s\" has token %u of this node in the same rack; is it this node "
			"itself?",
			seed->name, place->token);
	else
		fail_seed(c, seed,
			"\"%s\" has token %u of \"%s\" (line %u) in the same rack; must be another",
			seed->name, place->token, seeds[first->node].name, seeds[first->node].line);
}

// Two owners of one token: which of them is asked would depend on the order of the list.
static void check_tokens(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;
	bool own = conf_usable(c, CONF_pool_tokens) && conf_usable(c, CONF_pool_rack) &&
		conf_usable(c, CONF_pool_datacenter);
	size_t room = p->tokens.n + 1u;
	struct place *places;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->dyn_seeds.n; i++)
		room += p->dyn_seeds.v[i].tokens.n;
	places = calloc(room, sizeof(*places));
	if (places == NULL)
		return;
	if (own)
		n = add_places(places, n, p->datacenter, p->rack, &p->tokens, SELF);
	for (uint32_t i = 0; i < p->dyn_seeds.n; i++) {
		const struct conf_seed *seed = &p->dyn_seeds.v[i];

		n = add_places(places, n, seed->dc, seed->rack, &seed->tokens, i);
	}
	qsort(places, n, sizeof(*places), compare_places);
	for (uint32_t i = 1; i < n; i++)
		// This node's own token twice is told of at `tokens`.
		if (places[i].token == places[i - 1].token && places[i].node != SELF &&
			strcmp(places[i].dc, places[i - 1].dc) == 0 &&
			strcmp(places[i].rack, places[i - 1].rack) == 0)
			say_clash(c, &places[i - 1], &places[i]);
	free(places);
}

struct dc {
	const char *name;
	uint32_t rack_n;
	const char *rack[RING_RACKS_MAX];
};

struct dcs {
	uint32_t n;
	struct dc dc[RING_DCS_MAX];
};

// The index of `name`, put there when it is new; `max` when there is no room.
static uint32_t place_of(const char *const *names, uint32_t n, uint32_t max, const char *name)
{
	uint32_t i = 0;

	while (i < n && strcmp(names[i], name) != 0)
		i++;
	return i < max ? i : max;
}

static struct dc *dc_of(struct dcs *dcs, const char *name)
{
	for (uint32_t i = 0; i < dcs->n; i++)
		if (strcmp(dcs->dc[i].name, name) == 0)
			return &dcs->dc[i];
	if (dcs->n == RING_DCS_MAX)
		return NULL;
	dcs->dc[dcs->n].name = name;
	return &dcs->dc[dcs->n++];
}

static bool rack_fits(struct dc *dc, const char *rack)
{
	uint32_t i = place_of(dc->rack, dc->rack_n, RING_RACKS_MAX, rack);

	if (i == RING_RACKS_MAX)
		return false;
	dc->rack[i] = rack;
	if (i == dc->rack_n)
		dc->rack_n++;
	return true;
}

static void check_numbers(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;
	struct dcs dcs = {.n = 0};
	struct dc *dc = dc_of(&dcs, p->datacenter);

	(void)rack_fits(dc, p->rack);
	for (uint32_t i = 0; i < p->dyn_seeds.n; i++) {
		const struct conf_seed *seed = &p->dyn_seeds.v[i];

		dc = dc_of(&dcs, seed->dc);
		if (dc == NULL)
			fail_seed(c, seed, "datacentre \"%s\": must be one of at most %u", seed->dc,
				RING_DCS_MAX);
		else if (!rack_fits(dc, seed->rack))
			fail_seed(c, seed, "rack \"%s\": must be one of at most %u of \"%s\"",
				seed->rack, RING_RACKS_MAX, seed->dc);
	}
}

void conf_check_ring(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;

	if (p->dyn_seeds.n == 0)
		return;
	if (!conf_addr_is_set(&p->dyn_listen))
		conf_fail(c, CONF_pool_dyn_listen,
			"is missing: with dyn_seeds, the other nodes connect to this one; must be "
			"host:port, such as 0.0.0.0:8101");
	check_self(c);
	check_twice(c);
	check_tokens(c);
	check_numbers(c);
}
