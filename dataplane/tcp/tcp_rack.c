#include "dataplane/tcp/tcp_rack.h"

#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_trace.h"

#define DUP_THRESH 3
#define REO_WND_PERSIST 16
// How long a peer may wait with the ACK of a single segment (TLP.max_ack_delay).
#define ACK_DELAY_NS (200 * NS_PER_MS)

// Whether a was sent after b.
static bool sent_after(struct mono a, uint32_t a_end, struct mono b, uint32_t b_end)
{
	return a.ns > b.ns || (a.ns == b.ns && seq_gt(a_end, b_end));
}

static void adapt_reo_wnd(struct tcp_conn *conn, bool dsack)
{
	struct tcp_rack *rack = &conn->flight->rack;

	if (rack->dsack_round_on && seq_geq(conn->snd_una, rack->dsack_round))
		rack->dsack_round_on = false;
	if (!dsack || rack->dsack_round_on)
		return;
	rack->dsack_round_on = true;
	rack->dsack_round = conn->snd_nxt;
	conn->reo_wnd_persist = REO_WND_PERSIST;
	if (conn->reo_wnd_mult < UINT8_MAX)
		conn->reo_wnd_mult++;
}

void tcp_rack_ack(struct tcp_conn *conn, const struct tcp_news *news)
{
	struct tcp_rack *rack = &conn->flight->rack;
	const struct tcp_delivery *d = &news->d;

	adapt_reo_wnd(conn, news->dsack);
	if (d->bytes == 0)
		return;
	if (d->original && seq_lt(d->lowest, rack->fack))
		conn->reordering_seen = true;
	rack->fack = seq_max(rack->fack, d->highest);
	if (!d->any || !sent_after(d->at, d->end, rack->xmit, rack->end))
		return;
	rack->xmit = d->at;
	rack->end = d->end;
	rack->rtt = (uint32_t)(mono_since(d->now, d->at) / NS_PER_US);
}

void tcp_rack_recovered(struct tcp_conn *conn)
{
	if (conn->reo_wnd_persist > 0 && --conn->reo_wnd_persist == 0)
		conn->reo_wnd_mult = 1;
}

// ns (§6.2 step 4).
static uint64_t reo_wnd(const struct tcp_conn *conn)
{
	uint64_t us;

	if (!conn->reordering_seen &&
		(conn->ca != TCP_CA_OPEN || conn->flight->sent.sacked_segs >= DUP_THRESH))
		return 0;
	us = (uint64_t)conn->reo_wnd_mult * tcp_rtt_min(&conn->rtt) / 4;
	return RTE_MIN(us, conn->rtt.srtt) * NS_PER_US;
}

bool tcp_rack_detect(struct tcp_conn *conn)
{
	struct tcp_rack *rack = &conn->flight->rack;
	struct tcp_sent_list *sent = &conn->flight->sent;
	uint64_t patience;
	bool lost = false;

	rack->reo_at = (struct mono){0};
	if (rack->xmit.ns == 0 || list_empty(&sent->by_time))
		return false;
	patience = rack->rtt * NS_PER_US + reo_wnd(conn);
	list_for_each_safe (link, next, &sent->by_time) {
		struct tcp_sent *rec = list_entry(link, struct tcp_sent, by_time);
		struct mono until = mono_add(rec->at, patience);

		if (!sent_after(rack->xmit, rack->end, rec->at, rec->end))
			break;
		if (!mono_due(conn->tcp->now, until)) {
			// They are in the order of their times: what follows is due later still.
			rack->reo_at = until;
			break;
		}
		tcp_sent_mark_lost(sent, rec);
		lost = true;
	}
	return lost;
}

void tcp_rack_timeout(struct tcp_conn *conn)
{
	struct tcp_sent_list *sent = &conn->flight->sent;
	uint64_t patience = conn->flight->rack.rtt * NS_PER_US + reo_wnd(conn);

	conn->flight->rack.reo_at = (struct mono){0};
	list_for_each_safe (link, next, &sent->by_time) {
		struct tcp_sent *rec = list_entry(link, struct tcp_sent, by_time);

		if (!mono_due(conn->tcp->now, mono_add(rec->at, patience)))
			break;
		tcp_sent_mark_lost(sent, rec);
	}
	if (sent->head != NULL)
		tcp_sent_mark_lost(sent, sent->head);
}

// --- tail loss probes

bool tcp_rack_wants_probe(const struct tcp_conn *conn)
{
	return conn->sack_on && conn->ca == TCP_CA_OPEN && conn->flight->sent.n > 0 &&
		conn->flight->sent.sacked == 0 && conn->flight->sent.lost == 0 &&
		!conn->flight->rack.tlp_on && conn->rtt.srtt != 0;
}

uint64_t tcp_rack_probe_timeout(const struct tcp_conn *conn)
{
	uint64_t ns = 2 * conn->rtt.srtt * NS_PER_US;

	return conn->snd_nxt - conn->snd_una <= conn->mss ? ns + ACK_DELAY_NS : ns;
}

void tcp_rack_probed(struct tcp_conn *conn, bool again)
{
	conn->flight->repaired = true;
	conn->flight->rack.tlp_on = true;
	conn->flight->rack.tlp_again = again;
	conn->flight->rack.tlp_end = conn->snd_nxt;
	stat_inc(conn->tcp->stats, STAT_tcp_loss_probes);
	tcp_trace(conn->tcp, conn, TRACE_TLP, conn->snd_nxt, conn->snd_nxt - conn->snd_una);
}

bool tcp_rack_probe_ack(struct tcp_conn *conn, const struct tcp_news *news)
{
	struct tcp_rack *rack = &conn->flight->rack;

	if (!rack->tlp_on || seq_lt(news->ack, rack->tlp_end))
		return false;
	if (!rack->tlp_again || (news->dsack && news->dsack_end == rack->tlp_end)) {
		rack->tlp_on = false;
		return false;
	}
	if (seq_gt(news->ack, rack->tlp_end)) {
		rack->tlp_on = false;
		return true;
	}
	// Exactly the probe's end: either copy may have been the first to arrive. A bare duplicate
	// tells that both did.
	if (news->duplicate && !news->sacks) {
		rack->tlp_on = false;
		return false;
	}
	return false;
}
