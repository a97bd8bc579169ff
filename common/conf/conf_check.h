// Keys checked together, after each is right by itself. Private to common/conf.
#pragma once

#include "common/conf/conf.h"
#include "common/conf/conf_row.h"

void conf_check(const struct conf *conf, enum conf_role role, struct conf_report *report);

// --- for the files that share the work

struct checker {
	const struct conf *conf;
	struct conf_report *report;
	enum conf_role role;
	uint32_t known; // messages that were there before
};

// Whether the key was not found wrong by itself. What follows from a value that is not there must
// not be held against the user as well.
bool conf_usable(const struct checker *c, size_t key);

// At the line of the key, or of the file when the key is not in it.
#define conf_say(c, severity, key, ...)                                              \
	do {                                                                         \
		if (conf_usable(c, key))                                             \
			conf_report_add((c)->report, severity, (c)->conf->line[key], \
				conf_rows[key].name, __VA_ARGS__);                   \
	} while (0)
#define conf_fail(c, key, ...) conf_say(c, CONF_ERROR, key, __VA_ARGS__)
#define conf_warn(c, key, ...) conf_say(c, CONF_WARNING, key, __VA_ARGS__)

bool conf_addr_is_set(const struct conf_addr *addr);
bool conf_addr_is_any(const struct conf_addr *addr); // 0.0.0.0 or [::]
// One of `dataplane: address`.
bool conf_is_own_address(const struct conf *conf, const struct ip_addr *ip);

// This node and dyn_seeds as one ring: no node twice, no token twice in a rack, not more racks and
// datacentres than a snapshot may have.
void conf_check_ring(const struct checker *c);
