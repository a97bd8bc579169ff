// Segments of connections. tcp_output (tcp.h) goes through the connections that were touched; the
// functions here serve what can't wait for it.
#pragma once

#include "dataplane/tcp/tcp_types.h"

// RST, at once.
void tcp_output_rst(struct tcp_conn *conn);

// The window that would be offered now (RFC 9293 §3.8.6.2.2: in steps that are worth it).
uint32_t tcp_output_window(const struct tcp_conn *conn);
