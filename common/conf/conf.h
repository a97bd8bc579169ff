// The configuration file: YAML in, one immutable `struct conf` out.
//
// A key is a row of conf.def, which gives its member here, how it is read, its limits and default,
// its error texts, its line of conf_print, conf/reference.yml and docs/configuration.md. The keys
// of the section `dyn_o_mite` (any name will do) are those of the original, with its meaning.
//
//   conf->pool.mbuf_size          a value
//   conf->line[CONF_pool_timeout] the line that set it; 0: the default
//
// Ownership: strings and lists belong to the conf and die with conf_free. Units: milliseconds and
// bytes. Unset strings are NULL, unset lists empty, an unset address has neither host nor path.
//
// Errors: all that is wrong is reported at once, as `file:line: key: value "x": what is allowed`.
// A file is at most CONF_FILE_MAX bytes of UTF-8.
//
// Pure but for conf_load, which reads one file. Source: the original's documentation of its keys.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/conf/conf_choice.h"
#include "common/conf/conf_report.h"

#define CONF_FILE_DEFAULT "/etc/dynomite/dynomite.yml"
#define CONF_FILE_MAX (16u << 20) // as many nodes and tokens as a snapshot has, and more
#define CONF_POOL_NAME "dyn_o_mite"

// "host:port" or the path of a unix socket.
struct conf_addr {
	const char *host; // without brackets; NULL: a path, or unset
	const char *path;
	struct ip_addr ip; // of `host`, when it is no name
	uint16_t port;
	bool is_ip;
};

struct conf_server {
	struct conf_addr addr;
	const char *name; // as in /info
	uint32_t weight;
};

struct conf_tokens {
	uint32_t *v;
	uint32_t n;
};

struct conf_seed {
	const char *host;
	const char *rack;
	const char *dc;
	const char *name; // "host:port" when the file has none
	struct conf_tokens tokens;
	struct ip_addr ip; // of `host`, when it is no name
	uint32_t line;
	uint16_t port;
	bool is_ip;
};

struct conf_servers {
	struct conf_server *v;
	uint32_t n;
};

struct conf_seeds {
	struct conf_seed *v;
	uint32_t n;
};

struct conf_prefixes {
	struct ip_prefix *v;
	uint32_t n;
};

struct conf_ips {
	struct ip_addr *v;
	uint32_t n;
};

struct conf_cores {
	uint16_t *v; // in the file's order, no core twice
	uint32_t n;
};

struct conf_words {
	const char **v;
	uint32_t n;
};

// The member types of conf_type.def's rows.
#define TYPE(id, ctype, is_list, text) typedef ctype conf_type_##id;
#include "common/conf/conf_type.def"
#undef TYPE

enum conf_key {
#define KEY(section, name, ...) CONF_##section##_##name,
#include "common/conf/conf.def"
#undef KEY
	CONF_KEY_N,
};

#define KEY(section, name, type, ...) CONF_MEMBER_##section(name, type)
#define CONF_MEMBER(name, type) conf_type_##type name;
#define CONF_NO_MEMBER(name, type)

struct conf_pool {
#define CONF_MEMBER_pool CONF_MEMBER
#define CONF_MEMBER_dataplane CONF_NO_MEMBER
#define CONF_MEMBER_controlplane CONF_NO_MEMBER
#include "common/conf/conf.def"
#undef CONF_MEMBER_pool
#undef CONF_MEMBER_dataplane
};

struct conf_dataplane {
#define CONF_MEMBER_pool CONF_NO_MEMBER
#define CONF_MEMBER_dataplane CONF_MEMBER
#include "common/conf/conf.def"
#undef CONF_MEMBER_dataplane
#undef CONF_MEMBER_controlplane
};

struct conf_controlplane {
#define CONF_MEMBER_dataplane CONF_NO_MEMBER
#define CONF_MEMBER_controlplane CONF_MEMBER
#include "common/conf/conf.def"
#undef CONF_MEMBER_pool
#undef CONF_MEMBER_dataplane
#undef CONF_MEMBER_controlplane
};

#undef CONF_NO_MEMBER
#undef CONF_MEMBER
#undef KEY

struct conf_arena;

struct conf {
	const char *file;      // as it was given
	const char *pool_name; // the name of the first section; the key in /info
	struct conf_pool pool;
	struct conf_dataplane dataplane;
	struct conf_controlplane controlplane;
	uint32_t line[CONF_KEY_N];
	struct conf_arena *arena;
};

// Who asks: the data plane needs keys that a file of the original has not.
enum conf_role {
	CONF_ROLE_ANY,
	CONF_ROLE_DATAPLANE,
	CONF_ROLE_CONTROLPLANE,
};

// Reads and checks. NULL when something is wrong; warnings may be in `report` in any case. The
// caller inits and frees the report.
struct conf *conf_load(
	const char *path, enum conf_role role, struct conf_report *report) MUST_CHECK;
struct conf *conf_load_bytes(const char *name, const void *bytes, size_t len, enum conf_role role,
	struct conf_report *report) MUST_CHECK;
void conf_free(struct conf *conf);

// Sets a key that the file left at its default, to what the command line says; a key that the file
// sets is only checked. False when `text` is no value for it.
bool conf_set_unset(struct conf *conf, enum conf_key key, const char *text,
	struct conf_report *report) MUST_CHECK;

// Calls `each` for every key whose value differs between two configurations and which is read only
// when a program starts.
void conf_changes(const struct conf *old, const struct conf *now,
	void (*each)(void *ctx, const char *section, const char *key), void *ctx);

// Every setting in effect, as YAML that reads back as the same.
void conf_print(const struct conf *conf, FILE *out);

// conf/reference.yml and docs/configuration.md.
void conf_reference(FILE *out);
void conf_markdown(FILE *out);
