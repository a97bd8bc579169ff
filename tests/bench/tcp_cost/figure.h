// The figures: each opens what connections it needs, does its work once to warm up, then measured.
//
// What is measured of a figure lies in a function measured_*, which is never inlined: callgrind
// counts inside of these and nowhere else (--toggle-collect=measured_*).
#pragma once

#include "tests/bench/tcp_cost/meter.h"
#include "tests/support/tcp_cost_peer.h"

#define MEASURED __attribute__((noinline, noclone))

struct bench {
	struct rig rig;
	struct peer peer;
	struct meter meter;
	uint32_t conns;   // open at the same time
	uint32_t active;  // of them, those that do something
	uint32_t samples; // bursts that are measured
	uint32_t payload; // of a request and of a reply
	char extra[512];  // further members of the figure's JSON, each with a comma before it
};

struct figure {
	const char *name;
	const char *unit; // what one operation is
	void (*run)(struct bench *bench);
};

// exchange.c
void figure_exchange(struct bench *bench);  // a request in, its reply out with the ACK on it
void figure_data_in(struct bench *bench);   // a request in, a bare ACK out
void figure_ack_in(struct bench *bench);    // a bare ACK in, which ends a reply's wait
void figure_reply_out(struct bench *bench); // a reply out, sent outside of any burst

// open.c
void figure_open(struct bench *bench);  // SYN, SYN-ACK, ACK, accepted
void figure_close(struct bench *bench); // FIN in; closed; FIN out, ACK in

// stream.c
void figure_stream_in(struct bench *bench);  // full segments in, an ACK a burst out
void figure_stream_out(struct bench *bench); // full segments out
void figure_stream_ack(struct bench *bench); // their ACKs, one for two segments, each alone

// idle.c
void figure_idle(struct bench *bench); // bytes that an idle connection costs
