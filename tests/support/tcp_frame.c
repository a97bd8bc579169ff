#include "tests/support/tcp_frame.h"

#include <string.h>

#include "common/base/bytes.h"

#define IP4_LEN 20u
#define IP6_LEN 40u
#define PROTO_TCP 6
#define PROTO_ICMP6 58
#define TYPE_IP4 0x0800
#define TYPE_IP6 0x86dd
#define ECN_MASK 3u
#define ECN_CE 3u
// RFC 1812 §4.3.2.3 asks for as much as fits 576 bytes, RFC 4443 §3.2 for as much as 1280.
#define QUOTE4 (576u - 28u)
#define QUOTE6 (1280u - 48u)

static uint32_t mix(uint32_t hash, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash;
}

struct tcp_frame_info tcp_frame_look(const uint8_t *data, uint32_t len)
{
	struct tcp_frame_info info = {0};
	uint32_t type = len >= TCP_FRAME_ETH ? be16_get(data + 12) : 0;
	uint32_t ip = type == TYPE_IP4 ? IP4_LEN : IP6_LEN;
	uint32_t headers;
	const uint8_t *p = data + TCP_FRAME_ETH;
	const uint8_t *tcp;

	info.v6 = type == TYPE_IP6;
	info.ip = info.v6 || type == TYPE_IP4;
	if (!info.ip || len < TCP_FRAME_ETH + ip + 20 || p[info.v6 ? 6 : 9] != PROTO_TCP)
		return info;
	tcp = p + ip;
	headers = TCP_FRAME_ETH + ip + (uint32_t)(tcp[12] >> 4) * 4;
	info.tcp = true;
	info.flow = mix(2166136261u, info.v6 ? p + 8 : p + 12, info.v6 ? 32 : 8);
	info.flow = mix(info.flow, tcp, 4);
	info.seq = be32_get(tcp + 4);
	info.ack = be32_get(tcp + 8);
	info.flags = tcp[13];
	info.payload = len > headers ? len - headers : 0;
	return info;
}

static uint16_t sum(uint32_t start, const uint8_t *p, uint32_t n)
{
	uint32_t total = start;

	for (uint32_t i = 0; i + 1 < n; i += 2)
		total += be16_get(p + i);
	if (n & 1)
		total += (uint32_t)p[n - 1] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

bool tcp_frame_mark(uint8_t *data, uint32_t len)
{
	struct tcp_frame_info info = tcp_frame_look(data, len);
	uint8_t *p = data + TCP_FRAME_ETH;

	if (!info.tcp)
		return false;
	if (info.v6) {
		if (((p[1] >> 4) & ECN_MASK) == 0)
			return false;
		p[1] |= ECN_CE << 4;
		return true;
	}
	if ((p[1] & ECN_MASK) == 0)
		return false;
	p[1] |= ECN_CE;
	be16_put(p + 10, 0);
	be16_put(p + 10, sum(0, p, IP4_LEN));
	return true;
}

static uint32_t too_big4(const uint8_t *ip, uint32_t n, uint32_t mtu, uint8_t *out)
{
	static const uint8_t router[4] = {198, 18, 0, 254};
	uint32_t quote = n < QUOTE4 ? n : QUOTE4;
	uint8_t *icmp = out + IP4_LEN;

	memset(out, 0, IP4_LEN + 8);
	out[0] = 0x45;
	be16_put(out + 2, (uint16_t)(IP4_LEN + 8 + quote));
	out[8] = 64;
	out[9] = 1;
	memcpy(out + 12, router, 4);
	memcpy(out + 16, ip + 12, 4);
	be16_put(out + 10, sum(0, out, IP4_LEN));
	icmp[0] = 3;
	icmp[1] = 4;
	be16_put(icmp + 6, (uint16_t)mtu);
	memcpy(icmp + 8, ip, quote);
	be16_put(icmp + 2, sum(0, icmp, 8 + quote));
	return IP4_LEN + 8 + quote;
}

static uint32_t too_big6(const uint8_t *ip, uint32_t n, uint32_t mtu, uint8_t *out)
{
	static const uint8_t router[16] = {0xfd, [15] = 0xfe};
	uint32_t quote = n < QUOTE6 ? n : QUOTE6;
	uint8_t *icmp = out + IP6_LEN;
	uint32_t pseudo = PROTO_ICMP6 + 8 + quote;

	memset(out, 0, IP6_LEN + 8);
	out[0] = 0x60;
	be16_put(out + 4, (uint16_t)(8 + quote));
	out[6] = PROTO_ICMP6;
	out[7] = 64;
	memcpy(out + 8, router, 16);
	memcpy(out + 24, ip + 8, 16);
	for (unsigned i = 8; i < IP6_LEN; i += 2)
		pseudo += be16_get(out + i);
	icmp[0] = 2;
	be32_put(icmp + 4, mtu);
	memcpy(icmp + 8, ip, quote);
	be16_put(icmp + 2, sum(pseudo, icmp, 8 + quote));
	return IP6_LEN + 8 + quote;
}

uint32_t tcp_frame_too_big(
	const uint8_t *data, uint32_t len, uint32_t mtu, uint8_t out[TCP_FRAME_TOO_BIG_MAX])
{
	struct tcp_frame_info info = tcp_frame_look(data, len);
	const uint8_t *ip = data + TCP_FRAME_ETH;
	uint32_t n = len - TCP_FRAME_ETH;

	if (!info.tcp)
		return 0;
	memcpy(out, data + 6, 6);
	memcpy(out + 6, data, 6);
	memcpy(out + 12, data + 12, 2);
	out += TCP_FRAME_ETH;
	return TCP_FRAME_ETH + (info.v6 ? too_big6(ip, n, mtu, out) : too_big4(ip, n, mtu, out));
}
