#include "dataplane/store/address.h"

#include <errno.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/ip_addr.h"

static int parse_path(struct store_address *out, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(out->u.un.sun_path))
		return -EINVAL;
	out->u.un.sun_family = AF_UNIX;
	memcpy(out->u.un.sun_path, path, len + 1);
	out->len = sizeof(out->u.un);
	return 0;
}

int store_address_parse(struct store_address *out, const char *text, uint16_t port)
{
	struct ip_addr ip;

	memset(out, 0, sizeof(*out));
	if (text[0] == '/')
		return parse_path(out, text);
	if (port == 0 || !ip_addr_parse(text, &ip))
		return -EINVAL;
	if (ip_addr_is_v4(&ip)) {
		out->u.in.sin_family = AF_INET;
		be16_put(&out->u.in.sin_port, port);
		out->u.in.sin_addr.s_addr = ip_addr_v4(&ip);
		out->len = sizeof(out->u.in);
	} else {
		out->u.in6.sin6_family = AF_INET6;
		be16_put(&out->u.in6.sin6_port, port);
		memcpy(&out->u.in6.sin6_addr, ip.b, sizeof(ip.b));
		out->len = sizeof(out->u.in6);
	}
	return 0;
}
