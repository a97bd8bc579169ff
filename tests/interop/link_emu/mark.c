#include "tests/interop/link_emu/mark.h"

#define ETHER 14
#define CE 3

// Changes a byte of an IPv4 header that is the low one of its word (RFC 1624, equation 3).
static void change_low_byte(uint8_t *word, uint8_t *checksum, uint8_t to)
{
	uint32_t sum = (uint32_t)(~(checksum[0] << 8 | checksum[1]) & 0xffff);

	sum += (uint32_t)(~(word[0] << 8 | word[1]) & 0xffff);
	word[1] = to;
	sum += (uint32_t)(word[0] << 8 | word[1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	checksum[0] = (uint8_t)(sum >> 8);
	checksum[1] = (uint8_t)sum;
}

static bool markable(uint8_t codepoint)
{
	return codepoint == 1 || codepoint == 2;
}

bool mark_congestion(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + ETHER;

	if (len >= ETHER + 20 && frame[12] == 0x08 && frame[13] == 0x00) {
		if (!markable(ip[1] & CE))
			return false;
		change_low_byte(ip, ip + 10, ip[1] | CE);
		return true;
	}
	if (len >= ETHER + 40 && frame[12] == 0x86 && frame[13] == 0xdd) {
		// The traffic class begins in the first byte's low half.
		if (!markable(ip[1] >> 4 & CE))
			return false;
		ip[1] |= CE << 4;
		return true;
	}
	return false;
}
