// PING, ECHO, SELECT, AUTH, HELLO and the like.
#include <string.h>

#include "common/proto/resp_cmd_info.h"
#include "common/proto/resp_line.h"
#include "dataplane/session/local.h"

void local_ok(struct local *l)
{
	resp_put_simple(&l->w, SLICE_LIT("OK"));
}

void local_syntax_error(struct local *l)
{
	resp_put_error(&l->w, SLICE_LIT("ERR syntax error"));
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

// What follows in the same connection was routed already: it was chosen by route.c.
void local_consistency(struct local *l)
{
	enum consistency level;
	struct slice text = {0};

	args_next(&l->args, &text);
	if (consistency_parse(text, &level))
		resp_put_simple(&l->w, SLICE_LIT("OK"));
	else
		resp_put_errorf(&l->w,
			"ERR Dynomite: no such consistency; use DC_ONE, DC_QUORUM, "
			"DC_SAFE_QUORUM or DC_EACH_SAFE_QUORUM");
}

void local_echo(struct local *l)
{
	struct slice text = {0};

	args_next(&l->args, &text);
	resp_put_bulk(&l->w, text);
}

void local_select(struct local *l)
{
	struct slice text = {0};
	int64_t db;

	args_next(&l->args, &text);
	if (!resp_number(text, &db))
		resp_put_error(&l->w, SLICE_LIT("ERR value is not an integer or out of range"));
	else if (db < INT32_MIN || db > INT32_MAX)
		resp_put_error(&l->w,
			SLICE_LIT("ERR value is out of range, value must between -2147483648 and "
				  "2147483647"));
	else if (db != 0)
		resp_put_error(&l->w, SLICE_LIT("ERR DB index is out of range"));
	else
		local_ok(l);
}

// The one user there is has no password, so as with Redis any will do.
static bool may_be(struct slice user)
{
	return slice_eq(user, SLICE_LIT("default"));
}

static void put_wrong_user(struct local *l)
{
	resp_put_error(
		&l->w, SLICE_LIT("WRONGPASS invalid username-password pair or user is disabled."));
}

void local_auth(struct local *l)
{
	struct slice user = {0};

	args_next(&l->args, &user);
	if (l->argc > 2)
		local_syntax_error(l);
	else if (l->argc == 1)
		resp_put_error(&l->w,
			SLICE_LIT("ERR AUTH <password> called without any password configured for "
				  "the default user. Are you sure your configuration is correct?"));
	else if (may_be(user))
		local_ok(l);
	else
		put_wrong_user(l);
}

static void put_hello(struct local *l)
{
	resp_put_array(&l->w, 14);
	resp_put_bulk(&l->w, SLICE_LIT("server"));
	resp_put_bulk(&l->w, SLICE_LIT("redis"));
	resp_put_bulk(&l->w, SLICE_LIT("version"));
	resp_put_bulk(&l->w, SLICE_LIT(LOCAL_REDIS_VERSION));
	resp_put_bulk(&l->w, SLICE_LIT("proto"));
	resp_put_integer(&l->w, 2);
	resp_put_bulk(&l->w, SLICE_LIT("id"));
	resp_put_integer(&l->w, (int64_t)l->c->id);
	resp_put_bulk(&l->w, SLICE_LIT("mode"));
	resp_put_bulk(&l->w, SLICE_LIT("standalone"));
	resp_put_bulk(&l->w, SLICE_LIT("role"));
	resp_put_bulk(&l->w, SLICE_LIT("master"));
	resp_put_bulk(&l->w, SLICE_LIT("modules"));
	resp_put_array(&l->w, 0);
}

// Servers before Redis 6 do not know HELLO, and every client that speaks RESP3 knows how to go on
// with them. Some go by this very text: to them -NOPROTO is the end of the connection.
static void hello_unknown(struct local *l, struct slice version)
{
	struct slice quoted[RESP_CMD_QUOTED_ARGS] = {l->name, version};
	uint32_t n = 2;

	while (n < ARRAY_LEN(quoted) && args_next(&l->args, &quoted[n]))
		n++;
	resp_cmd_put_refusal(&l->w, RESP_CMD_UNKNOWN, NULL, quoted, n);
}

// False when there is an answer already.
static bool hello_version(struct local *l)
{
	struct slice text;
	int64_t version;

	if (!args_next(&l->args, &text))
		return true;
	if (!resp_number(text, &version))
		resp_put_error(
			&l->w, SLICE_LIT("ERR Protocol version is not an integer or out of range"));
	else if (version == 3)
		hello_unknown(l, text);
	else if (version != 2)
		resp_put_error(&l->w, SLICE_LIT("NOPROTO unsupported protocol version"));
	else
		return true;
	return false;
}

void local_hello(struct local *l)
{
	struct slice option, value;
	struct slice user = SLICE_LIT("default");
	struct slice name = {0};
	bool named = false;

	if (!hello_version(l))
		return;
	while (args_next(&l->args, &option)) {
		if (slice_eq_nocase(option, SLICE_LIT("auth")) && l->args.left >= 2) {
			args_next(&l->args, &user);
			args_next(&l->args, &value);
		} else if (slice_eq_nocase(option, SLICE_LIT("setname")) && l->args.left >= 1) {
			args_next(&l->args, &name);
			named = true;
			if (!local_name_is_good(l, name))
				return;
		} else {
			resp_put_errorf(&l->w, "ERR Syntax error in HELLO option '%.*s'",
				(int)strnlen(option.ptr, option.len < 128 ? option.len : 128),
				option.ptr);
			return;
		}
	}
	if (!may_be(user)) {
		put_wrong_user(l);
		return;
	}
	if (named)
		local_set_name(l, name);
	put_hello(l);
}

void local_help(struct local *l)
{
	const char *bar = memchr(l->cmd->name.ptr, '|', l->cmd->name.len);
	struct slice name = slice_make(l->cmd->name.ptr, (size_t)(bar - l->cmd->name.ptr));

	resp_cmd_put_help(&l->w, resp_cmd_lookup(name));
}

void local_reset(struct local *l)
{
	local_set_name(l, (struct slice){0});
	resp_put_simple(&l->w, SLICE_LIT("RESET"));
}
