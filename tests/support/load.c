#include "tests/support/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#define TEXT_MAX (LOAD_VALUE_MAX + 256)
// Keys that a connection writes in turn.
#define KEYS 64

struct load_conn {
	struct load *load;
	struct tcp_conn *tcp; // NULL: over
	unsigned id;
	bool over;
	uint64_t sent;
	uint64_t answered;
	char want[TEXT_MAX]; // the reply to request `answered`
	size_t want_len;
	size_t want_at; // bytes of it that came
};

struct load {
	struct load_config config;
	struct tcp *tcp;
	struct load_counts counts;
	unsigned over; // connections
	char complaint[256];
	struct load_conn conn[];
};

// --- what is asked, and what must be answered

// Differs from request to request, so that no reply can stand for another.
static int value_make(const struct load_conn *c, uint64_t request, char *to)
{
	int n = snprintf(to, TEXT_MAX, "%u:%llu:", c->id, (unsigned long long)request);
	size_t len = c->load->config.value_len;

	if ((size_t)n < len) {
		memset(to + n, 'v', len - (size_t)n);
		n = (int)len;
	}
	to[n] = '\0';
	return n;
}

static size_t request_make(const struct load_conn *c, uint64_t request, char to[TEXT_MAX])
{
	char key[64];
	char value[TEXT_MAX];
	int key_len = snprintf(key, sizeof(key), "load:%u:%llu", c->id,
		(unsigned long long)((request - 1) / 2 % KEYS));
	int value_len;

	if (request == 0)
		return (size_t)snprintf(to, TEXT_MAX, "*1\r\n$4\r\nPING\r\n");
	if (request % 2 == 0)
		return (size_t)snprintf(
			to, TEXT_MAX, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", key_len, key);
	value_len = value_make(c, request, value);
	return (size_t)snprintf(to, TEXT_MAX, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n",
		key_len, key, value_len, value);
}

static void want_make(struct load_conn *c)
{
	char value[TEXT_MAX];
	int n;

	if (c->answered == 0) {
		n = snprintf(c->want, TEXT_MAX, "+PONG\r\n");
	} else if (c->answered % 2) {
		n = snprintf(c->want, TEXT_MAX, "+OK\r\n");
	} else {
		n = value_make(c, c->answered - 1, value);
		n = snprintf(c->want, TEXT_MAX, "$%d\r\n%s\r\n", n, value);
	}
	c->want_len = (size_t)n;
	c->want_at = 0;
}

// --- connections

static PRINTF_LIKE(2, 3) void complain(struct load_conn *c, const char *fmt, ...)
{
	char *to = c->load->complaint;
	size_t size = sizeof(c->load->complaint);
	va_list ap;
	int n;

	if (to[0] != '\0')
		return;
	n = snprintf(to, size, "connection %u, %llu of %llu requests answered: ", c->id,
		(unsigned long long)c->answered, (unsigned long long)c->sent);
	va_start(ap, fmt);
	vsnprintf(to + n, size - (size_t)n, fmt, ap);
	va_end(ap);
}

static void over(struct load_conn *c)
{
	c->load->over += !c->over;
	c->over = true;
}

static void conn_failed(struct load_conn *c)
{
	over(c);
	c->load->counts.failed++;
	tcp_abort(c->tcp);
	c->tcp = NULL;
}

// False when the bytes are not what they must be.
static bool check(struct load_conn *c, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = c->want_len - c->want_at;

		if (n > len)
			n = len;
		if (c->answered == c->sent || memcmp(bytes, c->want + c->want_at, n) != 0) {
			complain(c, "got \"%.*s\", want \"%.60s\"", (int)(len < 60 ? len : 60),
				bytes, c->answered == c->sent ? "" : c->want + c->want_at);
			return false;
		}
		bytes += n;
		len -= n;
		c->want_at += n;
		if (c->want_at == c->want_len) {
			c->answered++;
			c->load->counts.answered++;
			want_make(c);
		}
	}
	return true;
}

static bool receive(struct load_conn *c)
{
	struct rte_mbuf *m = tcp_recv(c->tcp);
	uint32_t total = 0;
	bool good = true;

	while (m) {
		struct rte_mbuf *next = m->next;

		good = good && check(c, rte_pktmbuf_mtod(m, const char *), m->data_len);
		total += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (total)
		tcp_recv_done(c->tcp, total);
	return good;
}

static bool send_more(struct load_conn *c)
{
	const struct load_config *config = &c->load->config;
	char text[TEXT_MAX];

	while (c->sent < config->requests && c->sent - c->answered < config->pipeline) {
		size_t len = request_make(c, c->sent, text);

		if (tcp_send_room(c->tcp) < len)
			return true; // TCP_WRITABLE follows
		if (!tcp_send_copy(c->tcp, text, len)) {
			complain(c, "can't send");
			return false;
		}
		c->sent++;
		c->load->counts.sent++;
	}
	return true;
}

static void on_end(struct load_conn *c)
{
	if (c->answered == c->sent && c->sent > 0) {
		over(c);
		c->load->counts.ended++;
		tcp_close(c->tcp);
		c->tcp = NULL;
		return;
	}
	complain(c, "the connection ended");
	conn_failed(c);
}

static void on_event(struct load_conn *c, unsigned events)
{
	bool before = c->answered == c->load->config.requests;

	if (events & TCP_CLOSED && tcp_error(c->tcp) != 0) {
		complain(c, "%s", strerror(tcp_error(c->tcp)));
		conn_failed(c);
		return;
	}
	if (events & TCP_CONNECTED)
		c->load->counts.connected++;
	if (!receive(c) || !send_more(c)) {
		conn_failed(c);
		return;
	}
	if (!before && c->answered == c->load->config.requests) {
		over(c);
		c->load->counts.done++;
		if (!c->load->config.stay) {
			tcp_close(c->tcp);
			c->tcp = NULL;
			return;
		}
	}
	if (events & (TCP_EOF | TCP_CLOSED))
		on_end(c);
}

void load_run(struct load *load)
{
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(load->tcp, &events)) != NULL)
		on_event(tcp_user(conn), events);
}

// --- the whole

struct load *load_new(const struct load_config *config, struct tcp *tcp, struct mono now)
{
	struct load *load = calloc(1, sizeof(*load) + config->conns * sizeof(load->conn[0]));

	if (!load)
		return NULL;
	load->config = *config;
	load->tcp = tcp;
	for (unsigned i = 0; i < config->conns; i++) {
		struct load_conn *c = &load->conn[i];
		int rc;

		c->load = load;
		c->id = i;
		want_make(c);
		rc = tcp_connect(tcp, &config->peer, config->port, 0, now, &c->tcp);
		if (rc == 0) {
			tcp_set_user(c->tcp, c);
			continue;
		}
		complain(c, "connect: %s", strerror(-rc));
		c->tcp = NULL;
		over(c);
		load->counts.failed++;
	}
	return load;
}

void load_free(struct load *load)
{
	for (unsigned i = 0; load && i < load->config.conns; i++)
		if (load->conn[i].tcp)
			tcp_abort(load->conn[i].tcp);
	free(load);
}

struct load_counts load_counts(const struct load *load)
{
	return load->counts;
}

bool load_over(const struct load *load)
{
	return load->over == load->config.conns;
}

const char *load_complaint(const struct load *load)
{
	return load->complaint[0] ? load->complaint : NULL;
}
