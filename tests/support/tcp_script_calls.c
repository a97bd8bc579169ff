#include <stdlib.h>
#include <string.h>

#include "tests/support/tcp_script_state.h"

static const struct {
	const char *name;
	unsigned event;
} event_names[] = {{"CONNECTED", TCP_CONNECTED}, {"READABLE", TCP_READABLE},
	{"WRITABLE", TCP_WRITABLE}, {"EOF", TCP_EOF}, {"CLOSED", TCP_CLOSED}, {"ACKED", TCP_ACKED}};

static bool call_event(struct script *s, char *args)
{
	unsigned want = 0;
	unsigned got = 0;
	unsigned events;
	struct tcp_conn *conn;

	for (unsigned i = 0; i < ARRAY_LEN(event_names); i++)
		if (strstr(args, event_names[i].name) != NULL)
			want |= event_names[i].event;
	while ((conn = tcp_event(s->tcp, &events)) != NULL)
		if (conn == s->flow->conn)
			got |= events;
	return got == want || script_fail(s, "events are 0x%x instead of 0x%x", got, want);
}

static bool call_recv(struct script *s, char *args)
{
	struct rte_mbuf *m = tcp_recv(s->flow->conn);
	uint32_t want = (uint32_t)strtoul(args, NULL, 10);
	bool keep = strstr(args, "keep") != NULL;
	uint32_t got = 0;
	bool right = true;

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		for (uint32_t i = 0; i < m->data_len; i++)
			if (*rte_pktmbuf_mtod_offset(m, uint8_t *, i) != (uint8_t)(++s->flow->read))
				right = false;
		got += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (!keep)
		tcp_recv_done(s->flow->conn, got);
	if (!right)
		return script_fail(s, "wrong bytes were received");
	return got == want || script_fail(s, "received %u bytes instead of %u", got, want);
}

static bool call_send(struct script *s, char *args)
{
	unsigned long n = strtoul(args, NULL, 10);

	for (unsigned long i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)(++s->flow->written);

		if (!tcp_send_copy(s->flow->conn, &byte, 1))
			return script_fail(s, "can't send");
	}
	return true;
}

static bool call_icmp(struct script *s, char *args)
{
	struct net_icmp icmp = {
		.local = s->wire.own,
		.remote = s->wire.peer,
		.local_port = s->flow->own_port,
		.remote_port = s->flow->peer_port,
	};
	unsigned mtu = 0;
	unsigned seq = 0;

	if (sscanf(args, "too-big mtu %u seq %u", &mtu, &seq) == 2)
		icmp.kind = NET_ICMP_TOO_BIG;
	else if (sscanf(args, "unreachable seq %u", &seq) == 1)
		icmp.kind = NET_ICMP_UNREACHABLE;
	else
		return script_fail(s, "icmp?");
	icmp.mtu = (uint16_t)mtu;
	icmp.seq = seq + s->flow->iss;
	tcp_icmp(s->tcp, &icmp, s->now);
	return true;
}

static bool call_connect(struct script *s)
{
	int rc = tcp_connect(s->tcp, &s->wire.peer, s->flow->peer_port, s->flow->own_port, s->now,
		&s->flow->conn);

	s->flow->written = 0;
	s->flow->read = 0;
	return rc == 0 || script_fail(s, "connect: %d", rc);
}

static bool call_accept(struct script *s, const char *args)
{
	struct tcp_conn *conn = tcp_accept(s->listener);

	if (strstr(args, "none") != NULL)
		return conn == NULL || script_fail(s, "accepted a connection");
	s->flow->conn = conn;
	s->flow->written = 0;
	s->flow->read = 0;
	return conn != NULL || script_fail(s, "nothing to accept");
}

// stat NAME VALUE, drop NAME VALUE, usage NAME VALUE
static bool call_count(struct script *s, const char *args, bool drops)
{
	const struct stat_row *rows = drops ? drop_rows : stat_rows;
	const uint64_t *values = drops ? s->stats.drop : s->stats.stat;
	unsigned long want;
	char name[64];

	if (sscanf(args, "%63s %lu", name, &want) != 2)
		return script_fail(s, "name and value?");
	for (unsigned i = 0; i < (drops ? (unsigned)DROP_N : (unsigned)STAT_N); i++)
		if (strcmp(rows[i].name, name) == 0)
			return values[i] == want || script_fail(s, "%s is %lu", name, values[i]);
	return script_fail(s, "no counter %s", name);
}

