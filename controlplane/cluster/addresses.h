// The addresses of the other nodes: names.h, which says when to ask for which name, joined with
// resolver.h, which asks. What happened to a name is in the log once.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/cluster/snapshot.h"
#include "controlplane/cluster/names.h"
#include "controlplane/cluster/resolver.h"

struct addresses;

// NULL on error, with errno.
struct addresses *addresses_new(resolver_lookup *lookup) MUST_CHECK;
void addresses_free(struct addresses *addresses);

// False when out of memory: nothing was changed.
bool addresses_want(
	struct addresses *addresses, const struct conf *conf, struct mono now) MUST_CHECK;

// Readable when there are answers.
int addresses_fd(const struct addresses *addresses);
// Takes answers and asks what is due. Call it when addresses_fd is readable, and now and then.
void addresses_poll(struct addresses *addresses, struct mono now);

// Recalls the addresses of a snapshot that was in use before this program started (names_recall).
void addresses_recall(struct addresses *addresses, const struct snapshot *s);

const struct names *addresses_names(const struct addresses *addresses);
// Whether every name was answered once, with success or not.
bool addresses_settled(const struct addresses *addresses);
