#include "tests/support/peer_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const struct peer_fake *fake, const char *what)
{
	fprintf(stderr, "fake peer %u: %s\n", fake->port, what);
	abort();
}

static void add(char **to, size_t *len, size_t *cap, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	if (*len + n > *cap) {
		*cap = 2 * (*len + n);
		*to = realloc(*to, *cap);
	}
	memcpy(*to + *len, bytes, n);
	*len += n;
}

void peer_fake_back(struct peer_fake *fake)
{
	if (!fake->listener && tcp_listen(fake->tcp, NULL, fake->port, 64, &fake->listener) != 0)
		die(fake, "can't listen");
}

struct peer_fake *peer_fake_new(struct tcp *tcp, uint16_t port)
{
	struct peer_fake *fake = calloc(1, sizeof(*fake));

	fake->tcp = tcp;
	fake->port = port;
	fake->reply = "+OK\r\n";
	peer_fake_back(fake);
	return fake;
}

static void forget(struct peer_fake_conn *c)
{
	if (c->tcp)
		tcp_set_user(c->tcp, NULL);
	c->tcp = NULL;
	c->out_len = 0;
}

void peer_fake_reset(struct peer_fake *fake, unsigned conn)
{
	struct tcp_conn *tcp = fake->conn[conn].tcp;

	forget(&fake->conn[conn]);
	if (tcp)
		tcp_abort(tcp);
}

static void flush(struct peer_fake_conn *c)
{
	size_t n = c->out_len;
	uint32_t room;

	if (!c->tcp || n == 0)
		return;
	room = tcp_send_room(c->tcp);
	if (c->fake->step > 0 && n > c->fake->step)
		n = c->fake->step;
	n = n < room ? n : room;
	if (n == 0)
		return;
	if (!tcp_send_copy(c->tcp, c->out, n))
		return;
	c->out_len -= n;
	memmove(c->out, c->out + n, c->out_len);
}

void peer_fake_close(struct peer_fake *fake, unsigned conn)
{
	struct peer_fake_conn *c = &fake->conn[conn];

	if (!c->tcp)
		return;
	fake->step = 0;
	flush(c);
	tcp_shutdown(c->tcp);
}

void peer_fake_away(struct peer_fake *fake)
{
	for (unsigned i = 0; i < fake->conn_n; i++)
		peer_fake_reset(fake, i);
	if (fake->listener)
		tcp_unlisten(fake->listener);
	fake->listener = NULL;
}

void peer_fake_free(struct peer_fake *fake)
{
	peer_fake_away(fake);
	for (unsigned i = 0; i < fake->conn_n; i++) {
		free(fake->conn[i].in);
		free(fake->conn[i].out);
	}
	for (unsigned i = 0; i < fake->request_n; i++)
		free(fake->request[i].bytes);
	free(fake);
}

void peer_fake_say(struct peer_fake *fake, unsigned conn, const char *bytes, size_t len)
{
	struct peer_fake_conn *c = &fake->conn[conn];

	if (!c->tcp)
		return;
	add(&c->out, &c->out_len, &c->out_cap, bytes, len);
}

void peer_fake_answer(
	struct peer_fake *fake, unsigned conn, uint64_t id, const char *payload, size_t len)
{
	struct dnode_header header = {
		.id = id, .type = DNODE_RES, .version = 1, .same_dc = true, .plen = len};
	char text[DNODE_HEADER_MAX];

	peer_fake_say(fake, conn, text, dnode_put_header(text, sizeof(text), &header));
	peer_fake_say(fake, conn, payload, len);
}

static void answer(struct peer_fake *fake, const struct peer_fake_conn *c, unsigned conn)
{
	const struct peer_fake_request *q = &fake->request[fake->request_n - 1];
	const struct resp_request_parser *p = &c->request;

	if (fake->echo) {
		const struct resp_arg *last = &p->args[p->args_seen - 1];
		char *text = malloc(last->len + 64);
		size_t n = (size_t)sprintf(text, "$%zu\r\n", (size_t)last->len);

		memcpy(text + n, q->bytes + last->at, last->len);
		memcpy(text + n + last->len, "\r\n", 2);
		peer_fake_answer(fake, conn, q->id, text, n + last->len + 2);
		free(text);
	} else if (fake->reply) {
		peer_fake_answer(fake, conn, q->id, fake->reply,
			fake->reply_len > 0 ? fake->reply_len : strlen(fake->reply));
	}
}

