// The timers of connections. What must be armed is decided in one place, tcp_timer_decide, after
// everything that happened to a connection in a turn: a connection that waits for something always
// has a timer (tcp_check.h tells otherwise).
//
// A connection has several deadlines and one timer in the wheel, set to the earliest. Deadlines
// move for nothing: the timer then fires early, finds nothing due, and is set anew.
#pragma once

#include "dataplane/tcp/tcp_types.h"

void tcp_timer_decide(struct tcp_conn *conn);

// The user is gone and the peer's FIN is still missing.
void tcp_timer_fin_wait_2(struct tcp_conn *conn);
