// Clients and other nodes of a session in a ring: they send requests, or anything; what the session
// sends to its store and to its peers is answered in any order, by anything that a stage behind it
// would let through, fails, is late, or is never answered; nodes change their states. Whatever
// happens: no crash, no leak, what leaves is well-formed, and whoever sent nothing but whole
// requests gets one answer to each, the ids in the order of their requests.
//
// Input: the shape of the ring and the consistency, then a list of steps. The first byte of each
// says what is done, the next ones are its operands.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/dnode.h"
#include "common/proto/resp.h"
#include "tests/support/eal.h"
#include "tests/support/route_rig.h"

#define BULK_MAX (1u << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(ok)                                                        \
	do {                                                             \
		if (!(ok)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok); \
			abort();                                         \
		}                                                        \
	} while (0)

enum step {
	STEP_CLIENT,
	STEP_PEER,
	STEP_CHOOSE, // the connection that steps are about
	STEP_ASK,    // which request, how often
	STEP_ASK_TYPE,
	STEP_BYTES, // a length, so many bytes
	STEP_RESET,
	STEP_RUN,   // how many times 20 ms
	STEP_REPLY, // which of those that are out, with what, first and other segments' bytes
	STEP_FAIL,
	STEP_DOUBT,
	STEP_LATE,
	STEP_STATE, // of which node
	STEP_N,
};

struct input {
	const uint8_t *data;
	size_t len;
};

// What is known of a connection beside what the rig knows.
struct end {
	struct route_rig_conn *c;
	bool is_peer;
	bool pure;      // nothing but whole requests of ours were sent
	uint64_t asked; // id of the newest request
	uint64_t answers;
	uint64_t answered; // id of the newest answer
	char *sent;
};

struct world {
	struct input in;
	struct route_rig *rig;
	struct end end[ROUTE_RIG_CONNS];
	unsigned at; // of the one that steps are about
};

static const struct route_rig_options shape[] = {
	{.node = {{"dc1", "rack1", 1}}, .node_n = 1},
	{.node = {{"dc1", "rack1", 1}, {"dc1", "rack2", 1}, {"dc1", "rack3", 1}}, .node_n = 3},
	{.node = {{"dc1", "rack1", 0}, {"dc1", "rack1", 1u << 31}, {"dc1", "rack2", 9},
		 {"dc1", "rack2", 3u << 30}, {"dc1", "rack2", 1u << 30}},
		.node_n = 5},
	{.node = {{"dc1", "rack1", 1}, {"dc1", "rack2", 1}, {"dc2", "rack1", 1},
		 {"dc2", "rack2", 1}},
		.node_n = 4},
	{.node = {{"dc1", "rack1", 0}, {"dc1", "rack1", 1u << 31}, {"dc1", "rack2", 0},
		 {"dc2", "rack1", 0}, {"dc2", "rack1", 1u << 31}, {"dc2", "rack2", 7},
		 {"dc2", "rack3", 7}},
		.node_n = 7},
};

// Inline ones are for clients only, and left out here.
static const char *const requests[] = {
	"*1\r\n$4\r\nPING\r\n",
	"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
	"*2\r\n$3\r\nget\r\n$1\r\nb\r\n",
	"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
	"*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
	"*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
	"*4\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nd\r\n",
	"*3\r\n$6\r\nEXISTS\r\n$1\r\na\r\n$1\r\nc\r\n",
	"*2\r\n$3\r\nTTL\r\n$1\r\na\r\n",
	"*2\r\n$8\r\nSMEMBERS\r\n$1\r\na\r\n",
	"*2\r\n$4\r\nSPOP\r\n$1\r\na\r\n",
	"*3\r\n$6\r\nRENAME\r\n$1\r\na\r\n$1\r\nb\r\n",
	"*1\r\n$6\r\nDBSIZE\r\n",
	"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n",
	"*2\r\n$6\r\nNOSUCH\r\n$1\r\na\r\n",
	"*1\r\n$3\r\nGET\r\n",
	"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n",
	"*2\r\n$16\r\nCONN_CONSISTENCY\r\n$9\r\nDC_QUORUM\r\n",
	"*2\r\n$16\r\nCONN_CONSISTENCY\r\n$19\r\nDC_EACH_SAFE_QUORUM\r\n",
};

