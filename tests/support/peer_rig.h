// The peer stage of one core on a host of a TCP pair, and fake peers on the other host; requests
// are made and taken back here in the place of a session.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/peer/peer.h"
#include "dataplane/session/client.h"
#include "dataplane/session/txn.h"
#include "tests/support/peer_fake.h"
#include "tests/support/tcp_pair.h"

enum {
	PEER_RIG_FAKES = 4,
	PEER_RIG_PORT = 8101, // of the first; the others' follow
	PEER_RIG_CLIENTS = 16,
};

// A request and what became of it. `r` is first.
struct asked {
	struct request r;
	struct asked *all_next;
	struct part part; // of a copy
	struct txn txn;
	unsigned told; // times that an outcome came
	bool back;     // for good
	char *got;     // the reply so far
	size_t got_len;
	size_t got_cap;
};

struct peer_rig {
	struct tcp_pair *pair;
	struct peers *peers;
	struct peer_fake *fake[PEER_RIG_FAKES];
	struct ring ring;
	struct snapshot *snapshot;
	struct request_queue issued;
	struct asked *all;
	struct client client[PEER_RIG_CLIENTS];
	bool paused[PEER_RIG_CLIENTS]; // that client takes nothing
	unsigned out;                  // requests that are not back
};

// What a test may change before peer_rig_new.
struct peer_rig_options {
	struct peers_config peers;
	struct tcp_pair_options pair;
	unsigned fakes;
	unsigned remote; // of them, the last so many are in another datacentre
};

struct peer_rig_options peer_rig_options(uint64_t seed);
struct peer_rig *peer_rig_new(const struct peer_rig_options *options);
// Lets what is out come back, ends all, and checks that nothing is left.
void peer_rig_free(struct peer_rig *rig);

// Node 0 is the own one; node i + 1 is fake i.
struct snapshot_node *peer_rig_node(struct peer_rig *rig, unsigned node);
// The ring changed.
void peer_rig_epoch(struct peer_rig *rig);

void peer_rig_run(struct peer_rig *rig, uint64_t ns);

// A request to fake `fake` of that client, in segments of `step` bytes (0: as few as possible),
// with further flags. It leaves in the next turn.
struct asked *peer_rig_ask(struct peer_rig *rig, unsigned fake, unsigned client, uint16_t flags,
	const void *bytes, size_t len, size_t step);
// The same of a short text.
struct asked *peer_rig_text(
	struct peer_rig *rig, unsigned fake, unsigned client, uint16_t flags, const char *text);
// The client went away.
void peer_rig_orphan(struct peer_rig *rig, unsigned client);

// Until it is back; false after 10 minutes.
bool peer_rig_back(struct peer_rig *rig, const struct asked *a);
bool peer_rig_got(const struct asked *a, const char *text);
uint64_t peer_rig_stat(const struct peer_rig *rig, enum stat_id id);
struct peer_info peer_rig_info(const struct peer_rig *rig, unsigned fake);
enum peer_health peer_rig_health(const struct peer_rig *rig, unsigned fake);
