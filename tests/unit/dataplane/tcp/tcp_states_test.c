// Every state, every kind of segment, every position of it, with timestamps and without, the window
// open and closed: what comes of it must be what RFC 9293 §3.10.7 says. The expectations are made
// by tests/support/tcp_states_model.c, which knows the RFCs and not the code; each cell is a real
// connection in a real stack.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_tcp.h>

#include "common/base/compiler.h"
#include "tests/support/tcp_states.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG
#define URG RTE_TCP_URG_FLAG
#define SHOWN 12 // failures of a state that are told

enum position {
	AT_NXT,
	AT_NXT_AND_BEYOND, // longer than the window
	ONE_LEFT,
	TOUCHING_LEFT, // ends where the window begins
	FAR_LEFT,
	OVER_LEFT_EDGE,
	OVER_BOTH_EDGES,
	INSIDE,
	LAST_INSIDE, // ends where the window ends
	OVER_RIGHT_EDGE,
	TOUCHING_RIGHT, // begins where the window ends
	FAR_RIGHT,
	OPPOSITE, // half of all numbers away
	POSITION_N,
};

static const char *const position_names[POSITION_N] = {"at RCV.NXT",
	"at RCV.NXT and beyond the window", "one left of RCV.NXT", "up to RCV.NXT",
	"far left of the window", "over the left edge", "over both edges", "inside the window",
	"last in the window", "over the right edge", "right of the window", "far right",
	"half the space away"};

enum acks {
	ACK_ALL,
	ACK_SOME,
	ACK_UNA, // nothing new
	ACK_OLD,
	ACK_ANCIENT, // older than the largest window
	ACK_FUTURE,
	ACKS_N,
};

static const char *const ack_names[ACKS_N] = {"ACK of all", "ACK of some", "ACK of nothing new",
	"old ACK", "ancient ACK", "ACK of what was never sent"};

enum stamp {
	STAMP_NEW,
	STAMP_SAME,
	STAMP_OLD,
	STAMP_NONE,
	STAMP_N,
};

static const char *const stamp_names[STAMP_N] = {
	"new timestamp", "same timestamp", "old timestamp", "no timestamp"};

struct row {
	enum states_name state;
	bool gone;
};

struct cell {
	uint8_t flags;
	bool text;
	enum acks acks;
	enum position position;
	enum stamp stamp;
};

struct tally {
	unsigned cells;
	unsigned wrong;
};

static uint32_t span(const struct states_seg *seg)
{
	return seg->len + !!(seg->flags & SYN) + !!(seg->flags & FIN);
}

static void place(struct states_seg *seg, const struct states_tcb *tcb, enum position position)
{
	uint32_t left = tcb->rcv_nxt;
	uint32_t right = left + tcb->rcv_wnd;
	uint32_t len;

	if ((position == AT_NXT_AND_BEYOND || position == OVER_BOTH_EDGES) && seg->len > 0)
		seg->len = tcb->rcv_wnd + 20;
	len = span(seg);
	switch (position) {
	case AT_NXT:
	case AT_NXT_AND_BEYOND:
		seg->seq = left;
		break;
	case ONE_LEFT:
		seg->seq = left - 1;
		break;
	case TOUCHING_LEFT:
		seg->seq = left - len;
		break;
	case FAR_LEFT:
		seg->seq = left - 1000 - len;
		break;
	case OVER_LEFT_EDGE:
		seg->seq = left - (len + 1) / 2;
		break;
	case OVER_BOTH_EDGES:
		seg->seq = left - 10;
		break;
	case INSIDE:
		seg->seq = left + tcb->rcv_wnd / 4;
		break;
	case LAST_INSIDE:
		seg->seq = right - (len > 0 ? len : 1);
		break;
	case OVER_RIGHT_EDGE:
		seg->seq = right - (len + 1) / 2;
		break;
	case TOUCHING_RIGHT:
		seg->seq = right;
		break;
	case FAR_RIGHT:
		seg->seq = right + 1000;
		break;
	case OPPOSITE:
	case POSITION_N:
		seg->seq = left + UINT32_C(0x80000000);
		break;
	}
}

static uint32_t ack_number(const struct states_tcb *tcb, enum acks acks)
{
	switch (acks) {
	case ACK_SOME:
		return tcb->snd_una + (tcb->snd_nxt - tcb->snd_una) / 2;
	case ACK_UNA:
		return tcb->snd_una;
	case ACK_OLD:
		return tcb->snd_una - 50;
	case ACK_ANCIENT:
		return tcb->snd_una - tcb->max_snd_wnd - 1;
	case ACK_FUTURE:
		return tcb->snd_nxt + 1;
	case ACK_ALL:
	case ACKS_N:
		break;
	}
	return tcb->snd_nxt;
}

static struct states_seg segment(const struct states_tcb *tcb, const struct cell *cell)
{
	static const uint32_t step[STAMP_N] = {1, 0, UINT32_MAX, 0};
	struct states_seg seg = {
		.flags = cell->flags,
		.len = cell->text ? 100 : 0,
		.ts = cell->stamp != STAMP_NONE,
		.tsval = tcb->ts_recent + step[cell->stamp],
	};

	if (cell->flags & ACK)
		seg.ack = ack_number(tcb, cell->acks);
	place(&seg, tcb, cell->position);
	return seg;
}

static bool same(const struct states_outcome *a, const struct states_outcome *b, bool gone)
{
	if (a->next != b->next || a->reply != b->reply)
		return false;
	if (a->reply != REPLY_NONE && a->reply_ack != b->reply_ack)
		return false;
	if (a->reply != REPLY_NONE && !a->reply_seq_any && a->reply_seq != b->reply_seq)
		return false;
	// Whoever is gone sees nothing.
	return gone ||
		(a->connected == b->connected && a->eof == b->eof && a->over == b->over &&
			a->error == b->error && a->text == b->text && a->hole == b->hole &&
			a->late == b->late && a->late_eof == b->late_eof);
}

