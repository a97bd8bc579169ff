// Replies that clients do not take pin the buffers that the store is read into. A few clients must
// not be able to hold them all: while the pool is low, those who hold much and take little are cut
// off. With memory to spare, nobody is.
#pragma once

#include "dataplane/session/core.h"

void pressure_check(struct session *s, struct mono now);
