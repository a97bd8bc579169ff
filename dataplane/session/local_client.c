// CLIENT and its subcommands.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/proto/resp_line.h"
#include "dataplane/session/local.h"

// An address with brackets and port.
#define ENDPOINT_MAX (IP_ADDR_TEXT_MAX + 8)

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

bool local_name_is_good(struct local *l, struct slice name)
{
	if (!is_printable(name))
		resp_put_error(&l->w,
			SLICE_LIT("ERR Client names cannot contain spaces, newlines or special "
				  "characters."));
	else if (name.len >= SESSION_NAME_MAX)
		resp_put_error(
			&l->w, SLICE_LIT("ERR Client names cannot be longer than 63 bytes."));
	else
		return true;
	return false;
}

void local_set_name(struct local *l, struct slice name)
{
	if (l->c->name)
		pool_put(&l->s->names, l->c->name);
	l->c->name = NULL;
	if (name.len == 0)
		return;
	// There are as many as clients.
	l->c->name = pool_get(&l->s->names);
	memcpy(l->c->name, name.ptr, name.len);
	l->c->name[name.len] = '\0';
}

void local_client_setname(struct local *l)
{
	struct slice name = {0};

	args_next(&l->args, &name);
	if (!local_name_is_good(l, name))
		return;
	local_set_name(l, name);
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

// NO-EVICT and NO-TOUCH.
void local_client_switch(struct local *l)
{
	struct slice what = {0};

	args_next(&l->args, &what);
	if (slice_eq_nocase(what, SLICE_LIT("on")) || slice_eq_nocase(what, SLICE_LIT("off")))
		local_ok(l);
	else
		local_syntax_error(l);
}

void local_client_reply(struct local *l)
{
	struct slice what = {0};

	args_next(&l->args, &what);
	if (slice_eq_nocase(what, SLICE_LIT("on")))
		local_ok(l);
	else if (slice_eq_nocase(what, SLICE_LIT("off")) ||
		slice_eq_nocase(what, SLICE_LIT("skip")))
		resp_put_error(&l->w, SLICE_LIT("ERR Dynomite: every request gets its reply"));
	else
		local_syntax_error(l);
}

void local_client_tracking(struct local *l)
{
	struct slice what = {0};

	args_next(&l->args, &what);
	if (slice_eq_nocase(what, SLICE_LIT("off")))
		local_ok(l);
	else if (slice_eq_nocase(what, SLICE_LIT("on")))
		resp_put_error(&l->w, SLICE_LIT("ERR Dynomite: tracking is not supported"));
	else
		local_syntax_error(l);
}

void local_client_trackinginfo(struct local *l)
{
	resp_put_array(&l->w, 6);
	resp_put_bulk(&l->w, SLICE_LIT("flags"));
	resp_put_array(&l->w, 1);
	resp_put_bulk(&l->w, SLICE_LIT("off"));
	resp_put_bulk(&l->w, SLICE_LIT("redirect"));
	resp_put_integer(&l->w, -1);
	resp_put_bulk(&l->w, SLICE_LIT("prefixes"));
	resp_put_array(&l->w, 0);
}

void local_client_getredir(struct local *l)
{
	resp_put_integer(&l->w, -1);
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

enum listed {
	LISTED,
	NOT_LISTED,
	LIST_BAD,
};

static enum listed list_type(struct local *l, struct slice type)
{
	static const char *const others[] = {"master", "replica", "slave", "pubsub"};

	if (slice_eq_nocase(type, SLICE_LIT("normal")))
		return LISTED;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (slice_eq_nocase(type, slice_str(others[i])))
			return NOT_LISTED;
	resp_put_errorf(&l->w, "ERR Unknown client type '%.*s'",
		(int)strnlen(type.ptr, type.len < 128 ? type.len : 128), type.ptr);
	return LIST_BAD;
}

static enum listed list_ids(struct local *l)
{
	enum listed out = NOT_LISTED;
	struct slice text;
	int64_t id;

	while (args_next(&l->args, &text)) {
		if (!resp_number(text, &id)) {
			resp_put_error(&l->w, SLICE_LIT("ERR Invalid client ID"));
			return LIST_BAD;
		}
		if ((uint64_t)id == l->c->id)
			out = LISTED;
	}
	return out;
}

static enum listed list_filter(struct local *l)
{
	struct slice word, value;

	if (!args_next(&l->args, &word))
		return LISTED;
	if (slice_eq_nocase(word, SLICE_LIT("id")) && l->argc > 1)
		return list_ids(l);
	if (slice_eq_nocase(word, SLICE_LIT("type")) && l->argc == 2 && args_next(&l->args, &value))
		return list_type(l, value);
	local_syntax_error(l);
	return LIST_BAD;
}

// The list of one core would be neither complete nor bounded: only the connection that asks.
void local_client_list(struct local *l)
{
	switch (list_filter(l)) {
	case LISTED:
		put_client(l);
		break;
	case NOT_LISTED:
		resp_put_bulk(&l->w, SLICE_LIT(""));
		break;
	case LIST_BAD:
		break;
	}
}
