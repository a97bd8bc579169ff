// RFC 9293 §3.10.7, step by step. The order of the steps is that of the RFC.
#include <errno.h>

#include <rte_tcp.h>

#include "tests/support/tcp_states.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG

const char *const states_names[ST_N] = {"CLOSED", "LISTEN", "SYN-RECEIVED (passive)", "SYN-SENT",
	"SYN-RECEIVED (simultaneous)", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
	"CLOSING", "LAST-ACK", "TIME-WAIT"};

// §3.4: A < B in the arithmetic of sequence numbers.
static bool before(uint32_t a, uint32_t b)
{
	return a != b && b - a < UINT32_C(0x80000000);
}

static bool within(uint32_t x, uint32_t from, uint32_t size)
{
	return x - from < size;
}

static uint32_t seg_len(const struct states_seg *seg)
{
	return seg->len + !!(seg->flags & SYN) + !!(seg->flags & FIN);
}

static struct states_outcome stay(const struct states_tcb *tcb)
{
	return (struct states_outcome){.next = tcb->state};
}

static void reply(struct states_outcome *out, enum states_reply kind, uint32_t seq, uint32_t ack)
{
	out->reply = kind;
	out->reply_seq = seq;
	out->reply_ack = ack;
}

// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
static void reply_ack(struct states_outcome *out, const struct states_tcb *tcb)
{
	// Ours: before our SYN is acknowledged the ACK goes out on it, since it may be what the
	// peer lacks.
	if (tcb->state == ST_SYN_RECEIVED && out->next == ST_SYN_RECEIVED)
		reply(out, REPLY_SYN_ACK, tcb->iss, tcb->rcv_nxt);
	else
		reply(out, REPLY_ACK, tcb->snd_nxt, tcb->rcv_nxt);
}

// §3.10.7.1: the reset is made such that it fits what came.
static void reply_reset(struct states_outcome *out, const struct states_seg *seg)
{
	if (seg->flags & ACK)
		reply(out, REPLY_RST, seg->ack, 0);
	else
		reply(out, REPLY_RST_ACK, 0, seg->seq + seg_len(seg));
}

static struct states_outcome in_closed(const struct states_tcb *tcb, const struct states_seg *seg)
{
	struct states_outcome out = stay(tcb);

	if (!(seg->flags & RST))
		reply_reset(&out, seg);
	return out;
}

static struct states_outcome in_listen(const struct states_tcb *tcb, const struct states_seg *seg)
{
	struct states_outcome out = stay(tcb);

	if (seg->flags & RST)
		return out;
	if (seg->flags & ACK) {
		reply_reset(&out, seg);
		return out;
	}
	// Ours: who opens and ends at once is a scanner; dropped, as most stacks do. Text that
	// comes with a SYN is not kept (RFC 4987: no memory for strangers), so only the SYN is
	// acknowledged.
	if (!(seg->flags & SYN) || (seg->flags & FIN))
		return out;
	out.next = ST_HALF_OPEN;
	reply(&out, REPLY_SYN_ACK, 0, seg->seq + 1);
	out.reply_seq_any = true;
	return out;
}

// "First, check sequence number": whether the segment is acceptable.
static bool acceptable(const struct states_tcb *tcb, const struct states_seg *seg)
{
	uint32_t nxt = tcb->rcv_nxt;
	uint32_t wnd = tcb->rcv_wnd;
	uint32_t len = seg_len(seg);
	uint32_t last = seg->seq + len - 1;

	// Ours: the RFC takes what stands at the right edge of a window only if it is closed; but a
	// peer that has filled the window has no other number for its acknowledgements.
	if (len == 0)
		return within(seg->seq, nxt, wnd + 1);
	if (wnd == 0)
		return false;
	// Ours: the RFC looks at the first and the last octet only, and forgets what begins before
	// the window and ends behind it.
	return within(seg->seq, nxt, wnd) || within(last, nxt, wnd) ||
		(before(seg->seq, nxt) && !before(last, nxt + wnd));
}

// RFC 5961 §3.2. True: the segment is no reset.
static bool pass_reset(
	struct states_outcome *out, const struct states_tcb *tcb, const struct states_seg *seg)
{
	if (!(seg->flags & RST))
		return true;
	if (seg->seq != tcb->rcv_nxt) {
		if (within(seg->seq, tcb->rcv_nxt, tcb->rcv_wnd))
			reply_ack(out, tcb);
		return false;
	}
	out->next = tcb->state == ST_HALF_OPEN ? ST_LISTEN : ST_CLOSED;
	out->over = tcb->state != ST_HALF_OPEN;
	// Ours: in CLOSING and LAST-ACK the RFC ends without a word; but what our FIN ended was not
	// acknowledged, and the user should know.
	out->error = tcb->state == ST_HALF_OPEN ? 0
		: tcb->state == ST_SYN_RECEIVED ? ECONNREFUSED
						: ECONNRESET;
	return false;
}

