// The words of a line of Memcached's protocol where they lie, as walk.h gives the arguments of a
// Redis request. The line was let pass by a parser.
#pragma once

#include <stdbool.h>

#include "common/proto/memcache.h"
#include "dataplane/session/walk.h"

// The next word of the line that `walk` stands in; `begin` is `text`. False at the line's end.
bool words_next(struct walk *walk, struct walk_arg *out);

// A walk that stands before the first key, which there need not be.
struct walk words_keys(const struct request *r);

// The line from here on, without its end, and the walk behind it: in place, or gathered in `buf`.
// False when there is no line end within `cap` bytes.
bool words_line(struct walk *walk, char *buf, size_t cap, struct slice *line);
