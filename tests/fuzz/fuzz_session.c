// Clients that send anything, cut anywhere, that reset, half-close and stop reading; a store that
// answers, says nonsense, dies and comes back. Whatever happens: no crash, no leak, and the store
// only ever reads well-formed requests (the fake one aborts otherwise).
//
// Input: a list of steps. The first byte says what is done, the next ones are its operands.
#include <stdlib.h>
#include <string.h>

#include "tests/support/eal.h"
#include "tests/support/session_rig.h"
#include "tests/support/store_fake.h"

#define CLIENTS 4

enum step {
	STEP_CONNECT,
	STEP_SEND,      // a length, so many bytes
	STEP_SEND_MANY, // a length, so many bytes, sent a hundred times over
	STEP_STEP,      // bytes in a segment from now on
	STEP_RESET,
	STEP_HALF_CLOSE,
	STEP_PAUSE,
	STEP_TURNS, // how many
	STEP_SLEEP, // how many times 10 ms
	STEP_STORE_ANSWERS,
	STEP_STORE_HOLDS,
	STEP_STORE_SAYS, // a length, so many bytes, on some connection
	STEP_STORE_CLOSES,
	STEP_STORE_AWAY,
	STEP_STORE_BACK,
	STEP_STATE,
	STEP_N,
};

struct input {
	const uint8_t *data;
	size_t len;
};

struct world {
	struct input in;
	struct rig *rig;
	struct store_fake *fake;
	struct rig_client *c; // the one that steps are about
	char *sent[RIG_CLIENTS_MAX];
};

static uint8_t take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

static struct input take_bytes(struct input *in)
{
	struct input bytes = {.len = take(in)};

	if (bytes.len > in->len)
		bytes.len = in->len;
	bytes.data = in->data;
	in->data += bytes.len;
	in->len -= bytes.len;
	return bytes;
}

static void client_send(struct world *w, unsigned times)
{
	struct input bytes = take_bytes(&w->in);
	size_t at = (size_t)(w->c - w->rig->clients);
	char *copy;

	if (!w->c->conn || w->c->out_len > 0)
		return;
	copy = malloc(bytes.len * times + 1);
	for (unsigned i = 0; i < times; i++)
		memcpy(copy + i * bytes.len, bytes.data, bytes.len);
	free(w->sent[at]);
	w->sent[at] = copy;
	rig_send(w->rig, w->c, copy, bytes.len * times);
}

static void client_step(struct world *w, enum step step)
{
	if (!w->c->conn)
		return;
	if (step == STEP_RESET) {
		tcp_abort(w->c->conn);
		w->c->conn = NULL;
		w->c->out_len = 0;
	} else if (step == STEP_HALF_CLOSE) {
		tcp_shutdown(w->c->conn);
		w->c->out_len = 0;
	} else if (step == STEP_PAUSE) {
		w->c->paused = !w->c->paused;
	}
}

static void store_step(struct world *w, enum step step)
{
	unsigned conn = take(&w->in) % 4;
	bool there = w->fake->conns[conn].fd >= 0;

	if (step == STEP_STORE_SAYS) {
		struct input bytes = take_bytes(&w->in);

		if (there)
			fake_send(w->fake, conn, (const char *)bytes.data, bytes.len);
	} else if (there) {
		fake_close(w->fake, conn);
	}
}

static void connect_one(struct world *w)
{
	if (w->rig->client_n < CLIENTS)
		rig_connect(w->rig);
	w->c = &w->rig->clients[take(&w->in) % w->rig->client_n];
}

static void run_step(struct world *w)
{
	enum step step = (enum step)(take(&w->in) % STEP_N);

	switch (step) {
	case STEP_CONNECT:
		connect_one(w);
		break;
	case STEP_SEND:
	case STEP_SEND_MANY:
		client_send(w, step == STEP_SEND ? 1 : 100);
		break;
	case STEP_STEP:
		w->c->out_step = take(&w->in);
		break;
	case STEP_RESET:
	case STEP_HALF_CLOSE:
	case STEP_PAUSE:
		client_step(w, step);
		break;
	case STEP_TURNS:
		for (unsigned n = take(&w->in) % 64; n > 0; n--)
			rig_turn(w->rig);
		break;
	case STEP_SLEEP:
		rig_sleep(w->rig, take(&w->in) % 32 * 10 * NS_PER_MS);
		break;
	case STEP_STORE_ANSWERS:
		w->fake->reply = take(&w->in) % 2 ? "$3\r\nabc\r\n" : "-ERR no\r\n";
		break;
	case STEP_STORE_HOLDS:
		w->fake->reply = NULL;
		break;
	case STEP_STORE_SAYS:
	case STEP_STORE_CLOSES:
		store_step(w, step);
		break;
	case STEP_STORE_AWAY:
		fake_away(w->fake);
		break;
	case STEP_STORE_BACK:
		if (w->fake->listener < 0)
			fake_back(w->fake);
		break;
	case STEP_STATE:
		w->rig->snapshot->state = take(&w->in) % 2 ? NODE_NORMAL : NODE_RESUMING;
		break;
	case STEP_N:
		break;
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
	struct rig_config config = rig_config_default("");
	struct world w = {.in = {.data = data, .len = size}};

	w.fake = fake_new();
	config.store.address = w.fake->path;
	config.server_mbufs = 1024;
	config.client_mbufs = 1024;
	config.big_mbufs = 64;
	// Small limits are reached soon.
	config.session.requests_max = 64;
	config.session.client_requests_max = 24;
	config.session.bulk_min = 512;
	w.rig = rig_new(&config);
	w.rig->alone = true;
	w.rig->each_turn = fake_turn;
	w.rig->ctx = w.fake;
	w.rig->snapshot->timeout_ms = 100;
	rig_connect(w.rig);
	w.c = &w.rig->clients[0];
	while (w.in.len > 0)
		run_step(&w);
	if (!rig_free(w.rig))
		abort();
	fake_free(w.fake);
	for (unsigned i = 0; i < RIG_CLIENTS_MAX; i++)
		free(w.sent[i]);
	return 0;
}