static void describe(
	const struct states_outcome *out, const struct states_tcb *tcb, char *text, size_t size)
{
	static const char *const replies[] = {
		"nothing", "ACK", "SYN-ACK", "RST", "RST+ACK", "several or odd"};

	snprintf(text, size,
		"%s, sent %s (seq SND.NXT%+d, ack RCV.NXT%+d), %u read%s%s%s, error %d, later %u%s",
		states_names[out->next], replies[out->reply],
		out->reply == REPLY_NONE ? 0 : (int)(out->reply_seq - tcb->snd_nxt),
		out->reply == REPLY_NONE ? 0 : (int)(out->reply_ack - tcb->rcv_nxt), out->text,
		out->connected ? ", connected" : "", out->eof ? ", EOF" : "",
		out->over ? ", over" : "", out->error, out->late, out->late_eof ? ", EOF" : "");
}

static void tell(const struct states_tcb *tcb, const struct cell *cell,
	const struct states_outcome *want, const struct states_outcome *got)
{
	char wanted[200];
	char was[200];

	describe(want, tcb, wanted, sizeof(wanted));
	describe(got, tcb, was, sizeof(was));
	print_error("%s%s, window %u, timestamps %s: %s%s%s%s%s%s, %s, %s\n"
		    "    must be  %s\n    but was  %s\n",
		states_names[tcb->state], tcb->gone ? " (user gone)" : "", tcb->rcv_wnd,
		tcb->ts_on ? "on" : "off", cell->flags & SYN ? "SYN " : "",
		cell->flags & FIN ? "FIN " : "", cell->flags & RST ? "RST " : "",
		cell->flags & URG ? "URG " : "",
		cell->flags & ACK ? ack_names[cell->acks] : "no ACK",
		cell->text ? " with text" : "", position_names[cell->position],
		stamp_names[cell->stamp], wanted, was);
}

// False when the rig is no longer of use.
static bool run_cell(struct states_rig *rig, const struct cell *cell, struct tally *tally)
{
	struct states_outcome want;
	struct states_outcome got;
	struct states_tcb tcb;
	struct states_seg seg;
	const char *why;

	tally->cells++;
	if (!states_rig_enter(rig, &tcb, &why))
		fail_msg("%s was not reached: %s", states_names[tcb.state], why);
	seg = segment(&tcb, cell);
	want = states_expect(&tcb, &seg);
	got = states_rig_try(rig, &seg, &want);
	if (!same(&want, &got, tcb.gone)) {
		if (tally->wrong++ < SHOWN)
			tell(&tcb, cell, &want, &got);
		return false;
	}
	if (!states_rig_leave(rig, &why)) {
		if (tally->wrong++ < SHOWN) {
			tell(&tcb, cell, &want, &got);
			print_error("    afterwards %s\n", why);
		}
		return false;
	}
	return true;
}

// All segments, for one kind of connection.
static void run_rig(const struct row *row, bool ts_on, bool zero, struct tally *tally)
{
	struct states_rig *rig = states_rig_new(row->state, row->gone, ts_on, zero);
	static const uint8_t bits[] = {SYN, FIN, RST, ACK, URG};

	for (unsigned set = 0; set < 1u << ARRAY_LEN(bits); set++)
		for (unsigned rest = 0; rest < 2u * ACKS_N * POSITION_N * STAMP_N; rest++) {
			struct cell cell = {
				.stamp = rest % STAMP_N,
				.position = rest / STAMP_N % POSITION_N,
				.acks = rest / (STAMP_N * POSITION_N) % ACKS_N,
				.text = rest / (STAMP_N * POSITION_N * ACKS_N),
			};

			for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
				cell.flags |= set & 1u << i ? bits[i] : 0;
			// Without an ACK there is one number; an urgent pointer needs text; of
			// timestamps nobody agreed on, one is enough.
			if ((!(cell.flags & ACK) && cell.acks != ACK_ALL) ||
				((cell.flags & URG) && !cell.text) ||
				(!ts_on && (cell.stamp == STAMP_SAME || cell.stamp == STAMP_OLD)))
				continue;
			if (!run_cell(rig, &cell, tally)) {
				states_rig_free(rig);
				rig = states_rig_new(row->state, row->gone, ts_on, zero);
			}
		}
	states_rig_free(rig);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct tally tally = {0};

	for (unsigned i = 0; i < 4; i++)
		run_rig(row, i & 1, i & 2, &tally);
	print_message("           %u cells\n", tally.cells);
	if (tally.wrong > 0)
		fail_msg("%u of %u cells are wrong", tally.wrong, tally.cells);
}

int main(void)
{
	static struct row rows[] = {{ST_CLOSED, false}, {ST_LISTEN, false}, {ST_HALF_OPEN, false},
		{ST_SYN_SENT, false}, {ST_SYN_RECEIVED, false}, {ST_ESTABLISHED, false},
		{ST_FIN_WAIT_1, false}, {ST_FIN_WAIT_2, false}, {ST_FIN_WAIT_1, true},
		{ST_FIN_WAIT_2, true}, {ST_CLOSE_WAIT, false}, {ST_CLOSING, false},
		{ST_LAST_ACK, false}, {ST_TIME_WAIT, false}};
	struct CMUnitTest tests[ARRAY_LEN(rows)] = {0};
	char names[ARRAY_LEN(rows)][64];

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "%s%s", states_names[rows[i].state],
			rows[i].gone ? " (user gone)" : "");
		tests[i] = (struct CMUnitTest){
			.name = names[i], .test_func = test_row, .initial_state = &rows[i]};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
