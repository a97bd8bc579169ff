#include "common/conf/conf_check.h"

#include <string.h>

#include "common/base/compiler.h"
#include "common/conf/conf_row.h"
#include "common/conf/conf_value.h"

bool conf_usable(const struct checker *c, size_t key)
{
	for (uint32_t i = 0; i < c->known; i++)
		if (c->report->message[i].severity == CONF_ERROR &&
			strcmp(c->report->message[i].key, conf_rows[key].name) == 0)
			return false;
	return true;
}

bool conf_addr_is_set(const struct conf_addr *addr)
{
	return addr->host != NULL || addr->path != NULL;
}

bool conf_is_own_address(const struct conf *conf, const struct ip_addr *ip)
{
	const struct conf_prefixes *own = &conf->dataplane.address;

	for (uint32_t i = 0; i < own->n; i++)
		if (ip_addr_eq(&own->v[i].addr, ip))
			return true;
	return false;
}

bool conf_addr_is_any(const struct conf_addr *addr)
{
	return addr->is_ip &&
		(ip_addr_is_any(&addr->ip) ||
			(ip_addr_is_v4(&addr->ip) && ip_addr_v4(&addr->ip) == 0));
}

// What the data plane listens on is on its own port, not in the kernel.
static void check_listen_addr(
	const struct checker *c, enum conf_key key, const struct conf_addr *addr)
{
	if (!conf_addr_is_set(addr) || conf_addr_is_any(addr))
		return;
	if (addr->path != NULL)
		conf_fail(c, key,
			"value \"%s\": a unix socket can't be reached through the network port; "
			"must be host:port, such as 0.0.0.0:8102",
			addr->path);
	else if (!addr->is_ip && c->role == CONF_ROLE_DATAPLANE)
		conf_fail(c, key,
			"value \"%s:%u\": a name can't be listened on; must be 0.0.0.0, [::] or "
			"one of `dataplane: address`",
			addr->host, (unsigned)addr->port);
	else if (addr->is_ip && c->conf->dataplane.address.n > 0 &&
		conf_usable(c, CONF_dataplane_address) && !conf_is_own_address(c->conf, &addr->ip))
		conf_fail(c, key,
			"value \"%s:%u\": must be 0.0.0.0, [::] or one of `dataplane: address`",
			addr->host, (unsigned)addr->port);
}

static bool overlap(const struct conf_addr *a, const struct conf_addr *b)
{
	if (!conf_addr_is_set(a) || !conf_addr_is_set(b) || a->path != NULL || b->path != NULL ||
		a->port != b->port)
		return false;
	return conf_addr_is_any(a) || conf_addr_is_any(b) || !a->is_ip || !b->is_ip ||
		ip_addr_eq(&a->ip, &b->ip);
}

static void check_listen(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;

	check_listen_addr(c, CONF_pool_listen, &p->listen);
	check_listen_addr(c, CONF_pool_dyn_listen, &p->dyn_listen);
	if (overlap(&p->listen, &p->dyn_listen))
		conf_fail(c, CONF_pool_dyn_listen,
			"value \"%s:%u\": the port is taken by listen; must be another one",
			p->dyn_listen.host, (unsigned)p->dyn_listen.port);
	if (p->stats_listen.path != NULL)
		conf_fail(c, CONF_pool_stats_listen,
			"value \"%s\": must be host:port, such as 0.0.0.0:22222",
			p->stats_listen.path);
}

// REST and a store on this host are both on the kernel's network.
static void check_stats_port(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;
	const struct conf_addr *store = p->servers.n > 0 ? &p->servers.v[0].addr : NULL;
	bool here;

	if (store == NULL || store->path != NULL)
		return;
	here = store->is_ip ? ip_addr_is_v4(&store->ip) && store->ip.b[12] == 127
			    : strcmp(store->host, "localhost") == 0;
	if (here && overlap(&p->stats_listen, store))
		conf_fail(c, CONF_pool_stats_listen, "port %u is the store's; must be another one",
			(unsigned)p->stats_listen.port);
}

