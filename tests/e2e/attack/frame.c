#include "tests/e2e/attack/frame.h"

#include <string.h>

#include "common/base/bytes.h"

#define ETH 14
#define IP 20
#define TCP 20
#define ARP 28

static uint32_t sum(uint32_t from, const uint8_t *p, size_t len)
{
	for (; len > 1; len -= 2, p += 2)
		from += be16_get(p);
	return len > 0 ? from + (uint32_t)(*p << 8) : from;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

size_t frame_tcp(uint8_t out[FRAME_MAX], const struct frame_tcp *tcp)
{
	uint8_t *ip = out + ETH;
	uint8_t *h = ip + IP;
	uint16_t l4 = (uint16_t)(TCP + tcp->len);

	memset(out, 0, ETH + IP + TCP);
	memcpy(out, tcp->to.mac, 6);
	memcpy(out + 6, tcp->from.mac, 6);
	be16_put(out + 12, 0x0800);
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)(IP + l4));
	be16_put(ip + 4, (uint16_t)tcp->seq);
	be16_put(ip + 6, tcp->fragment);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, tcp->from.ip, 4);
	memcpy(ip + 16, tcp->to.ip, 4);
	be16_put(ip + 10, fold(sum(0, ip, IP)));
	be16_put(h, tcp->from.port);
	be16_put(h + 2, tcp->to.port);
	be32_put(h + 4, tcp->seq);
	be32_put(h + 8, tcp->ack);
	h[12] = TCP / 4 << 4;
	h[13] = tcp->flags;
	be16_put(h + 14, tcp->wnd);
	if (tcp->len > 0)
		memcpy(h + TCP, tcp->data, tcp->len);
	be16_put(h + 16, fold(sum(sum(6u + l4, ip + 12, 8), h, l4)));
	return ETH + IP + l4;
}

bool frame_parse(const uint8_t *frame, size_t len, struct frame_tcp *tcp)
{
	const uint8_t *ip = frame + ETH;
	const uint8_t *h;
	size_t total;
	size_t header;

	if (len < ETH + IP + TCP || be16_get(frame + 12) != 0x0800 || ip[9] != 6 || ip[0] != 0x45)
		return false;
	h = ip + IP;
	total = be16_get(ip + 2);
	header = (size_t)(h[12] >> 4) * 4;
	if (total > len - ETH || IP + header > total || header < TCP)
		return false;
	*tcp = (struct frame_tcp){.seq = be32_get(h + 4),
		.ack = be32_get(h + 8),
		.wnd = be16_get(h + 14),
		.flags = h[13],
		.data = h + header,
		.len = total - IP - header};
	memcpy(tcp->to.mac, frame, 6);
	memcpy(tcp->from.mac, frame + 6, 6);
	memcpy(tcp->from.ip, ip + 12, 4);
	memcpy(tcp->to.ip, ip + 16, 4);
	tcp->from.port = be16_get(h);
	tcp->to.port = be16_get(h + 2);
	return true;
}

bool frame_arp_answer(uint8_t *frame, size_t len, const uint8_t mac[6], const uint8_t net[3],
	uint8_t first, uint8_t last)
{
	uint8_t *arp = frame + ETH;
	uint8_t asked[4];

	if (len < ETH + ARP || be16_get(frame + 12) != 0x0806 || be16_get(arp + 6) != 1)
		return false;
	memcpy(asked, arp + 24, 4);
	if (memcmp(asked, net, 3) != 0 || asked[3] < first || asked[3] > last)
		return false;
	be16_put(arp + 6, 2);
	memcpy(arp + 18, arp + 8, 10); // the target is who asked
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, asked, 4);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	return true;
}
