// What one connection is to do: send bytes that depend on nothing but a key and their position,
// check those that come, and end in a given way. Says in a line of JSON what became of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/interop/stack_host/host.h"

#define TASK_MAX 1024

enum task_end {
	TASK_END_CLOSE,    // tcp_close once all is queued and received
	TASK_END_SHUTDOWN, // FIN as soon as all is queued, then waits for the peer's
	TASK_END_WAIT,     // nothing until the peer's FIN
	TASK_END_ABORT,    // RST once all is acknowledged and received
	TASK_END_UNREAD,   // tcp_close with received bytes unread, once all is acknowledged
};

struct task_plan {
	uint32_t id;
	uint16_t port;
	struct ip_addr to; // any: waits for a connection to `port`
	uint64_t send;
	uint64_t send_key;
	uint64_t recv;
	uint64_t recv_key;
	uint64_t slow;  // bytes a millisecond that are given back to the window; 0: at once
	bool after_eof; // sends only when the peer has sent its FIN
	enum task_end end;
};

struct task_list;

struct task_list *task_list_new(struct host *host);
void task_list_free(struct task_list *list);

// 0 or a negative errno.
int task_listen(struct task_list *list, uint16_t port);
int task_connect(struct task_list *list, const struct task_plan *plan, struct mono now);
int task_expect(struct task_list *list, const struct task_plan *plan);

// Prints how far a plan is. 0, or -ENOENT when it is over.
int task_progress(const struct task_list *list, uint32_t id, struct mono now);

// Each turn, between host_input and host_output.
void task_run(struct task_list *list, struct mono now);

// When it wants to be called at the latest.
struct mono task_next(const struct task_list *list);

// Forgets all; to be called before the stack is made anew.
void task_reset(struct task_list *list);
