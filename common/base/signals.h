// Signals as events of the loop, with the meaning that they have in the original: HUP reopens the
// log (and here reads the configuration again), TTIN and TTOU make the log say more and less, USR1
// and USR2 are logged, PIPE is ignored; INT and TERM stop the program in good order.
#pragma once

#include "common/base/compiler.h"
#include "common/base/mono.h"

struct signals_handlers {
	void (*stop)(void *ctx);
	void (*reload)(void *ctx);
};

struct signals;

// Blocks them in this thread and those that it starts from now on. NULL on error, with errno.
struct signals *signals_new(const struct signals_handlers *handlers, void *ctx) MUST_CHECK;
void signals_free(struct signals *signals);

int signals_fd(const struct signals *signals);
// A loop_ready; `arg` is the struct signals.
void signals_poll(void *arg, struct mono now);
