#include "tests/interop/stack_host/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 8
#define CHUNK 16384

struct task {
	struct task_plan plan;
	struct tcp_conn *conn; // NULL: expected
	bool used;
	bool eof;
	bool readable;
	bool over;
	uint64_t made;
	uint64_t got;
	uint64_t wrong; // bytes that were not what they must be
	uint32_t held;  // read, and not given back to the window yet
	struct mono started;
};

struct task_list {
	struct host *host;
	struct tcp_listener *listener[LISTENERS_MAX];
	uint16_t port[LISTENERS_MAX];
	unsigned listener_n;
	unsigned slow_n;
	struct mono slow_at;
	struct task task[TASK_MAX];
};

// --- bytes

// The same function as in tests/support/tcp_stream.c, for eight positions at once.
static uint64_t word_at(uint64_t key, uint64_t at)
{
	uint64_t x = (at / 8 + key) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	return x * UINT64_C(0xbf58476d1ce4e5b9);
}

static void make(uint64_t key, uint64_t at, uint8_t *to, uint32_t n)
{
	while (n > 0) {
		uint64_t word = word_at(key, at);
		uint32_t skip = (uint32_t)(at % 8);
		uint32_t part = RTE_MIN(n, 8 - skip);

		memcpy(to, (const uint8_t *)&word + skip, part);
		to += part;
		at += part;
		n -= part;
	}
}

static uint64_t count_wrong(uint64_t key, uint64_t at, const uint8_t *got, uint32_t n)
{
	uint8_t want[CHUNK];
	uint64_t wrong = 0;

	while (n > 0) {
		uint32_t part = RTE_MIN(n, (uint32_t)sizeof(want));

		make(key, at, want, part);
		if (memcmp(want, got, part) != 0)
			for (uint32_t i = 0; i < part; i++)
				wrong += want[i] != got[i];
		got += part;
		at += part;
		n -= part;
	}
	return wrong;
}

static void read_all(struct task *t)
{
	struct rte_mbuf *m = tcp_recv(t->conn);

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		t->wrong += count_wrong(t->plan.recv_key, t->got,
			rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		t->got += m->data_len;
		t->held += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (t->plan.slow == 0) {
		tcp_recv_done(t->conn, t->held);
		t->held = 0;
	}
}

static struct rte_mbuf *make_chain(struct task *t, struct rte_mempool *pool, uint32_t n)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf **link = &head;

	while (n > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t part;

		if (m == NULL)
			break;
		part = (uint16_t)RTE_MIN(n, rte_pktmbuf_tailroom(m));
		make(t->plan.send_key, t->made, (uint8_t *)rte_pktmbuf_append(m, part), part);
		t->made += part;
		n -= part;
		*link = m;
		link = &m->next;
	}
	return head;
}

static void write_all(struct task *t, struct rte_mempool *pool)
{
	while (t->made < t->plan.send && (t->eof || !t->plan.after_eof)) {
		uint64_t left = RTE_MIN(t->plan.send - t->made, tcp_send_room(t->conn));
		struct rte_mbuf *chain;

		if (left == 0)
			return;
		chain = make_chain(t, pool, (uint32_t)RTE_MIN(left, (uint64_t)CHUNK));
		if (chain == NULL || !tcp_send(t->conn, chain))
			return;
	}
}

// --- the end

static const char *error_name(int error)
{
	const char *name = strerrorname_np(error);

	return error == 0 || name == NULL ? "" : name;
}

static void say(const struct task *t, const char *what, int error, struct mono now)
{
	printf("{\"id\": %" PRIu32 ", %s, \"sent\": %" PRIu64 ", \"received\": %" PRIu64
	       ", \"wrong\": %" PRIu64 ", \"eof\": %s, \"error\": \"%s\", \"seconds\": %.6f}\n",
		t->plan.id, what, t->made, t->got, t->wrong, t->eof ? "true" : "false",
		error_name(error), (double)mono_since(now, t->started) / (double)NS_PER_SEC);
}

static void report(struct task_list *list, struct task *t, int error, struct mono now)
{
	say(t, "\"event\": \"end\"", error, now);
	list->slow_n -= t->plan.slow != 0;
	t->used = false;
}

int task_progress(const struct task_list *list, uint32_t id, struct mono now)
{
	for (unsigned i = 0; i < TASK_MAX; i++) {
		const struct task *t = &list->task[i];

		if (!t->used || t->plan.id != id)
			continue;
		say(t, "\"answer\": \"ok\"", 0, now);
		return 0;
	}
	return -ENOENT;
}

static bool wants_to_end(struct task *t)
{
	bool made = t->made == t->plan.send;
	bool got = t->got >= t->plan.recv;

	switch (t->plan.end) {
	case TASK_END_CLOSE:
		return made && got;
	case TASK_END_SHUTDOWN:
		if (made)
			tcp_shutdown(t->conn);
		return made && t->eof;
	case TASK_END_WAIT:
		return made && t->eof;
	case TASK_END_ABORT:
		return made && got && tcp_unacked(t->conn) == 0;
	case TASK_END_UNREAD:
		return made && t->readable && tcp_unacked(t->conn) == 0;
	default:
		return true;
	}
}

