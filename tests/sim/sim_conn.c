#include "tests/sim/sim_conn.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/support/tcp_bytes.h"

#define RETRY_NS (5 * NS_PER_MS)
#define COPY_MAX 300u

void sim_wrong(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->wrong[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(sim->wrong, sizeof(sim->wrong), format, args);
	va_end(args);
}

void sim_conns_init(struct sim *sim)
{
	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_conn *conn = &sim->conn[i];

		conn->plan = &sim->plan->conn[i];
		conn->index = i;
		for (unsigned e = 0; e < 2; e++) {
			struct sim_end *end = &conn->end[e];

			end->plan = &conn->plan->end[e];
			end->of = conn;
			end->host = conn->plan->opener ^ e;
			end->key = sim->plan->seed * 1000 + i * 2 + e;
			rng_seed(&end->rng, end->key);
		}
		conn->end[1].done = conn->plan->kind == SIM_REFUSED;
	}
}

bool sim_conns_done(const struct sim *sim)
{
	for (unsigned i = 0; i < sim->plan->conn_n; i++)
		if (!sim->conn[i].end[0].done || !sim->conn[i].end[1].done)
			return false;
	return true;
}

static struct sim_end *peer_of(struct sim_end *end)
{
	return &end->of->end[end == &end->of->end[0]];
}

static void opened(struct sim_end *end)
{
	end->open = true;
	end->writable = true;
}

// The connection is given back, or was never there.
static void finished(struct sim_end *end)
{
	struct sim_end *peer = peer_of(end);

	end->conn = NULL;
	end->done = true;
	// Its opener gave up, perhaps before it was there.
	if ((end->aborted || end->error != 0) && !peer->open && peer->conn == NULL)
		peer->done = true;
}

// --- writing

// How far it may write by now.
static uint64_t allowed(struct sim_end *end)
{
	const struct sim_end_plan *plan = end->plan;
	bool first = end == &end->of->end[0];

	if (end->of->plan->kind == SIM_ANSWER && !first && !end->eof)
		return 0;
	if (end->of->plan->kind == SIM_ASK) {
		uint64_t rounds = end->read / peer_of(end)->plan->ask + first;

		return RTE_MIN(plan->total, rounds * plan->ask);
	}
	return plan->total;
}

// A chain of buffers of random lengths; shorter than `n` when buffers are short.
static struct rte_mbuf *make_chain(struct sim_end *end, struct rte_mempool *pool, uint32_t n)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf **link = &head;

	while (n > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t part;

		if (m == NULL)
			break;
		part = RTE_MIN(n, rte_pktmbuf_tailroom(m));
		if (rng_below(&end->rng, 4) == 0)
			part = 1 + rng_below(&end->rng, part);
		tcp_bytes_fill(end->key, end->made,
			(uint8_t *)rte_pktmbuf_append(m, (uint16_t)part), part);
		end->made += part;
		n -= part;
		*link = m;
		link = &m->next;
	}
	return head;
}

static bool send_some(struct sim_end *end, struct rte_mempool *pool, uint32_t n)
{
	uint8_t bytes[COPY_MAX];
	struct rte_mbuf *chain;

	if (n <= sizeof(bytes)) {
		tcp_bytes_fill(end->key, end->made, bytes, n);
		end->made += n;
		return tcp_send_copy(end->conn, bytes, n);
	}
	chain = make_chain(end, pool, n);
	return chain != NULL && tcp_send(end->conn, chain);
}

static void write_bytes(struct sim *sim, struct sim_end *end)
{
	struct rte_mempool *pool = sim->pair->host[end->host].pool;
	uint64_t may = allowed(end);

	if (mono_before(sim->pair->now, end->retry_at))
		return;
	while (end->writable && end->made < may) {
		uint32_t room = tcp_send_room(end->conn);
		uint64_t n = RTE_MIN(may - end->made, 1 + rng_below(&end->rng, end->plan->chunk));
		uint64_t before = end->made;

		if (room == 0) {
			end->writable = false;
			return;
		}
		// Buffers that are left serve those that are on their way.
		if (sim->plan->small_pool > 0 && rte_mempool_avail_count(pool) < 60) {
			end->retry_at = mono_add(sim->pair->now, RETRY_NS);
			return;
		}
		if (!send_some(end, pool, (uint32_t)RTE_MIN(n, room))) {
			end->refused = end->made > before;
			end->retry_at = mono_add(sim->pair->now, RETRY_NS);
			return;
		}
	}
}

// --- reading

static void read_all(struct sim *sim, struct sim_end *end)
{
	struct sim_end *peer = peer_of(end);
	struct rte_mbuf *m = tcp_recv(end->conn);

	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		uint64_t good = tcp_bytes_check(
			peer->key, end->read, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);

		if (good != end->read + m->data_len || good > peer->made)
			sim_wrong(sim, "connection %u: byte %llu of end %u's stream is wrong",
				end->of->index, (unsigned long long)good, peer == &end->of->end[1]);
		end->read += m->data_len;
		end->held += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	end->readable = false;
}

