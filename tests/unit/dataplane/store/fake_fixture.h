// A rig whose store is a fake one, for the tests of this folder.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/session_rig.h"
#include "tests/support/store_fake.h"

#define MB (1024u * 1024)
#define REFUSED "-ERR Storage: Datastore refused connection\r\n"

struct fix {
	struct store_fake *fake;
	struct rig *rig;
};

static inline struct fix *fix_new(struct rig_config *config)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->fake = fake_new();
	config->store.address = f->fake->path;
	f->rig = rig_new(config);
	f->rig->alone = true;
	f->rig->each_turn = fake_turn;
	f->rig->ctx = f->fake;
	return f;
}

static inline int setup(void **state)
{
	struct rig_config config = rig_config_default("");

	*state = fix_new(&config);
	return 0;
}

static inline int teardown(void **state)
{
	struct fix *f = *state;
	bool clean;

	f->fake->reply = "+LATE\r\n";
	f->fake->deaf = false;
	clean = rig_free(f->rig);
	fake_free(f->fake);
	free(f);
	assert_true(clean);
	return 0;
}

// The store has so many requests.
struct arrived {
	const struct store_fake *fake;
	uint64_t n;
};

static inline bool have_arrived(void *ctx)
{
	const struct arrived *a = ctx;

	return fake_requests(a->fake) >= a->n;
}

static inline void wait_requests(struct fix *f, uint64_t n)
{
	struct arrived a = {.fake = f->fake, .n = n};

	assert_true(rig_until(f->rig, have_arrived, &a, 100000));
}

static inline struct rig_client *send_on(struct fix *f, const char *text)
{
	struct rig_client *c = rig_connect(f->rig);

	rig_send(f->rig, c, text, strlen(text));
	return c;
}

static inline uint64_t stat(const struct fix *f, enum stat_id id)
{
	return f->rig->server.stats->stat[id];
}
