// The size of segments along a path: what ICMP says of it, and what silence says. Anybody can forge
// an ICMP error, so the quoted sequence number must be one that is in flight (RFC 5927 §4), and
// none ends a connection (RFC 1122 §4.2.3.9). Where no ICMP comes, full segments that time out
// again and again become smaller (RFC 4821 in spirit), and are tried at full size later.
#pragma once

#include "dataplane/tcp/tcp_types.h"

// A segment of `payload` bytes was lost several times in a row: smaller ones from now on.
void tcp_path_shrink(struct tcp_conn *conn, uint32_t payload);

// The size was lowered, and it is time to try the full one again (RFC 1191 §6.3).
void tcp_path_retry(struct tcp_conn *conn);