static void read_bytes(struct sim *sim, struct sim_end *end)
{
	const struct sim_end_plan *plan = end->plan;
	uint64_t back;

	if ((!end->readable && end->held == 0) || mono_before(sim->pair->now, end->read_at))
		return;
	if (end->readable)
		read_all(sim, end);
	back = plan->read_max > 0 ? RTE_MIN(end->held, plan->read_max) : end->held;
	end->held -= back;
	tcp_recv_done(end->conn, (uint32_t)back);
	if (plan->read_pause > 0)
		end->read_at = mono_add(sim->pair->now, plan->read_pause);
}

// --- ending

static bool has_all(struct sim_end *end)
{
	return end->read == peer_of(end)->plan->total;
}

static bool may_fin(struct sim_end *end)
{
	if (end->made < end->plan->total || end->refused)
		return false;
	switch (end->plan->fin) {
	case SIM_FIN_SENT:
		return true;
	case SIM_FIN_READ:
		return has_all(end);
	case SIM_FIN_EOF:
		return end->eof;
	case SIM_FIN_BOTH:
		return end->of->both_done;
	case SIM_FINS:
		break;
	}
	return false;
}

static void end_sending(struct sim_end *end)
{
	if (end->fin || !may_fin(end))
		return;
	if (!end->wanted && rng_below(&end->rng, 2) == 0) {
		end->wanted = true;
		tcp_want_acked(end->conn);
	}
	if (end->plan->close == SIM_CLOSE_FIN) {
		if (!has_all(end) || end->readable)
			return;
		end->fin = true;
		tcp_close(end->conn);
		finished(end);
		return;
	}
	end->fin = true;
	tcp_shutdown(end->conn);
}

static bool may_close(struct sim_end *end)
{
	if (end->closed)
		return end->error != 0 || !end->readable;
	return end->plan->close == SIM_CLOSE_EOF && end->fin && end->eof && !end->readable;
}

static void advance_end(struct sim *sim, struct sim_end *end)
{
	if (end->open && !end->closed && end->plan->close == SIM_CLOSE_ABORT &&
		end->made + end->read >= end->plan->abort_at) {
		end->aborted = true;
		tcp_abort(end->conn);
		finished(end);
		return;
	}
	// Reading comes first: what it allows to write must not wait for whatever wakes us next.
	if (end->open && end->error == 0)
		read_bytes(sim, end);
	if (end->open && !end->closed) {
		write_bytes(sim, end);
		end_sending(end);
	}
	if (end->conn != NULL && may_close(end)) {
		tcp_close(end->conn);
		finished(end);
	}
}

// --- events

static void check_eof(struct sim *sim, struct sim_end *end)
{
	struct sim_end *peer = peer_of(end);

	if (end->eof)
		sim_wrong(sim, "connection %u: TCP_EOF twice", end->of->index);
	if (!peer->fin)
		sim_wrong(sim, "connection %u: TCP_EOF, and nobody sent FIN", end->of->index);
	end->eof = true;
	// A reset behind the FIN takes with it what was not read.
	if (end->error != 0)
		return;
	read_all(sim, end);
	if (end->read != peer->made)
		sim_wrong(sim, "connection %u: TCP_EOF after %llu of %llu bytes", end->of->index,
			(unsigned long long)end->read, (unsigned long long)peer->made);
}

static void take_events(struct sim *sim, struct sim_end *end, unsigned events)
{
	if (end->closed)
		sim_wrong(
			sim, "connection %u: event 0x%x after TCP_CLOSED", end->of->index, events);
	if ((events & TCP_CONNECTED) && end->open)
		sim_wrong(sim, "connection %u: TCP_CONNECTED twice", end->of->index);
	if (events & TCP_CONNECTED)
		opened(end);
	if (events & TCP_CLOSED) {
		end->closed = true;
		end->error = tcp_error(end->conn);
	}
	if (events & TCP_READABLE)
		end->readable = true;
	if (events & TCP_WRITABLE)
		end->writable = true;
	if ((events & TCP_ACKED) && (!end->wanted || end->acked))
		sim_wrong(sim, "connection %u: TCP_ACKED, and nobody asked", end->of->index);
	if (events & TCP_ACKED)
		end->acked = true;
	if (events & TCP_EOF)
		check_eof(sim, end);
}

static void fetch_events(struct sim *sim, unsigned host)
{
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(sim->pair->host[host].tcp, &events)) != NULL) {
		struct sim_end *end = tcp_user(conn);

		if (end == NULL || end->conn != conn)
			sim_wrong(sim, "an event of a connection that is nobody's");
		else
			take_events(sim, end, events);
	}
}

