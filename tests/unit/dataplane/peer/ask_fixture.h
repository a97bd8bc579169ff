// Asking a fake peer and expecting what comes of it, for the tests of this folder.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/peer_rig.h"

#define GET "*2\r\n$3\r\nget\r\n$3\r\nfoo\r\n"

static inline struct peer_rig *simple(unsigned fakes)
{
	struct peer_rig_options options = peer_rig_options(5);

	options.fakes = fakes;
	return peer_rig_new(&options);
}

static inline struct asked *ask(struct peer_rig *rig, unsigned fake)
{
	return peer_rig_text(rig, fake, 0, 0, GET);
}

static inline void fails(struct peer_rig *rig, const struct asked *a, enum request_error error)
{
	assert_true(peer_rig_back(rig, a));
	assert_int_equal(a->r.error, error);
}

static inline void answered(struct peer_rig *rig, const struct asked *a)
{
	assert_true(peer_rig_back(rig, a));
	assert_true(peer_rig_got(a, "+OK\r\n"));
}
