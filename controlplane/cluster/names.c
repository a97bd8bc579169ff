#include "controlplane/cluster/names.h"

#include <stdlib.h>
#include <string.h>

#include "common/cluster/snapshot.h"

struct name {
	char host[SNAPSHOT_HOST_MAX];
	struct ip_addr addr; // IP_ADDR_ANY: none yet
	struct mono due;
	uint64_t retry_ns; // the next pause after a failure; 0: it did not fail last time
	bool tried;
	bool under_way;
};

struct names {
	struct name *v; // sorted by host
	unsigned n;
	unsigned next; // where to look for one that is due
	bool v4;       // what the data plane can reach
	bool v6;
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void names_free(struct names *names)
{
	if (names == NULL)
		return;
	free(names->v);
	free(names);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->host, ((const struct name *)b)->host);
}

static struct name *find(const struct names *names, const char *host)
{
	struct name key;

	if (names->n == 0 || strlen(host) >= sizeof(key.host))
		return NULL;
	strcpy(key.host, host);
	return bsearch(&key, names->v, names->n, sizeof(key), compare);
}

static unsigned drop_doubles(struct name *v, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (kept == 0 || strcmp(v[kept - 1].host, v[i].host) != 0)
			v[kept++] = v[i];
	return kept;
}

static void set_families(struct names *names, const struct conf_prefixes *own)
{
	names->v4 = names->v6 = own->n == 0;
	for (uint32_t i = 0; i < own->n; i++) {
		bool v4 = ip_addr_is_v4(&own->v[i].addr);

		names->v4 |= v4;
		names->v6 |= !v4;
	}
}

bool names_want(struct names *names, const struct conf *conf, struct mono now)
{
	const struct conf_seeds *seeds = &conf->pool.dyn_seeds;
	struct name *v = calloc(seeds->n + 1, sizeof(*v));
	unsigned n = 0;

	if (v == NULL)
		return false;
	for (uint32_t i = 0; i < seeds->n; i++) {
		const char *host = seeds->v[i].host;
		const struct name *known = find(names, host);

		if (seeds->v[i].is_ip || strlen(host) >= sizeof(v[n].host))
			continue;
		if (known != NULL) {
			v[n++] = *known;
			continue;
		}
		v[n].due = now;
		strcpy(v[n++].host, host);
	}
	qsort(v, n, sizeof(*v), compare);
	free(names->v);
	names->v = v;
	names->n = drop_doubles(v, n);
	names->next = 0;
	set_families(names, &conf->dataplane.address);
	return true;
}

const char *names_due(struct names *names, struct mono now)
{
	for (unsigned i = 0; i < names->n; i++) {
		struct name *name = &names->v[names->next];

		names->next = (names->next + 1) % names->n;
		if (name->under_way || !mono_due(now, name->due))
			continue;
		name->under_way = true;
		return name->host;
	}
	return NULL;
}

// The address to use of those found; NULL: none.
static const struct ip_addr *choose(const struct names *names, const struct ip_addr *now,
	const struct ip_addr *found, unsigned found_n)
{
	const struct ip_addr *first = NULL;

	for (unsigned i = 0; i < found_n; i++) {
		if (!(ip_addr_is_v4(&found[i]) ? names->v4 : names->v6))
			continue;
		if (ip_addr_eq(&found[i], now))
			return now;
		if (first == NULL)
			first = &found[i];
	}
	return first;
}

static enum names_news fail(struct name *name, struct mono now)
{
	bool first = name->retry_ns == 0;

	if (first)
		name->retry_ns = NAMES_RETRY_MIN_NS;
	name->due = mono_add(now, name->retry_ns);
	name->retry_ns *= 2;
	if (name->retry_ns > NAMES_RETRY_MAX_NS)
		name->retry_ns = NAMES_RETRY_MAX_NS;
	return first ? NAMES_FAILED : NAMES_SAME;
}

enum names_news names_take(struct names *names, const char *host, const struct ip_addr *found,
	unsigned found_n, struct mono now)
{
	struct name *name = find(names, host);
	const struct ip_addr *addr;

	if (name == NULL)
		return NAMES_UNKNOWN;
	name->tried = true;
	name->under_way = false;
	addr = choose(names, &name->addr, found, found_n);
	if (addr == NULL)
		return fail(name, now);
	name->retry_ns = 0;
	name->due = mono_add(now, NAMES_AGAIN_NS);
	if (ip_addr_eq(addr, &name->addr))
		return NAMES_SAME;
	name->addr = *addr;
	return NAMES_MOVED;
}

void names_recall(struct names *names, const char *host, const struct ip_addr *addr)
{
	struct name *name = find(names, host);

	if (name != NULL && ip_addr_is_any(&name->addr) &&
		(ip_addr_is_v4(addr) ? names->v4 : names->v6))
		name->addr = *addr;
}

const struct ip_addr *names_addr(const struct names *names, const char *host)
{
	const struct name *name = find(names, host);

	return name != NULL && !ip_addr_is_any(&name->addr) ? &name->addr : NULL;
}

unsigned names_untried(const struct names *names)
{
	unsigned n = 0;

	for (unsigned i = 0; i < names->n; i++)
		n += !names->v[i].tried;
	return n;
}