static void step(struct task_list *list, struct task *t, unsigned events, struct mono now)
{
	t->eof = t->eof || (events & TCP_EOF) != 0;
	t->readable = t->readable || (events & TCP_READABLE) != 0;
	if (t->plan.end != TASK_END_UNREAD)
		read_all(t);
	if (events & TCP_CLOSED) {
		int error = tcp_error(t->conn);

		tcp_close(t->conn);
		report(list, t, error, now);
		return;
	}
	write_all(t, list->host->pool);
	if (!wants_to_end(t)) {
		if (t->made == t->plan.send && tcp_unacked(t->conn) > 0)
			tcp_want_acked(t->conn);
		return;
	}
	if (t->plan.end == TASK_END_ABORT)
		tcp_abort(t->conn);
	else
		tcp_close(t->conn);
	report(list, t, 0, now);
}

// --- the beginning

static struct task *task_new(struct task_list *list, const struct task_plan *plan)
{
	for (unsigned i = 0; i < TASK_MAX; i++) {
		struct task *t = &list->task[i];

		if (t->used)
			continue;
		*t = (struct task){.plan = *plan, .used = true};
		list->slow_n += plan->slow != 0;
		return t;
	}
	return NULL;
}

static void begin(struct task *t, struct tcp_conn *conn, struct mono now)
{
	t->conn = conn;
	t->started = now;
	tcp_set_user(conn, t);
}

int task_listen(struct task_list *list, uint16_t port)
{
	int rc;

	if (list->listener_n == LISTENERS_MAX)
		return -ENOSPC;
	rc = tcp_listen(list->host->tcp, NULL, port, 128, &list->listener[list->listener_n]);
	if (rc == 0)
		list->port[list->listener_n++] = port;
	return rc;
}

int task_connect(struct task_list *list, const struct task_plan *plan, struct mono now)
{
	struct task *t = task_new(list, plan);
	struct tcp_conn *conn;
	int rc;

	if (t == NULL)
		return -ENOSPC;
	rc = tcp_connect(list->host->tcp, &plan->to, plan->port, 0, now, &conn);
	if (rc != 0) {
		t->used = false;
		list->slow_n -= plan->slow != 0;
		return rc;
	}
	begin(t, conn, now);
	return 0;
}

int task_expect(struct task_list *list, const struct task_plan *plan)
{
	return task_new(list, plan) != NULL ? 0 : -ENOSPC;
}

// Plans are taken in the order of their ids.
static struct task *expected(struct task_list *list, uint16_t port)
{
	struct task *first = NULL;

	for (unsigned i = 0; i < TASK_MAX; i++) {
		struct task *t = &list->task[i];

		if (t->used && t->conn == NULL && t->plan.port == port &&
			(first == NULL || t->plan.id < first->plan.id))
			first = t;
	}
	return first;
}

static void accept_all(struct task_list *list, struct mono now)
{
	for (unsigned i = 0; i < list->listener_n; i++) {
		struct tcp_conn *conn;

		while ((conn = tcp_accept(list->listener[i])) != NULL) {
			struct task *t = expected(list, list->port[i]);

			if (t == NULL) {
				printf("{\"event\": \"unexpected\", \"port\": %u}\n",
					list->port[i]);
				tcp_abort(conn);
				continue;
			}
			begin(t, conn, now);
			step(list, t, 0, now);
		}
	}
}

// --- a turn

static void give_back(struct task_list *list, struct mono now)
{
	for (unsigned i = 0; i < TASK_MAX; i++) {
		struct task *t = &list->task[i];
		uint32_t back = (uint32_t)RTE_MIN((uint64_t)t->held, t->plan.slow);

		if (!t->used || t->conn == NULL || back == 0)
			continue;
		t->held -= back;
		tcp_recv_done(t->conn, back);
	}
	list->slow_at = mono_add(now, NS_PER_MS);
}

void task_run(struct task_list *list, struct mono now)
{
	struct tcp_conn *conn;
	unsigned events;

	accept_all(list, now);
	while ((conn = tcp_event(list->host->tcp, &events)) != NULL)
		step(list, tcp_user(conn), events, now);
	if (list->slow_n > 0 && mono_due(now, list->slow_at))
		give_back(list, now);
	fflush(stdout);
}

struct mono task_next(const struct task_list *list)
{
	return list->slow_n > 0 ? list->slow_at : MONO_NEVER;
}

void task_reset(struct task_list *list)
{
	struct host *host = list->host;

	memset(list, 0, sizeof(*list));
	list->host = host;
}

struct task_list *task_list_new(struct host *host)
{
	struct task_list *list = calloc(1, sizeof(*list));

	if (list)
		list->host = host;
	return list;
}

void task_list_free(struct task_list *list)
{
	free(list);
}