static bool call_usage(struct script *s, const char *args)
{
	struct tcp_usage usage = tcp_usage(s->tcp);
	unsigned conns;
	unsigned half;
	unsigned wait;

	if (sscanf(args, "conns %u half-open %u time-wait %u", &conns, &half, &wait) != 3)
		return script_fail(s, "usage conns N half-open N time-wait N");
	return (usage.conns == conns && usage.half_open == half && usage.time_wait == wait) ||
		script_fail(
			s, "usage is %u, %u, %u", usage.conns, usage.half_open, usage.time_wait);
}

#define MS NS_PER_MS
static const struct {
	const char *name;
	size_t offset;
	size_t size;
	uint64_t unit;
} settings[] = {
#define SETTING(name, unit)                                                                       \
	{                                                                                         \
#name, offsetof(struct tcp_config, name), sizeof(((struct tcp_config *)0)->name), \
			unit                                                                      \
	}
	SETTING(conns_max, 1),
	SETTING(half_open_max, 1),
	SETTING(time_wait_max, 1),
	SETTING(rcv_buf, 1),
	SETTING(snd_buf, 1),
	SETTING(mem_max, 1),
	SETTING(rto_min, MS),
	SETTING(rto_max, MS),
	SETTING(delayed_ack, MS),
	SETTING(keepalive_idle, MS),
	SETTING(keepalive_interval, MS),
	SETTING(keepalive_probes, 1),
	SETTING(syn_retries, 1),
	SETTING(data_retries, 1),
	SETTING(persist_silence, MS),
	SETTING(fin_wait_2, MS),
	SETTING(time_wait, MS),
	SETTING(syn_cookies, 1),
	SETTING(timestamps, 1),
	SETTING(window_scaling, 1),
	SETTING(sack, 1),
	SETTING(ecn, 1),
#undef SETTING
};

static bool set_cc(struct script *s, const char *name)
{
	s->cfg.cc = cc_find(name);
	return s->cfg.cc != NULL || script_fail(s, "no congestion control %s", name);
}

static bool set(struct script *s, const char *name, uint64_t value)
{
	if (strcmp(name, "mtu") == 0)
		s->mtu = (uint16_t)value;
	else if (strcmp(name, "backlog") == 0)
		s->backlog = (uint32_t)value;
	else
		for (unsigned i = 0;; i++) {
			uint64_t scaled;

			if (i == ARRAY_LEN(settings))
				return script_fail(s, "no setting %s", name);
			if (strcmp(settings[i].name, name) != 0)
				continue;
			scaled = value * settings[i].unit;
			memcpy((char *)&s->cfg + settings[i].offset, &scaled, settings[i].size);
			break;
		}
	return true;
}

bool script_config(struct script *s, char *args)
{
	char *save;

	for (char *word = strtok_r(args, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(word, '=');

		if (s->tcp != NULL || eq == NULL)
			return script_fail(s, "config NAME=VALUE comes first");
		*eq = '\0';
		if (strcmp(word, "cc") == 0 ? !set_cc(s, eq + 1)
					    : !set(s, word, strtoull(eq + 1, NULL, 10)))
			return false;
	}
	return true;
}

static bool call_listen(struct script *s)
{
	return tcp_listen(s->tcp, NULL, 8102, s->backlog, &s->listener) == 0 ||
		script_fail(s, "listen");
}

bool script_call(struct script *s, const char *verb, char *args)
{
	if (strcmp(verb, "listen") == 0)
		return call_listen(s);
	if (strcmp(verb, "connect") == 0)
		return call_connect(s);
	if (strcmp(verb, "accept") == 0)
		return call_accept(s, args);
	if (strcmp(verb, "event") == 0)
		return call_event(s, args);
	if (strcmp(verb, "recv") == 0)
		return call_recv(s, args);
	if (strcmp(verb, "recv-done") == 0)
		return tcp_recv_done(s->flow->conn, (uint32_t)strtoul(args, NULL, 10)), true;
	if (strcmp(verb, "send") == 0)
		return call_send(s, args);
	if (strcmp(verb, "shutdown") == 0)
		return tcp_shutdown(s->flow->conn), true;
	if (strcmp(verb, "close") == 0)
		return tcp_close(s->flow->conn), true;
	if (strcmp(verb, "abort") == 0)
		return tcp_abort(s->flow->conn), true;
	if (strcmp(verb, "error") == 0)
		return tcp_error(s->flow->conn) == atoi(args) ||
			script_fail(s, "error is %d", tcp_error(s->flow->conn));
	if (strcmp(verb, "icmp") == 0)
		return call_icmp(s, args);
	if (strcmp(verb, "stat") == 0 || strcmp(verb, "drop") == 0)
		return call_count(s, args, verb[0] == 'd');
	if (strcmp(verb, "usage") == 0)
		return call_usage(s, args);
	if (strcmp(verb, "silence") == 0)
		return true; // passing the time was it
	return script_fail(s, "unknown verb: %s", verb);
}
