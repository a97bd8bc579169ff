// The members of a conf from the text of a file: defaults, then each key by its row. Private to
// common/conf.
#pragma once

#include "common/base/slice.h"
#include "common/conf/conf.h"

// `conf` is zeroed but for its arena, file and pool_name. `text` is UTF-8. False when it could not
// be read to its end.
bool conf_fill(struct conf *conf, struct slice text, struct conf_report *report);