static const char *const replies[] = {
	"+OK\r\n",
	"$-1\r\n",
	"$1\r\n1\r\n",
	":1\r\n",
	":0\r\n",
	"-ERR no\r\n",
	"-ERR Storage: Datastore refused connection\r\n",
	"-ERR Peer: Peer Node is not connected\r\n",
	"*0\r\n",
	"*-1\r\n",
	"*1\r\n$1\r\n1\r\n",
	"*2\r\n$1\r\n1\r\n$1\r\n2\r\n",
	"*2\r\n$1\r\n2\r\n$1\r\n1\r\n",
	"*2\r\n*1\r\n:1\r\n*-1\r\n",
	"$40\r\n0123456789012345678901234567890123456789\r\n",
	"*3\r\n$-1\r\n$30\r\n012345678901234567890123456789\r\n:5\r\n",
};

static const uint8_t failures[] = {REQUEST_ERROR_STORE, REQUEST_ERROR_PEER_AWAY,
	REQUEST_ERROR_PEER_LOST, REQUEST_ERROR_MEMORY};

static const uint8_t states[] = {NODE_STANDBY, NODE_WRITES_ONLY, NODE_RESUMING, NODE_NORMAL,
	NODE_JOINING, NODE_DOWN, NODE_NORMAL, NODE_NORMAL};

static uint8_t take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

// --- what left

static size_t skip_reply(const char *s, size_t len)
{
	struct resp_reply_parser p;
	enum resp_status status;
	size_t used;

	resp_reply_init(&p, BULK_MAX);
	status = resp_reply_parse(&p, (const uint8_t *)s, len, &used);
	CHECK(status != RESP_ERROR);
	return status == RESP_DONE ? used : 0;
}

// Returns the size of an answer with its header, or 0 when it is not whole.
static size_t skip_dnode_reply(struct end *e, const char *s, size_t len)
{
	struct dnode_parser p;
	enum dnode_status status;
	size_t head;
	size_t payload;

	dnode_parser_init(&p);
	status = dnode_parse(&p, (const uint8_t *)s, len, &head);
	CHECK(status != DNODE_ERROR);
	if (status == DNODE_MORE)
		return 0;
	payload = skip_reply(s + head, len - head);
	if (payload == 0)
		return 0;
	CHECK(p.header.type == DNODE_RES);
	CHECK(dnode_plen_agrees(&p.header, payload));
	e->answered = p.header.id;
	return head + payload;
}

static void check_answers(struct end *e)
{
	struct route_rig_conn *c = e->c;
	size_t at = 0;
	size_t n = 0;

	if (!c)
		return;
	do {
		at += n;
		n = e->is_peer ? skip_dnode_reply(e, c->in + at, c->in_len - at)
			       : skip_reply(c->in + at, c->in_len - at);
		e->answers += n > 0;
	} while (n > 0 && at < c->in_len);
	at += n;
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	if (e->pure) {
		CHECK(e->answers <= e->asked);
		CHECK(!e->is_peer || e->answered == e->answers);
	}
}

// --- steps

static void forget(struct end *e)
{
	free(e->sent);
	free(e->c->in);
	*e->c = (struct route_rig_conn){0};
	*e = (struct end){0};
}

static void connect_one(struct world *w, bool is_peer)
{
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++) {
		struct end *e = &w->end[i];

		if (e->c && !e->c->tcp)
			forget(e);
		if (e->c)
			continue;
		*e = (struct end){.is_peer = is_peer, .pure = true};
		e->c = route_rig_connect(w->rig, is_peer ? ROUTE_RIG_PEER_PORT : ROUTE_RIG_PORT);
		w->at = i;
		return;
	}
}

static void say(struct world *w, struct end *e, char *bytes, size_t len)
{
	if (!e->c || !e->c->tcp || e->c->out_len > 0) {
		free(bytes);
		e->pure = false;
		return;
	}
	free(e->sent);
	e->sent = bytes;
	route_rig_send(w->rig, e->c, bytes, len);
}

static void ask(struct world *w, struct end *e, uint8_t type)
{
	const char *text = requests[take(&w->in) % COUNT(requests)];
	unsigned times = 1 + take(&w->in) % 8;
	size_t size = strlen(text);
	char *bytes = malloc(times * (size + DNODE_HEADER_MAX));
	size_t len = 0;

	e->pure &= type == DNODE_REQ;
	for (unsigned i = 0; i < times; i++) {
		struct dnode_header h = {
			.id = ++e->asked, .type = type, .same_dc = i & 1, .plen = size};

		if (e->is_peer)
			len += dnode_put_header(bytes + len, DNODE_HEADER_MAX, &h);
		memcpy(bytes + len, text, size);
		len += size;
	}
	say(w, e, bytes, len);
}

