// The facts about one connection, as the data plane tells them to the control plane: a record of
// fixed layout without holes. Names and numbers are rows of conn_info.def.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"

enum conn_state {
#define CONN_STATE(id, name) CONN_##id,
#include "common/stats/conn_info.def"
	CONN_STATE_N,
};

enum conn_timer {
#define CONN_TIMER(id, name) CONN_TIMER_##id,
#include "common/stats/conn_info.def"
	CONN_TIMER_N,
};

enum conn_phase {
#define CONN_PHASE(id, name) CONN_PHASE_##id,
#include "common/stats/conn_info.def"
	CONN_PHASE_N,
};

// Bit numbers of conn_info.options.
enum conn_option {
#define CONN_OPTION(id, name) CONN_OPTION_##id,
#include "common/stats/conn_info.def"
	CONN_OPTION_N,
};

enum conn_num {
#define CONN_NUM(name, help) CONN_NUM_##name,
#include "common/stats/conn_info.def"
	CONN_NUM_N,
};

#define CONN_CC_MAX 16

struct conn_info {
	struct ip_addr local;
	struct ip_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t slot; // place in its core's memory: the same for its life, and names it in a trace
	uint32_t options; // 1 << enum conn_option
	uint8_t state;    // enum conn_state
	uint8_t timer;    // enum conn_timer
	uint8_t phase;    // enum conn_phase
	uint8_t reserved;
	char cc[CONN_CC_MAX]; // name of the congestion control
	uint64_t num[CONN_NUM_N];
};

struct conn_num_row {
	const char *name;
	const char *help;
};

extern const char *const conn_state_names[CONN_STATE_N];
extern const char *const conn_timer_names[CONN_TIMER_N];
extern const char *const conn_phase_names[CONN_PHASE_N];
extern const char *const conn_option_names[CONN_OPTION_N];
extern const struct conn_num_row conn_num_rows[CONN_NUM_N];

// Makes a record of the other process safe to read: its text ends, its enums have names.
void conn_info_clean(struct conn_info *info);
