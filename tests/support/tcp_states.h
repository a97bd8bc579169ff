// What the table of states needs: a model of one segment's effect, written from RFC 9293 §3.10.7
// alone (with RFC 5961, 1337, 6191, 7323), and a rig that brings a real stack into a state by real
// segments and calls, injects the segment and tells what came of it.
//
// The model knows nothing of our code. Where we differ from the RFC and mean it, the model says so
// in a comment that begins with "Ours:".
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum states_name {
	ST_CLOSED,
	ST_LISTEN,
	ST_HALF_OPEN, // SYN-RECEIVED by a passive open
	ST_SYN_SENT,
	ST_SYN_RECEIVED, // by a simultaneous open
	ST_ESTABLISHED,
	ST_FIN_WAIT_1,
	ST_FIN_WAIT_2,
	ST_CLOSE_WAIT,
	ST_CLOSING,
	ST_LAST_ACK,
	ST_TIME_WAIT,
	ST_N,
};

extern const char *const states_names[ST_N];

// The variables of RFC 9293 §3.3.1 before the segment, as the wire showed them.
struct states_tcb {
	enum states_name state;
	bool gone; // the user has closed, not only shut down
	bool ts_on;
	bool fin_sent;
	uint32_t iss;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t max_snd_wnd;
	uint32_t irs;
	uint32_t rcv_nxt;
	uint32_t rcv_wnd;
	uint32_t ts_recent;
};

struct states_seg {
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint32_t len;
	bool ts;
	uint32_t tsval;
};

enum states_reply {
	REPLY_NONE,
	REPLY_ACK,
	REPLY_SYN_ACK,
	REPLY_RST,
	REPLY_RST_ACK,
	REPLY_OTHER, // never expected
};

struct states_outcome {
	enum states_name next;
	enum states_reply reply;
	uint32_t reply_seq;
	uint32_t reply_ack;
	bool reply_seq_any; // a new ISN
	bool connected;
	bool eof;
	bool over; // the user is told that it ended, with `error`
	int error;
	uint32_t text; // bytes that the user can read now
	// What was kept behind a hole: filling it up to here makes `late` bytes readable, and
	// perhaps the FIN. 0: nothing was kept.
	uint32_t hole;
	uint32_t late;
	bool late_eof;
};

struct states_outcome states_expect(const struct states_tcb *tcb, const struct states_seg *seg);

// --- the rig

struct states_rig;

// A stack for connections in one state. `zero`: the window is closed when the segment comes.
struct states_rig *states_rig_new(enum states_name state, bool gone, bool ts_on, bool zero);
void states_rig_free(struct states_rig *rig);

// A new connection in the state. False with `why` when it did not get there.
bool states_rig_enter(struct states_rig *rig, struct states_tcb *tcb, const char **why);

// One segment, one turn, and what came of it; `want` is consulted for `hole` only: when it says
// that something was kept, the hole is filled to see it.
struct states_outcome states_rig_try(
	struct states_rig *rig, const struct states_seg *seg, const struct states_outcome *want);

// Ends the connection. False when anything of it is left, or a packet buffer is missing.
bool states_rig_leave(struct states_rig *rig, const char **why);
