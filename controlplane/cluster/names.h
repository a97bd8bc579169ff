// The host names among dyn_seeds, the addresses they have, and when to ask for them again. Pure:
// resolver.h does the asking, node.c joins them.
//
// A name that was found is asked for again every 30 s, since the system's resolver does not say how
// long an answer holds; one that was not, after 1 s, 2 s, 4 s and so on up to 30 s. What was found
// once stays until something else is found: a DNS server that is away takes no node out of the
// ring.
//
// Of several addresses, the one in use stays as long as it is among them; otherwise it is the first
// of a family that the data plane has an address of.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/conf/conf.h"

#define NAMES_AGAIN_NS (30 * NS_PER_SEC)
#define NAMES_RETRY_MIN_NS NS_PER_SEC
#define NAMES_RETRY_MAX_NS (30 * NS_PER_SEC)

struct names;

struct names *names_new(void) MUST_CHECK;
void names_free(struct names *names);

// From now on the names of `conf` are wanted and no others; what is known of them stays. False when
// out of memory: nothing was changed.
bool names_want(struct names *names, const struct conf *conf, struct mono now) MUST_CHECK;

// A name that is due; NULL: none. It is under way until names_take. Valid until names_want.
const char *names_due(struct names *names, struct mono now);

enum names_news {
	NAMES_SAME,
	NAMES_MOVED,   // it has an address, or another one than before
	NAMES_FAILED,  // the first failure after a success, or ever
	NAMES_UNKNOWN, // nobody wants it any more
};

// The answer: none when it failed. NAMES_SAME for further failures too.
enum names_news names_take(struct names *names, const char *host, const struct ip_addr *found,
	unsigned found_n, struct mono now);

// An address that was in use for the host before this program started: it is used until another one
// is found, and preferred to others. Nothing when it is not wanted, has an address already, or the
// data plane can't reach that family.
void names_recall(struct names *names, const char *host, const struct ip_addr *addr);

// NULL: not known, or not wanted.
const struct ip_addr *names_addr(const struct names *names, const char *host);

// Those that were never answered, whether with success or not.
unsigned names_untried(const struct names *names);
