// Keys checked together, after each is right by itself. Private to common/conf.
#pragma once

#include "common/conf/conf.h"

void conf_check(const struct conf *conf, enum conf_role role, struct conf_report *report);