static void request_whole(struct peer_fake *fake, struct peer_fake_conn *c)
{
	const struct dnode_header *header = &c->header.header;
	unsigned conn = (unsigned)(c - fake->conn);

	if (fake->request_n == PEER_FAKE_REQUESTS_MAX)
		die(fake, "too many requests");
	if (!dnode_plen_agrees(header, c->request.at))
		die(fake, "a request is not as long as its header says");
	fake->request[fake->request_n++] = (struct peer_fake_request){
		.id = header->id,
		.conn = conn,
		.type = header->type,
		.same_dc = header->same_dc,
		.len = c->in_len,
		.bytes = c->in,
	};
	c->in = NULL;
	c->in_len = 0;
	c->in_cap = 0;
	c->in_request = false;
	answer(fake, c, conn);
}

static size_t take(struct peer_fake *fake, struct peer_fake_conn *c, const uint8_t *at, size_t len)
{
	size_t used;

	if (!c->in_request) {
		enum dnode_status status = dnode_parse(&c->header, at, len, &used);

		if (status == DNODE_ERROR)
			die(fake, c->header.error);
		c->in_request = status == DNODE_DONE;
		if (c->in_request && dnode_framing(c->header.header.type) != DNODE_FRAMING_REQUEST)
			die(fake, "not a request");
	} else {
		enum resp_status status = resp_request_parse(&c->request, at, len, &used);

		if (status == RESP_ERROR || status == RESP_EMPTY)
			die(fake, "a request that is none");
		add(&c->in, &c->in_len, &c->in_cap, at, used);
		if (status == RESP_DONE)
			request_whole(fake, c);
	}
	return used;
}

static void take_segment(struct peer_fake *fake, struct peer_fake_conn *c, struct rte_mbuf *m)
{
	const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
	size_t left = m->data_len;

	while (left > 0) {
		size_t used = take(fake, c, at, left);

		at += used;
		left -= used;
	}
	tcp_recv_done(c->tcp, m->data_len);
	rte_pktmbuf_free_seg(m);
}

static void read_all(struct peer_fake *fake, struct peer_fake_conn *c)
{
	struct rte_mbuf *m = tcp_recv(c->tcp);

	while (m) {
		struct rte_mbuf *next = m->next;

		take_segment(fake, c, m);
		m = next;
	}
}

void peer_fake_events(struct tcp *tcp)
{
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(tcp, &events))) {
		struct peer_fake_conn *c = tcp_user(conn);

		if (!c || !(events & (TCP_CLOSED | TCP_EOF)))
			continue;
		c->closed = true;
		if (!c->fake->deaf)
			read_all(c->fake, c);
		forget(c);
		tcp_close(conn);
	}
}

static void accept_all(struct peer_fake *fake)
{
	struct tcp_conn *conn;

	while (fake->listener && (conn = tcp_accept(fake->listener))) {
		struct peer_fake_conn *c = &fake->conn[fake->conn_n++];

		if (fake->conn_n == PEER_FAKE_CONNS_MAX)
			die(fake, "too many connections");
		*c = (struct peer_fake_conn){.fake = fake, .tcp = conn};
		dnode_parser_init(&c->header);
		resp_request_init(&c->request, RESP_BULK_MAX);
		tcp_set_user(conn, c);
	}
}

void peer_fake_turn(struct peer_fake *fake)
{
	accept_all(fake);
	for (unsigned i = 0; i < fake->conn_n; i++) {
		struct peer_fake_conn *c = &fake->conn[i];

		if (c->tcp && !fake->deaf)
			read_all(fake, c);
		flush(c);
	}
}

bool peer_fake_is_busy(const struct peer_fake *fake)
{
	for (unsigned i = 0; i < fake->conn_n; i++)
		if (fake->conn[i].tcp && fake->conn[i].out_len > 0)
			return true;
	return false;
}

unsigned peer_fake_open(const struct peer_fake *fake)
{
	unsigned n = 0;

	for (unsigned i = 0; i < fake->conn_n; i++)
		n += fake->conn[i].tcp != NULL;
	return n;
}
