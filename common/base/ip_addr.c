#include "common/base/ip_addr.h"

#include <arpa/inet.h>

#include "common/base/slice.h"

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *a)
{
	bool v4 = ip_addr_is_v4(&prefix->addr);
	unsigned bits = prefix->len + (v4 ? 96u : 0u);
	unsigned whole = bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));

	if (v4 != ip_addr_is_v4(a) || memcmp(prefix->addr.b, a->b, whole) != 0)
		return false;
	return bits % 8 == 0 || ((prefix->addr.b[whole] ^ a->b[whole]) & mask) == 0;
}

bool ip_addr_parse(const char *text, struct ip_addr *out)
{
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = ip_addr_from_v4(v4);
		return true;
	}
	return inet_pton(AF_INET6, text, out->b) == 1;
}

bool ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	char addr[IP_ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint64_t bits;
	uint64_t max;

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (!ip_addr_parse(addr, &out->addr))
		return false;
	max = ip_addr_is_v4(&out->addr) ? 32 : 128;
	bits = max;
	if (slash != NULL && (!slice_to_u64(slice_str(slash + 1), &bits) || bits > max))
		return false;
	out->len = (uint8_t)bits;
	return true;
}

const char *ip_addr_format(const struct ip_addr *a, char buf[IP_ADDR_TEXT_MAX])
{
	if (ip_addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, IP_ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, buf, IP_ADDR_TEXT_MAX);
	return buf;
}