static void send_bytes(struct world *w, struct end *e)
{
	size_t len = take(&w->in);
	char *bytes = malloc(len + 1);

	len = len < w->in.len ? len : w->in.len;
	memcpy(bytes, w->in.data, len);
	w->in.data += len;
	w->in.len -= len;
	e->pure = false;
	say(w, e, bytes, len);
}

static void answer_one(struct world *w)
{
	unsigned at = take(&w->in) % w->rig->out_n;
	const char *reply = replies[take(&w->in) % COUNT(replies)];
	size_t first = take(&w->in) % 32;

	route_rig_answer(w->rig, at, reply, strlen(reply), first, take(&w->in) % 32);
	route_rig_run(w->rig);
}

static void out_step(struct world *w, enum step step)
{
	unsigned at;
	uint8_t error;

	if (w->rig->out_n == 0)
		return;
	if (step == STEP_REPLY) {
		answer_one(w);
		return;
	}
	at = take(&w->in) % w->rig->out_n;
	error = failures[take(&w->in) % COUNT(failures)];
	if (step == STEP_FAIL)
		route_rig_fail(w->rig, at, error);
	else if (step == STEP_LATE)
		route_rig_late(w->rig, at, error);
	else if (!(w->rig->out[at]->flags & (REQUEST_DONE | REQUEST_QUEUED)))
		route_rig_doubt(w->rig, at);
	route_rig_run(w->rig);
}

static void change_state(struct world *w)
{
	struct snapshot *s = w->rig->snapshot;
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);
	unsigned at = take(&w->in) % s->node_n;
	uint8_t state = states[take(&w->in) % COUNT(states)];

	node[at].state = state;
	if (at == 0)
		s->state = state == NODE_JOINING || state == NODE_DOWN ? NODE_NORMAL : state;
}

static void run_step(struct world *w)
{
	enum step step = (enum step)(take(&w->in) % STEP_N);
	struct end *e = &w->end[w->at];

	switch (step) {
	case STEP_CLIENT:
	case STEP_PEER:
		connect_one(w, step == STEP_PEER);
		break;
	case STEP_CHOOSE:
		w->at = take(&w->in) % ROUTE_RIG_CONNS;
		break;
	case STEP_ASK:
		ask(w, e, DNODE_REQ);
		break;
	case STEP_ASK_TYPE:
		ask(w, e, take(&w->in) % 16);
		break;
	case STEP_BYTES:
		send_bytes(w, e);
		break;
	case STEP_RESET:
		if (e->c)
			route_rig_reset(w->rig, e->c);
		break;
	case STEP_RUN:
		for (unsigned n = take(&w->in) % 32; n > 0; n--)
			route_rig_run(w->rig);
		break;
	case STEP_REPLY:
	case STEP_FAIL:
	case STEP_DOUBT:
	case STEP_LATE:
		out_step(w, step);
		break;
	case STEP_STATE:
		change_state(w);
		break;
	case STEP_N:
		break;
	}
}

// All that is out fails: then everybody who asked has an answer.
static void finish(struct world *w)
{
	for (unsigned turn = 0; turn < 64; turn++) {
		while (w->rig->out_n > 0)
			route_rig_fail(w->rig, 0, REQUEST_ERROR_STORE);
		route_rig_run(w->rig);
	}
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++) {
		struct end *e = &w->end[i];

		check_answers(e);
		if (e->c && e->c->tcp && !e->c->over && e->pure)
			CHECK(e->answers == e->asked);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	test_eal_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.in = {.data = data, .len = size}};
	struct route_rig_options options = shape[take(&w.in) % COUNT(shape)];

	options.level = take(&w.in) % 4;
	options.mbufs = 2048;
	w.rig = route_rig_new(&options);
	while (w.in.len > 0) {
		run_step(&w);
		for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++)
			check_answers(&w.end[i]);
	}
	finish(&w);
	route_rig_free(w.rig);
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++)
		free(w.end[i].sent);
	return 0;
}
