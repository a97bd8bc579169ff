// YAML to a flat series of events: sections, keys, values. The one place that knows libyaml.
//
// What the shape allows: one mapping of section names to mappings of keys to a value or a list of
// values. All else is reported and skipped: deeper nesting, anchors, aliases, tags, a second
// document. What is not YAML at all ends the reading.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/conf/conf_report.h"

enum conf_yaml_kind {
	CONF_YAML_SECTION, // text: its name
	CONF_YAML_KEY,     // text: its name
	CONF_YAML_VALUE,   // text: the plain value, or one item of the list
	CONF_YAML_KEY_END, // no more values of this key
};

struct conf_yaml_event {
	enum conf_yaml_kind kind;
	uint32_t line;
	struct slice text; // valid during the call; may hold any character
	bool refused;      // of KEY_END: a value was skipped, and reported
};

typedef void conf_yaml_fn(void *ctx, const struct conf_yaml_event *event);

// False when it ended early; the report says why.
bool conf_yaml_read(struct slice bytes, conf_yaml_fn *fn, void *ctx, struct conf_report *report);
