// PING, ECHO, SELECT and the like, and CLIENT.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/proto/resp_cmd_info.h"
#include "dataplane/session/local.h"

// An address with brackets and port.
#define ENDPOINT_MAX (IP_ADDR_TEXT_MAX + 8)

void local_ok(struct local *l)
{
	resp_put_simple(&l->w, SLICE_LIT("OK"));
}

void local_ping(struct local *l)
{
	struct slice text;

	if (l->argc > 1)
		resp_put_error(
			&l->w, SLICE_LIT("ERR wrong number of arguments for 'ping' command"));
	else if (args_next(&l->args, &text))
		resp_put_bulk(&l->w, text);
	else
		resp_put_simple(&l->w, SLICE_LIT("PONG"));
}

void local_echo(struct local *l)
{
	struct slice text = {0};

	args_next(&l->args, &text);
	resp_put_bulk(&l->w, text);
}

static bool is_integer(struct slice text)
{
	uint64_t v;

	if (text.len > 0 && text.ptr[0] == '-')
		text = slice_make(text.ptr + 1, text.len - 1);
	return slice_to_u64(text, &v) && v <= INT32_MAX;
}

void local_select(struct local *l)
{
	struct slice db = {0};

	args_next(&l->args, &db);
	if (slice_eq(db, SLICE_LIT("0")))
		local_ok(l);
	else if (is_integer(db))
		resp_put_error(&l->w, SLICE_LIT("ERR DB index is out of range"));
	else
		resp_put_error(&l->w, SLICE_LIT("ERR value is not an integer or out of range"));
}

void local_auth(struct local *l)
{
	if (l->argc > 2)
		resp_put_error(&l->w, SLICE_LIT("ERR syntax error"));
	else if (l->argc == 2)
		resp_put_error(&l->w,
			SLICE_LIT("WRONGPASS invalid username-password pair or user is disabled."));
	else
		resp_put_error(&l->w,
			SLICE_LIT("ERR AUTH <password> called without any password configured for "
				  "the default user. Are you sure your configuration is correct?"));
}

void local_help(struct local *l)
{
	const char *bar = memchr(l->cmd->name.ptr, '|', l->cmd->name.len);
	struct slice name = slice_make(l->cmd->name.ptr, (size_t)(bar - l->cmd->name.ptr));

	resp_cmd_put_help(&l->w, resp_cmd_lookup(name));
}

static void drop_name(struct local *l)
{
	if (l->c->name)
		pool_put(&l->s->names, l->c->name);
	l->c->name = NULL;
}

void local_reset(struct local *l)
{
	drop_name(l);
	resp_put_simple(&l->w, SLICE_LIT("RESET"));
}

void local_client_id(struct local *l)
{
	resp_put_integer(&l->w, (int64_t)l->c->id);
}

void local_client_getname(struct local *l)
{
	if (l->c->name)
		resp_put_bulk(&l->w, slice_str(l->c->name));
	else
		resp_put_null(&l->w);
}

static bool is_printable(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] < '!' || name.ptr[i] > '~')
			return false;
	return true;
}

void local_client_setname(struct local *l)
{
	struct slice name = {0};

	args_next(&l->args, &name);
	if (!is_printable(name) || name.len >= SESSION_NAME_MAX) {
		resp_put_error(&l->w,
			name.len >= SESSION_NAME_MAX
				? SLICE_LIT("ERR Client names cannot be longer than 63 bytes.")
				: SLICE_LIT("ERR Client names cannot contain spaces, newlines or "
					    "special characters."));
		return;
	}
	drop_name(l);
	if (name.len > 0) {
		// There are as many as clients.
		l->c->name = pool_get(&l->s->names);
		memcpy(l->c->name, name.ptr, name.len);
		l->c->name[name.len] = '\0';
	}
	local_ok(l);
}

void local_client_setinfo(struct local *l)
{
	struct slice what = {0};

	args_next(&l->args, &what);
	if (slice_eq_nocase(what, SLICE_LIT("lib-name")) ||
		slice_eq_nocase(what, SLICE_LIT("lib-ver")))
		local_ok(l);
	else
		resp_put_errorf(&l->w, "ERR Unrecognized option '%.*s'",
			what.len < 64 ? (int)what.len : 64, what.ptr);
}

void local_client_no_evict(struct local *l)
{
	struct slice what = {0};

	args_next(&l->args, &what);
	if (slice_eq_nocase(what, SLICE_LIT("on")) || slice_eq_nocase(what, SLICE_LIT("off")))
		local_ok(l);
	else
		resp_put_error(&l->w, SLICE_LIT("ERR syntax error"));
}

static const char *endpoint(const struct ip_addr *addr, uint16_t port, char out[ENDPOINT_MAX])
{
	char text[IP_ADDR_TEXT_MAX];

	ip_addr_format(addr, text);
	snprintf(out, ENDPOINT_MAX, ip_addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", text, port);
	return out;
}

static void put_client(struct local *l)
{
	struct tcp_endpoints ends = tcp_conn_endpoints(l->c->conn);
	char remote[ENDPOINT_MAX];
	char local[ENDPOINT_MAX];
	char line[512];
	int n;

	n = snprintf(line, sizeof(line),
		"id=%" PRIu64 " addr=%s laddr=%s fd=-1 name=%s age=%" PRIu64
		" idle=0 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 "
		"multi-mem=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|%s user=default "
		"redir=-1 resp=2\n",
		l->c->id, endpoint(&ends.remote, ends.remote_port, remote),
		endpoint(&ends.local, ends.local_port, local), l->c->name ? l->c->name : "",
		mono_since(l->now, l->c->accepted_at) / NS_PER_SEC,
		l->cmd->id == CMD_CLIENT_INFO ? "info" : "list");
	resp_put_bulk(&l->w, slice_make(line, (size_t)n));
}

void local_client_info(struct local *l)
{
	put_client(l);
}

// The list of one core would be neither complete nor bounded: only the connection that asks.
void local_client_list(struct local *l)
{
	put_client(l);
}