// --- opening

// Ports are drawn at random, and come again: the one that was opened last is meant.
static struct sim_end *accepted_by(struct sim *sim, unsigned host, const struct tcp_conn *conn)
{
	struct tcp_endpoints at = tcp_conn_endpoints(conn);
	struct sim_conn *last = NULL;

	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_conn *c = &sim->conn[i];

		if (c->started && !c->plan->both_open && c->end[1].host == host &&
			c->port == at.remote_port &&
			(last == NULL || c->plan->start > last->plan->start))
			last = c;
	}
	return last != NULL ? &last->end[1] : NULL;
}

static void accept_all(struct sim *sim, unsigned host)
{
	struct tcp_conn *conn;

	while ((conn = tcp_accept(sim->listener[host])) != NULL) {
		struct sim_end *end = accepted_by(sim, host, conn);

		if (end == NULL || end->conn != NULL || end->open) {
			// A cookie is good for more than one connection: its first segment, come
			// late or again, is one of a new one.
			if (end == NULL || sim->plan->cfg[host].half_open_max >= sim->plan->conn_n)
				sim_wrong(sim, "a connection that nobody opened");
			tcp_abort(conn);
			continue;
		}
		end->conn = conn;
		end->done = false;
		tcp_widen(conn);
		tcp_set_user(conn, end);
		opened(end);
	}
}

static void connect_end(struct sim *sim, struct sim_end *end)
{
	const struct sim_conn_plan *plan = end->of->plan;
	struct tcp_host *from = &sim->pair->host[end->host];
	struct tcp_host *to = &sim->pair->host[!end->host];
	bool second = end == &end->of->end[1];
	uint16_t port = plan->kind == SIM_REFUSED ? SIM_PORT_CLOSED : SIM_PORT;
	uint16_t local = plan->local_port;
	int rc;

	if (plan->both_open) {
		port = second ? plan->local_port : (uint16_t)(plan->local_port + SIM_CONNS_MAX);
		local = second ? (uint16_t)(plan->local_port + SIM_CONNS_MAX) : plan->local_port;
	}
	rc = tcp_connect(from->tcp, plan->v6 ? &to->addr6 : &to->addr, port, local, sim->pair->now,
		&end->conn);
	if (rc != 0) {
		sim_wrong(sim, "connection %u: tcp_connect gave %d", end->of->index, rc);
		finished(end);
		return;
	}
	if (plan->local_port & 1)
		tcp_widen(end->conn);
	tcp_set_user(end->conn, end);
	if (!second)
		end->of->port = tcp_conn_endpoints(end->conn).local_port;
}

static void start_due(struct sim *sim, unsigned host)
{
	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_conn *conn = &sim->conn[i];

		if (mono_since(sim->pair->now, sim->begin) < conn->plan->start)
			continue;
		if (conn->end[0].host == host && !conn->started) {
			conn->started = true;
			connect_end(sim, &conn->end[0]);
		}
		if (conn->plan->both_open && conn->end[1].host == host &&
			conn->end[1].conn == NULL && !conn->end[1].done) {
			connect_end(sim, &conn->end[1]);
		}
	}
}

// --- the turn

static struct mono earliest(struct mono at, struct mono other, struct mono now)
{
	return mono_before(now, other) && (at.ns == 0 || mono_before(other, at)) ? other : at;
}

static void set_wake(struct sim *sim, unsigned host)
{
	struct mono now = sim->pair->now;
	struct mono wake = {0};

	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_conn *conn = &sim->conn[i];
		struct sim_end *end = &conn->end[conn->end[1].host == host];

		wake = earliest(wake, mono_add(sim->begin, conn->plan->start), now);
		if (end->conn == NULL)
			continue;
		if (end->readable || end->held > 0)
			wake = earliest(wake, end->read_at, now);
		wake = earliest(wake, end->retry_at, now);
		if (conn->both_done && end->plan->fin == SIM_FIN_BOTH && end->open && !end->fin)
			wake = earliest(wake, mono_add(now, 1), now);
	}
	if (sim->plan->dead_after > 0)
		wake = earliest(wake, mono_add(sim->begin, sim->plan->dead_after), now);
	sim->pair->wake[host] = wake;
}

void sim_conns_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct sim *sim = ctx;

	(void)pair;
	start_due(sim, host);
	accept_all(sim, host);
	fetch_events(sim, host);
	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_conn *conn = &sim->conn[i];

		// Noted between turns, so that both ends act on it in the same one.
		if (host == 0)
			conn->both_done = has_all(&conn->end[0]) && has_all(&conn->end[1]);
		for (unsigned e = 0; e < 2; e++)
			if (conn->end[e].host == host && conn->end[e].conn != NULL)
				advance_end(sim, &conn->end[e]);
	}
	set_wake(sim, host);
}
