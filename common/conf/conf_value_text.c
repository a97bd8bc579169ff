#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/conf/conf_size.h"
#include "common/conf/conf_value.h"

// Values are bounded by CONF_VALUE_MAX, so their texts fit; a longer one would be cut.
struct text {
	char *buf;
	size_t len;
};

static void put(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	size_t room = CONF_VALUE_TEXT_MAX - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_host_port(struct text *t, const char *host, uint16_t port)
{
	put(t, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
}

static void put_addr(struct text *t, const struct conf_addr *addr)
{
	if (addr->path != NULL)
		put(t, "%s", addr->path);
	else
		put_host_port(t, addr->host, addr->port);
}

static void put_server(struct text *t, const struct conf_server *server)
{
	put_addr(t, &server->addr);
	put(t, ":%u %s", server->weight, server->name);
}

static void put_seed(struct text *t, const struct conf_seed *seed)
{
	put_host_port(t, seed->host, seed->port);
	put(t, ":%s:%s:", seed->rack, seed->dc);
	for (uint32_t i = 0; i < seed->tokens.n; i++)
		put(t, "%s%u", i > 0 ? "," : "", seed->tokens.v[i]);
	put(t, " %s", seed->name);
}

static void put_ip(struct text *t, const struct ip_addr *ip)
{
	char buf[IP_ADDR_TEXT_MAX];

	put(t, "%s", ip_addr_format(ip, buf));
}

static void put_prefix(struct text *t, const struct ip_prefix *prefix)
{
	put_ip(t, &prefix->addr);
	put(t, "/%u", prefix->len);
}

static void put_item(struct text *t, const struct conf_row *row, const void *member, uint32_t i)
{
	if (row->type == CONF_TYPE_SERVERS)
		put_server(t, &((const struct conf_servers *)member)->v[i]);
	else if (row->type == CONF_TYPE_SEEDS)
		put_seed(t, &((const struct conf_seeds *)member)->v[i]);
	else if (row->type == CONF_TYPE_TOKENS)
		put(t, "%u", ((const struct conf_tokens *)member)->v[i]);
	else if (row->type == CONF_TYPE_PREFIXES)
		put_prefix(t, &((const struct conf_prefixes *)member)->v[i]);
	else if (row->type == CONF_TYPE_IPS)
		put_ip(t, &((const struct conf_ips *)member)->v[i]);
	else if (row->type == CONF_TYPE_CORES)
		put(t, "%u", ((const struct conf_cores *)member)->v[i]);
	else
		put(t, "%s", ((const struct conf_words *)member)->v[i]);
}

static void put_size(struct text *t, const struct conf_row *row, uint64_t bytes)
{
	char buf[CONF_SIZE_TEXT_MAX];

	put(t, "%s", conf_size_format(bytes, row->limits.unit, buf));
}

static void put_scalar(struct text *t, const struct conf_row *row, const void *member)
{
	if (row->type == CONF_TYPE_BOOL || row->type == CONF_TYPE_GONE)
		put(t, "%s", *(const bool *)member ? "true" : "false");
	else if (row->type == CONF_TYPE_UINT || row->type == CONF_TYPE_MS)
		put(t, "%" PRIu32, *(const uint32_t *)member);
	else if (row->type == CONF_TYPE_SIZE)
		put_size(t, row, *(const uint64_t *)member);
	else if (row->type == CONF_TYPE_CHOICE)
		put(t, "%s", row->limits.choices[*(const uint8_t *)member]);
	else if (row->type == CONF_TYPE_ADDR)
		put_addr(t, member);
	else
		put(t, "%s", *(const char *const *)member);
}

// Every list has the shape of this one.
static uint32_t list_count(const void *member)
{
	struct conf_words list;

	memcpy(&list, member, sizeof(list));
	return list.n;
}

uint32_t conf_value_count(const struct conf_row *row, const void *member)
{
	const struct conf_addr *addr = member;

	if (conf_row_is_list(row))
		return list_count(member);
	if (row->type == CONF_TYPE_ADDR)
		return addr->host != NULL || addr->path != NULL;
	if (row->type == CONF_TYPE_STR || row->type == CONF_TYPE_PATH ||
		row->type == CONF_TYPE_TAG || row->type == CONF_TYPE_DEVICE)
		return *(const char *const *)member != NULL;
	return row->type != CONF_TYPE_GONE;
}

const char *conf_value_text(
	const struct conf_row *row, const void *member, uint32_t i, char buf[CONF_VALUE_TEXT_MAX])
{
	struct text t = {.buf = buf};

	buf[0] = '\0';
	if (conf_row_is_list(row))
		put_item(&t, row, member, i);
	else
		put_scalar(&t, row, member);
	return buf;
}