// The seventh step and the eighth, for states that receive: what of the text and of the FIN lies in
// the window.
static void take_text(
	struct states_outcome *out, const struct states_tcb *tcb, const struct states_seg *seg)
{
	uint32_t edge = tcb->rcv_nxt + tcb->rcv_wnd;
	uint32_t end = seg->seq + seg->len;
	bool fin = (seg->flags & FIN) && within(end, tcb->rcv_nxt, tcb->rcv_wnd);
	uint32_t from = before(seg->seq, tcb->rcv_nxt) ? tcb->rcv_nxt : seg->seq;
	uint32_t to = before(edge, end) ? edge : end;
	uint32_t text = before(from, to) ? to - from : 0;

	if (text == 0 && !fin)
		return;
	// §3.6.1 SHLD-3: the user is gone, and its peer learns that data was lost.
	if (tcb->gone && text > 0) {
		out->next = ST_CLOSED;
		reply(out, REPLY_RST_ACK, tcb->snd_nxt, tcb->rcv_nxt);
		return;
	}
	if (from != tcb->rcv_nxt) {
		reply(out, REPLY_ACK, tcb->snd_nxt, tcb->rcv_nxt);
		out->hole = from;
		out->late = text;
		out->late_eof = fin;
		return;
	}
	out->text = text;
	out->eof = fin;
	reply(out, REPLY_ACK, tcb->snd_nxt, tcb->rcv_nxt + text + fin);
	if (!fin)
		return;
	if (out->next == ST_ESTABLISHED)
		out->next = ST_CLOSE_WAIT;
	else if (out->next == ST_FIN_WAIT_1)
		out->next = ST_CLOSING;
	else
		out->next = ST_TIME_WAIT;
	out->over = out->next == ST_TIME_WAIT;
}

static bool receives(enum states_name state)
{
	return state == ST_ESTABLISHED || state == ST_FIN_WAIT_1 || state == ST_FIN_WAIT_2;
}

// The fifth step. False: the segment is done with.
static bool take_ack(
	struct states_outcome *out, const struct states_tcb *tcb, const struct states_seg *seg)
{
	bool fin_acked = tcb->fin_sent && seg->ack == tcb->snd_nxt;

	if (tcb->state == ST_SYN_RECEIVED || tcb->state == ST_HALF_OPEN) {
		if (!before(tcb->snd_una, seg->ack) || before(tcb->snd_nxt, seg->ack)) {
			reply_reset(out, seg);
			return false;
		}
		out->next = ST_ESTABLISHED;
		out->connected = tcb->state == ST_SYN_RECEIVED;
		return true;
	}
	// RFC 5961 §5.2.
	if (before(tcb->snd_nxt, seg->ack) || before(seg->ack, tcb->snd_una - tcb->max_snd_wnd)) {
		reply_ack(out, tcb);
		return false;
	}
	if (!fin_acked)
		return true;
	if (tcb->state == ST_FIN_WAIT_1)
		out->next = ST_FIN_WAIT_2;
	if (tcb->state == ST_CLOSING)
		out->next = ST_TIME_WAIT;
	if (tcb->state == ST_LAST_ACK)
		out->next = ST_CLOSED;
	out->over = tcb->state == ST_CLOSING || tcb->state == ST_LAST_ACK;
	return true;
}

// RFC 7323 §5.3 R1 and §3.2, for all but resets. False: drop.
static bool pass_timestamp(
	struct states_outcome *out, const struct states_tcb *tcb, const struct states_seg *seg)
{
	if (!tcb->ts_on)
		return true;
	// Ours: a SYN is answered whatever it carries (RFC 5961 §4.2, a MUST), and some peers leave
	// the timestamp out of the ACK that ends the handshake.
	if (!seg->ts)
		return (seg->flags & SYN) ||
			(tcb->state == ST_HALF_OPEN && seg->ack == tcb->snd_nxt &&
				acceptable(tcb, seg));
	if (!before(seg->tsval, tcb->ts_recent))
		return true;
	reply_ack(out, tcb);
	return false;
}

// Text before the window says that our ACK was lost, and text beyond it that the peer forgot the
// window: both are answered even when the rest of the segment says nothing.
static void answer_trimmed(
	struct states_outcome *out, const struct states_tcb *tcb, const struct states_seg *seg)
{
	if (out->reply == REPLY_NONE && out->next != ST_CLOSED && seg_len(seg) > 0 &&
		(before(seg->seq, tcb->rcv_nxt) || tcb->rcv_wnd == 0))
		reply_ack(out, tcb);
}

// §3.10.7.4, for all states that have a connection.
static struct states_outcome in_others(const struct states_tcb *tcb, struct states_seg seg)
{
	struct states_outcome out = stay(tcb);
	bool syn = seg.flags & SYN;

