#include "common/stats/conn_info.h"

const char *const conn_state_names[CONN_STATE_N] = {
#define CONN_STATE(id, name) [CONN_##id] = (name),
#include "common/stats/conn_info.def"
};

const char *const conn_timer_names[CONN_TIMER_N] = {
#define CONN_TIMER(id, name) [CONN_TIMER_##id] = (name),
#include "common/stats/conn_info.def"
};

const char *const conn_phase_names[CONN_PHASE_N] = {
#define CONN_PHASE(id, name) [CONN_PHASE_##id] = (name),
#include "common/stats/conn_info.def"
};

const char *const conn_option_names[CONN_OPTION_N] = {
#define CONN_OPTION(id, name) [CONN_OPTION_##id] = (name),
#include "common/stats/conn_info.def"
};

const struct conn_num_row conn_num_rows[CONN_NUM_N] = {
#define CONN_NUM(name, help) [CONN_NUM_##name] = {#name, (help)},
#include "common/stats/conn_info.def"
};

void conn_info_clean(struct conn_info *info)
{
	info->cc[sizeof(info->cc) - 1] = '\0';
	if (info->state >= CONN_STATE_N)
		info->state = CONN_CLOSED;
	if (info->timer >= CONN_TIMER_N)
		info->timer = CONN_TIMER_NONE;
	if (info->phase >= CONN_PHASE_N)
		info->phase = CONN_PHASE_OPENING;
}
