// When the answers of replicas are enough for the client: pure counting over votes. Who is asked,
// and which answers are equal, is the caller's matter.
//
// A replica is the owner of the key in one rack. "Asked" are all of them, also those that could not
// be sent to: these vote FAILED at once, or a datacentre of three with two dead would pass for one
// of one. What is in the set of equal answers, a *group*, is counted together; a majority is
// asked / 2 + 1 of one datacentre.
//
//   DC_ONE               The first good answer of the local datacentre. When there is none, the
//                        first error that came.
//   DC_QUORUM            The answer of a majority of the local datacentre, good or error. When no
//                        group can become one: the first good answer that came if a majority was
//                        good, the first error if a majority answered. Then `agreed` is false, for
//                        the counters client_non_quorum_*.
//   DC_SAFE_QUORUM       The answer of a majority of the local datacentre, or FAILED.
//   DC_EACH_SAFE_QUORUM  That in every datacentre of which anybody was asked. The answer is the
//                        local one's; if that is good and another datacentre agreed on an error, it
//                        is the error of the first such one.
//
// A verdict comes as soon as no further vote could change it, and stays. It does not depend on the
// order of votes, but for what is "first" above, and for how much of the reason for a failure was
// known when failure was certain. (dynomite.md §3.6, without its limit of three racks.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/cluster/snapshot.h"
#include "common/proto/resp.h"

enum {
	QUORUM_DCS_MAX = 16,
	QUORUM_RACKS_MAX = 16,  // of one datacentre
	QUORUM_ERROR_MAX = 512, // bytes of quorum_put_error() at most
};

enum quorum_kind {
	QUORUM_GOOD,
	QUORUM_ERROR,  // the store or a peer answered with an error
	QUORUM_FAILED, // could not be sent to, broke off, or did not answer in time
};

enum quorum_state {
	QUORUM_WAIT,
	QUORUM_DONE,      // give the client the answer of replica `replica` of `dc`
	QUORUM_UNREACHED, // too few of `dc` can still answer
	QUORUM_DISAGREED, // the answers of `dc` differ too much
};

struct quorum_verdict {
	enum quorum_state state;
	uint8_t dc;
	uint8_t replica;
	bool agreed; // DONE because answers are equal, or because one was enough
};

// Bit i of a mask is replica i.
struct quorum_dc {
	uint64_t groups; // four bits for each replica
	uint16_t good;
	uint16_t error;
	uint16_t failed;
	uint8_t asked;
	uint8_t first_good; // meaningful when any is good
	uint8_t first_error;
};

struct quorum {
	enum consistency level;
	uint8_t dc_n;
	uint8_t local; // index of the local datacentre
	struct quorum_verdict verdict;
	struct quorum_dc dc[QUORUM_DCS_MAX];
};

// asked[i] is the number of replicas asked in datacentre i, at most QUORUM_RACKS_MAX of at most
// QUORUM_DCS_MAX; more are cut off, and local >= dc_n is nobody. The verdict is there already if
// nobody was asked.
struct quorum_verdict quorum_start(struct quorum *q, enum consistency level, const uint8_t *asked,
	uint8_t dc_n, uint8_t local);

// `group` is any number below 16 that stands for a set of equal answers of the same kind in this
// datacentre; the number of the first replica that gave it will do. It means nothing when FAILED.
// A replica's first vote counts; one of a replica that was not asked changes nothing.
struct quorum_verdict quorum_vote(
	struct quorum *q, uint8_t dc, uint8_t replica, enum quorum_kind kind, uint8_t group);

static inline bool quorum_is_decided(const struct quorum *q)
{
	return q->verdict.state != QUORUM_WAIT;
}

// A vote of this datacentre can change the verdict, so its answers are worth comparing.
bool quorum_awaits(const struct quorum *q, uint8_t dc);

struct quorum_name {
	struct slice dc;
	struct slice rack;
};

// Writes the error for a verdict of UNREACHED or DISAGREED. It begins as the original's (clients
// look for that) and goes on with what is known: how many answered, and who did not. `name` gives
// the names of a replica, to be used before the next call.
void quorum_put_error(struct resp_writer *w, const struct quorum *q,
	struct quorum_name (*name)(void *arg, uint8_t dc, uint8_t replica), void *arg);
