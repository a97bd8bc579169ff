#include "controlplane/cluster/addresses.h"

#include <stdlib.h>

#include "common/base/log.h"

struct addresses {
	struct names *names;
	struct resolver *resolver;
};

struct addresses *addresses_new(resolver_lookup *lookup)
{
	struct addresses *addresses = calloc(1, sizeof(*addresses));

	if (addresses == NULL)
		return NULL;
	addresses->names = names_new();
	if (addresses->names != NULL)
		addresses->resolver = resolver_new(lookup);
	if (addresses->resolver == NULL) {
		addresses_free(addresses);
		return NULL;
	}
	return addresses;
}

void addresses_free(struct addresses *addresses)
{
	if (addresses == NULL)
		return;
	resolver_free(addresses->resolver);
	names_free(addresses->names);
	free(addresses);
}

static void ask_what_is_due(struct addresses *addresses, struct mono now)
{
	const char *host;

	while (resolver_has_room(addresses->resolver)) {
		host = names_due(addresses->names, now);
		if (host == NULL)
			break;
		resolver_ask(addresses->resolver, host);
	}
}

bool addresses_want(struct addresses *addresses, const struct conf *conf, struct mono now)
{
	if (!names_want(addresses->names, conf, now))
		return false;
	ask_what_is_due(addresses, now);
	return true;
}

int addresses_fd(const struct addresses *addresses)
{
	return resolver_fd(addresses->resolver);
}

static void take(struct addresses *addresses, const struct resolver_answer *answer, struct mono now)
{
	const struct names *names = addresses->names;
	bool known = names_addr(names, answer->host) != NULL;
	char text[IP_ADDR_TEXT_MAX];

	switch (names_take(addresses->names, answer->host, answer->addr, answer->addr_n, now)) {
	case NAMES_MOVED:
		log_info("cluster: %s has the address %s", answer->host,
			ip_addr_format(names_addr(names, answer->host), text));
		break;
	case NAMES_FAILED:
		log_warn("cluster: no address for %s: %s; %s, and asking again", answer->host,
			answer->error != NULL ? answer->error
					      : "none of a family that `dataplane: address` has",
			known ? "it keeps the one it had" : "nothing reaches that node");
		break;
	case NAMES_SAME:
	case NAMES_UNKNOWN:
		break;
	}
}

void addresses_poll(struct addresses *addresses, struct mono now)
{
	struct resolver_answer answer;

	while (resolver_next(addresses->resolver, &answer))
		take(addresses, &answer, now);
	ask_what_is_due(addresses, now);
}

void addresses_recall(struct addresses *addresses, const struct snapshot *s)
{
	const struct snapshot_node *nodes = snapshot_nodes(s);

	for (uint32_t i = 0; i < s->node_n; i++)
		if (!nodes[i].is_local)
			names_recall(addresses->names, nodes[i].host, &nodes[i].addr);
}

const struct names *addresses_names(const struct addresses *addresses)
{
	return addresses->names;
}

bool addresses_settled(const struct addresses *addresses)
{
	return names_untried(addresses->names) == 0;
}
