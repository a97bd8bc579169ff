// Resets for segments that belong to no connection (RFC 9293 §3.5.2). Never for a reset, and only
// so many a second.
#pragma once

#include "dataplane/tcp/tcp_seg.h"

struct tcp;

void tcp_rst_reply(struct tcp *tcp, const struct tcp_seg *seg);