static void check_tokens(const struct checker *c)
{
	const struct conf_tokens *t = &c->conf->pool.tokens;

	if (t->n == 0 && c->conf->pool.dyn_seeds.n > 0)
		conf_fail(c, CONF_pool_tokens,
			"is missing: with dyn_seeds each node needs its place in the ring, %s",
			conf_types[CONF_TYPE_TOKENS].text);
	for (uint32_t i = 1; i < t->n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (t->v[i] == t->v[j])
				conf_fail(c, CONF_pool_tokens,
					"value \"%u\": is there twice; must be there once",
					t->v[i]);
}

static void check_gateway(const struct checker *c)
{
	const struct conf_dataplane *d = &c->conf->dataplane;
	char text[IP_ADDR_TEXT_MAX];

	for (uint32_t i = 0; i < d->gateway.n; i++) {
		const struct ip_addr *gw = &d->gateway.v[i];
		bool link_local = gw->b[0] == 0xfe && (gw->b[1] & 0xc0) == 0x80;
		bool reached = link_local; // on every link (RFC 4291 §2.5.6)

		for (uint32_t j = 0; j < d->address.n && !reached; j++)
			reached = ip_prefix_contains(&d->address.v[j], gw);
		ip_addr_format(gw, text);
		if (conf_is_own_address(c->conf, gw))
			conf_fail(c, CONF_dataplane_gateway,
				"value \"%s\": is this node's own address; must be another host's",
				text);
		else if (!reached && conf_usable(c, CONF_dataplane_address))
			conf_fail(c, CONF_dataplane_gateway,
				"value \"%s\": must be in one of the networks of `address`", text);
	}
}

static void check_network(const struct checker *c)
{
	const struct conf_dataplane *d = &c->conf->dataplane;

	check_gateway(c);
	for (uint32_t i = 0; i < d->address.n; i++) {
		if (!ip_addr_is_v4(&d->address.v[i].addr) && d->mtu < 1280) {
			conf_fail(c, CONF_dataplane_mtu, "value \"%u\": IPv6 needs at least 1280",
				d->mtu);
			break;
		}
	}
	if (d->cores.n > 0 && d->workers != d->cores.n && conf_usable(c, CONF_dataplane_cores))
		conf_fail(c, CONF_dataplane_workers,
			"value \"%u\": must be %u, the number of cores, or left out", d->workers,
			d->cores.n);
}

static void check_role(const struct checker *c)
{
	const struct conf_dataplane *d = &c->conf->dataplane;

	if (c->role != CONF_ROLE_DATAPLANE)
		return;
	if (d->port == NULL)
		conf_fail(c, CONF_dataplane_port,
			"is missing: add the section `dataplane:` with `port:`, %s",
			conf_types[CONF_TYPE_DEVICE].text);
	if (d->address.n == 0)
		conf_fail(c, CONF_dataplane_address,
			"is missing: add the section `dataplane:` with `address:`, %s",
			conf_types[CONF_TYPE_PREFIXES].text);
}

// What will come, but must not be taken for being there.
static void check_later(const struct checker *c)
{
	char now[CONF_VALUE_TEXT_MAX];

	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];
		const void *member = conf_member(c->conf, row);

		if ((row->flags & CONF_LATER) == 0 || conf_value_count(row, member) == 0)
			continue;
		conf_value_text(row, member, 0, now);
		if (row->standard == NULL || strcmp(now, row->standard) != 0)
			conf_warn(c, i, "has no effect yet in this version");
	}
}

static void check_doubtful(const struct checker *c)
{
	const struct conf_pool *p = &c->conf->pool;

	if (c->conf->controlplane.ipc[0] != '/')
		conf_warn(c, CONF_controlplane_ipc,
			"does not begin with /: both programs must be started in the same folder "
			"to "
			"meet");
	if (p->hash == CONF_HASH_MURMUR3)
		conf_warn(c, CONF_pool_hash,
			"value \"murmur3\": never worked in the original, where every "
			"key got the lowest token");
	if (p->read_repairs_enabled &&
		(p->read_consistency == CONF_CONSISTENCY_DC_ONE ||
			p->write_consistency == CONF_CONSISTENCY_DC_ONE))
		conf_warn(c, CONF_pool_read_repairs_enabled,
			"has no effect while read_consistency or write_consistency is DC_ONE");
}

void conf_check(const struct conf *conf, enum conf_role role, struct conf_report *report)
{
	static void (*const checks[])(const struct checker *) = {check_role, check_listen,
		check_stats_port, check_tokens, conf_check_ring, check_network, check_later,
		check_doubtful};
	const struct checker c = {.conf = conf, .report = report, .role = role, .known = report->n};

	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		checks[i](&c);
}