	// RFC 9293 figure 8: the SYN-ACK of a simultaneous open carries the SYN that we know.
	if (tcb->state == ST_SYN_RECEIVED && syn && (seg.flags & ACK) && !(seg.flags & RST) &&
		seg.seq == tcb->irs) {
		seg.flags &= (uint8_t)~SYN;
		seg.seq++;
		syn = false;
	}
	if (!pass_reset(&out, tcb, &seg))
		return out;
	// Ours: a half-open entry answers a SYN by its SYN-ACK, for the peer may have missed it;
	// one who has begun anew resets it. (The RFC would forget the entry, which anybody could
	// then make happen.) What has neither SYN nor ACK is never sent by a TCP, and is not
	// answered since the peer may be forged.
	if (tcb->state == ST_HALF_OPEN && (syn || !(seg.flags & ACK))) {
		if (syn)
			reply(&out, REPLY_SYN_ACK, tcb->iss, tcb->rcv_nxt);
		return out;
	}
	if (!pass_timestamp(&out, tcb, &seg))
		return out;
	// RFC 5961 §4.2: "irrespective of the sequence number".
	if (syn) {
		reply_ack(&out, tcb);
		return out;
	}
	// "If the RCV.WND is zero, special allowance should be made to accept valid ACKs."
	// Ours: not for a half-open entry, which had a window when it was made.
	if (!acceptable(tcb, &seg) &&
		(tcb->rcv_wnd != 0 || seg.seq != tcb->rcv_nxt || tcb->state == ST_HALF_OPEN)) {
		reply_ack(&out, tcb);
		return out;
	}
	if ((seg.flags & ACK) && take_ack(&out, tcb, &seg)) {
		if (receives(out.next))
			take_text(&out, tcb, &seg);
	} else if (seg.flags & ACK) {
		return out;
	}
	answer_trimmed(&out, tcb, &seg);
	return out;
}

static struct states_outcome in_time_wait(
	const struct states_tcb *tcb, const struct states_seg *seg)
{
	struct states_outcome out = stay(tcb);
	bool newer;

	// RFC 1337: resets are ignored here.
	if (seg->flags & RST)
		return out;
	// RFC 6191, RFC 9293 §3.10.7.4 "fourth": a SYN that is certainly new.
	if (tcb->ts_on && seg->ts && seg->tsval != tcb->ts_recent)
		newer = before(tcb->ts_recent, seg->tsval);
	else
		newer = before(tcb->rcv_nxt, seg->seq);
	if ((seg->flags & (SYN | ACK | FIN)) == SYN && newer) {
		out.next = ST_HALF_OPEN;
		reply(&out, REPLY_SYN_ACK, 0, seg->seq + 1);
		out.reply_seq_any = true;
		return out;
	}
	// RFC 7323 §3.2, and of a SYN RFC 6191 §2.
	if (tcb->ts_on && !seg->ts)
		return out;
	// The window is closed for good: whatever occupies a sequence number, or lies anywhere
	// else, is unacceptable and acknowledged; of the rest nothing has a meaning any more.
	if (seg_len(seg) > 0 || seg->seq != tcb->rcv_nxt ||
		(tcb->ts_on && seg->ts && before(seg->tsval, tcb->ts_recent)))
		reply_ack(&out, tcb);
	return out;
}

static struct states_outcome in_syn_sent(const struct states_tcb *tcb, struct states_seg seg)
{
	struct states_outcome out = stay(tcb);
	struct states_tcb after = *tcb;
	bool ack = seg.flags & ACK;

	if (ack && (!before(tcb->iss, seg.ack) || before(tcb->snd_nxt, seg.ack))) {
		if (!(seg.flags & RST))
			reply_reset(&out, &seg);
		return out;
	}
	if (seg.flags & RST) {
		if (!ack)
			return out;
		out.next = ST_CLOSED;
		out.over = true;
		out.error = ECONNREFUSED;
		return out;
	}
	if (!(seg.flags & SYN))
		return out;
	if (!ack) {
		// Ours: text that comes with a crossing SYN is left to be sent again.
		out.next = ST_SYN_RECEIVED;
		reply(&out, REPLY_SYN_ACK, tcb->iss, seg.seq + 1);
		return out;
	}
	seg.flags &= (uint8_t)~SYN;
	seg.seq++;
	after.rcv_nxt = seg.seq;
	out.next = ST_ESTABLISHED;
	out.connected = true;
	reply(&out, REPLY_ACK, tcb->snd_nxt, after.rcv_nxt);
	take_text(&out, &after, &seg);
	return out;
}

struct states_outcome states_expect(const struct states_tcb *tcb, const struct states_seg *seg)
{
	switch (tcb->state) {
	case ST_CLOSED:
		return in_closed(tcb, seg);
	case ST_LISTEN:
		return in_listen(tcb, seg);
	case ST_SYN_SENT:
		return in_syn_sent(tcb, *seg);
	case ST_TIME_WAIT:
		return in_time_wait(tcb, seg);
	case ST_HALF_OPEN:
	case ST_SYN_RECEIVED:
	case ST_ESTABLISHED:
	case ST_FIN_WAIT_1:
	case ST_FIN_WAIT_2:
	case ST_CLOSE_WAIT:
	case ST_CLOSING:
	case ST_LAST_ACK:
	case ST_N:
		break;
	}
	return in_others(tcb, *seg);
}
