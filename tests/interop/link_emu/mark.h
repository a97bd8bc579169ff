// Marks of congestion in IP headers (RFC 3168 §5).
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Turns ECT into CE and mends the checksum of IPv4. False when the frame is not ECT.
bool mark_congestion(uint8_t *frame, uint32_t len);
