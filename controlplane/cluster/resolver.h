// Addresses of host names by the system's resolver, which blocks: on threads of its own, so that
// the event loop never does. Questions and answers wait in bounded queues.
//
// Threads that hang in the resolver don't hold up resolver_free: they end by themselves when it
// lets them go, and the last one frees what they share.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/cluster/snapshot.h"

#define RESOLVER_THREADS 4
#define RESOLVER_WAITING_MAX 64 // questions not answered yet, or answers not taken
#define RESOLVER_ADDRS_MAX 16   // of a name; further ones are not looked at

struct resolver;

struct resolver_answer {
	char host[SNAPSHOT_HOST_MAX];
	const char *error; // in words, static; NULL: none
	unsigned addr_n;   // 0 with an error
	struct ip_addr addr[RESOLVER_ADDRS_MAX];
};

// Fills in all but `host`. Runs on any thread, and may block.
typedef void resolver_lookup(struct resolver_answer *answer);

// Asks the system: /etc/hosts, DNS, whatever nsswitch.conf says.
void resolver_system(struct resolver_answer *answer);

// NULL on error, with errno.
struct resolver *resolver_new(resolver_lookup *lookup) MUST_CHECK;
void resolver_free(struct resolver *resolver);

// Whether there is room for one more question.
bool resolver_has_room(struct resolver *resolver);
// The caller has seen that there is room. `host` is copied; it is shorter than SNAPSHOT_HOST_MAX.
void resolver_ask(struct resolver *resolver, const char *host);

// Readable when an answer waits.
int resolver_fd(const struct resolver *resolver);
// False when none waits.
bool resolver_next(struct resolver *resolver, struct resolver_answer *answer);
