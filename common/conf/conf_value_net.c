#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "common/conf/conf_value.h"

#define HOST_MAX 255
#define SOCKET_PATH_MAX 107 // sun_path, with its NUL

static const char GENERIC[] = "";

// Cuts the last field off `text` at `separator`: what is behind it, or NULL.
static char *cut_last(char *text, char separator)
{
	char *at = strrchr(text, separator);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

static bool parse_port(const char *text, uint16_t *port)
{
	uint64_t n;

	if (!slice_to_u64(slice_str(text), &n) || n == 0 || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

// Letters, digits and what else is in host names: not so strict as to refuse one that works.
static bool host_name_ok(const char *host)
{
	size_t len = strlen(host);

	if (len == 0 || len > HOST_MAX)
		return false;
	return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		len;
}

// A name or an address; IPv6 with or without brackets. NULL when it is neither.
static const char *parse_host(char *host, struct ip_addr *ip, bool *is_ip)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		host++;
		if (strchr(host, ':') == NULL)
			return NULL;
	}
	*is_ip = ip_addr_parse(host, ip);
	return *is_ip || host_name_ok(host) ? host : NULL;
}

static bool parse_host_port(char *text, struct conf_addr *addr)
{
	const char *port = cut_last(text, ':');

	addr->path = NULL;
	if (port == NULL || !parse_port(port, &addr->port))
		return false;
	addr->host = parse_host(text, &addr->ip, &addr->is_ip);
	return addr->host != NULL;
}

static bool parse_addr_or_path(char *text, struct conf_addr *addr)
{
	*addr = (struct conf_addr){.host = NULL};
	if (text[0] != '/')
		return parse_host_port(text, addr);
	addr->path = text;
	return strlen(text) <= SOCKET_PATH_MAX;
}

const char *conf_parse_addr(const struct conf_value *v)
{
	struct conf_addr addr;

	if (!parse_addr_or_path(v->text, &addr))
		return "host:port with a port from 1 to 65535, such as 0.0.0.0:8102 or [::]:8102";
	memcpy(v->member, &addr, sizeof(addr));
	return NULL;
}

// "host:port" as the original makes it from an entry without a name.
static const char *default_name(const struct conf_value *v, const struct conf_addr *addr)
{
	char name[HOST_MAX + sizeof(":65535")];
	int n;

	if (addr->path != NULL)
		return addr->path;
	n = snprintf(name, sizeof(name), addr->port == 11211 ? "%s" : "%s:%u", addr->host,
		(unsigned)addr->port);
	return conf_arena_copy(v->arena, slice_make(name, (size_t)n));
}

const char *conf_parse_servers(const struct conf_value *v)
{
	struct conf_servers *servers = v->member;
	struct conf_server server = {.name = cut_last(v->text, ' ')};
	const char *weight = cut_last(v->text, ':');
	uint64_t n;

	if (servers->n == v->row->limits.items)
		return "one entry: a node has one store";
	if (weight == NULL || !slice_to_u64(slice_str(weight), &n) || n > INT32_MAX)
		return GENERIC;
	server.weight = (uint32_t)n;
	if (!parse_addr_or_path(v->text, &server.addr) ||
		(server.name != NULL && server.name[0] == '\0'))
		return GENERIC;
	if (server.name == NULL)
		server.name = default_name(v, &server.addr);
	servers->v = conf_arena_grow(v->arena, servers->v, servers->n, sizeof(server));
	servers->v[servers->n++] = server;
	return NULL;
}

// Fields are cut from the right, so that the host may be an IPv6 address.
const char *conf_parse_seeds(const struct conf_value *v)
{
	struct conf_seeds *seeds = v->member;
	struct conf_seed seed = {.name = cut_last(v->text, ' '), .line = v->line};
	char *tokens = cut_last(v->text, ':');
	struct conf_addr addr = {.host = NULL};
	const char *why;

	seed.dc = cut_last(v->text, ':');
	seed.rack = cut_last(v->text, ':');
	if (seed.rack == NULL || seed.rack[0] == '\0' || seed.dc[0] == '\0' ||
		strlen(seed.rack) > 63 || strlen(seed.dc) > 63)
		return GENERIC;
	if (!parse_host_port(v->text, &addr) || (seed.name != NULL && seed.name[0] == '\0'))
		return GENERIC;
	why = conf_parse_token_list(v, tokens, &seed.tokens);
	if (why != NULL)
		return why;
	if (seeds->n == v->row->limits.items)
		return conf_too_many(v, v->row);
	seed.host = addr.host;
	seed.ip = addr.ip;
	seed.is_ip = addr.is_ip;
	seed.port = addr.port;
	if (seed.name == NULL)
		seed.name = default_name(v, &addr);
	seeds->v = conf_arena_grow(v->arena, seeds->v, seeds->n, sizeof(seed));
	seeds->v[seeds->n++] = seed;
	return NULL;
}

// Whether a host can have this address.
static bool is_unicast(const struct ip_addr *a)
{
	static const struct ip_addr loopback6 = {{[15] = 1}};

	if (ip_addr_is_any(a) || ip_addr_eq(a, &loopback6))
		return false;
	if (!ip_addr_is_v4(a))
		return a->b[0] != 0xff;
	return a->b[12] != 0 && a->b[12] != 127 && a->b[12] < 224;
}

// The addresses of an IPv4 network that name itself and everybody in it (RFC 1122 §3.2.1.3).
static bool is_network_or_broadcast(const struct ip_prefix *p)
{
	uint32_t host_mask;
	uint32_t host;

	if (!ip_addr_is_v4(&p->addr) || p->len > 30)
		return false;
	host_mask = p->len == 0 ? UINT32_MAX : (UINT32_C(1) << (32 - p->len)) - 1;
	host = __builtin_bswap32(ip_addr_v4(&p->addr)) & host_mask;
	return host == 0 || host == host_mask;
}

const char *conf_parse_prefixes(const struct conf_value *v)
{
	struct conf_prefixes *list = v->member;
	struct ip_prefix prefix;

	if (strchr(v->text, '/') == NULL || !ip_prefix_parse(v->text, &prefix) || prefix.len == 0)
		return GENERIC;
	if (!is_unicast(&prefix.addr) || is_network_or_broadcast(&prefix))
		return "the address of a host, not of a network, a group or this machine itself";
	for (uint32_t i = 0; i < list->n; i++)
		if (ip_addr_eq(&list->v[i].addr, &prefix.addr))
			return "an address that is not in the list yet";
	if (list->n == v->row->limits.items)
		return conf_too_many(v, v->row);
	list->v = conf_arena_grow(v->arena, list->v, list->n, sizeof(prefix));
	list->v[list->n++] = prefix;
	return NULL;
}

const char *conf_parse_ips(const struct conf_value *v)
{
	struct conf_ips *list = v->member;
	struct ip_addr ip;

	if (!ip_addr_parse(v->text, &ip) || !is_unicast(&ip))
		return GENERIC;
	for (uint32_t i = 0; i < list->n; i++)
		if (ip_addr_is_v4(&list->v[i]) == ip_addr_is_v4(&ip))
			return "at most one address for IPv4 and one for IPv6";
	list->v = conf_arena_grow(v->arena, list->v, list->n, sizeof(ip));
	list->v[list->n++] = ip;
	return NULL;
}

static bool hex_field(const char **at, size_t min, size_t max, char end)
{
	size_t n = 0;

	while (isxdigit((unsigned char)(*at)[n]))
		n++;
	if (n < min || n > max || (*at)[n] != end)
		return false;
	*at += n + (end != '\0' ? 1 : 0);
	return true;
}

// [domain:]bus:device.function
static bool is_pci_address(const char *text)
{
	const char *at = text;

	(void)hex_field(&at, 4, 8, ':');
	return hex_field(&at, 2, 2, ':') && hex_field(&at, 2, 2, '.') && hex_field(&at, 1, 1, '\0');
}

// The name of a driver and a number, then its arguments: net_af_xdp0,iface=eth0
static bool is_virtual_device(const char *text)
{
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (strncmp(text, "net_", 4) != 0 || name < 6)
		return false;
	return text[name] == '\0' || text[name] == ',';
}

const char *conf_parse_device(const struct conf_value *v)
{
	const char **member = v->member;

	if (strpbrk(v->text, " \t") != NULL ||
		(!is_pci_address(v->text) && !is_virtual_device(v->text)))
		return GENERIC;
	*member = v->text;
	return NULL;
}
