#include "dataplane/tcp/tcp_flight.h"

#include "dataplane/tcp/tcp_types.h"

const struct tcp_flight tcp_flight_none = {
	.sent.by_time =
		{
			.next = (struct list *)(uintptr_t)&tcp_flight_none.sent.by_time,
			.prev = (struct list *)(uintptr_t)&tcp_flight_none.sent.by_time,
		},
};

static bool none(const struct tcp_conn *conn)
{
	return conn->flight == &tcp_flight_none;
}

void tcp_flight_begin(struct tcp_conn *conn)
{
	struct tcp_flight *flight;

	if (likely(!none(conn)))
		return;
	flight = pool_get(&conn->tcp->flights);
	*flight = (struct tcp_flight){
		.rack = {.rtt = conn->rtt.srtt, .fack = conn->snd_una},
		.rtt_seq = conn->snd_una,
		.recover = conn->snd_una - 1,
		.cwr_end = conn->snd_una,
	};
	tcp_sent_init(&flight->sent);
	conn->flight = flight;
}

void tcp_flight_settle(struct tcp_conn *conn)
{
	if (!none(conn) && conn->flight->sent.n == 0 && !conn->flight->repaired &&
		conn->ca == TCP_CA_OPEN)
		tcp_flight_end(conn);
}

void tcp_flight_quiet(struct tcp_conn *conn)
{
	if (none(conn) || conn->flight->sent.n > 0)
		return;
	conn->flight->repaired = false;
	conn->flight->again.m = NULL;
}

void tcp_flight_end(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (none(conn))
		return;
	tcp_sent_free(&conn->flight->sent, &tcp->sents);
	pool_put(&tcp->flights, conn->flight);
	conn->flight = tcp_flight_no();
}
