// Orders, one a line: a verb and settings.
//
//	stack [mtu=N] addr=IP/LEN... [timestamps=0|1] [sack=0|1] [window_scaling=0|1]
//	      [ecn=off|accept|offer] [cc=NAME] [rcv_buf=N] [snd_buf=N] [time_wait_ms=N] [seed=N]
//	listen port=N
//	connect id=N to=IP port=N PLAN         expect id=N port=N PLAN
//	counters
//	progress id=N
//
//	PLAN: [send=N] [send_key=N] [recv=N] [recv_key=N] [slow=N] [after_eof=0|1]
//	      [end=close|shutdown|wait|abort|unread]
//
// Every order is answered by one line of JSON, {"answer": "ok"} or {"answer": "what was wrong"};
// `counters` by what is not zero, `progress` by how far a plan is. `expect` gives a plan to the
// next connection to that port.
#pragma once

#include "tests/interop/stack_host/task.h"

// `line` is written to.
void order_run(struct host *host, struct task_list *list, char *line, struct mono now);
