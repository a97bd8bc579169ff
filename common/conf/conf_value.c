#include "common/conf/conf_value.h"

#include <errno.h>
#include <string.h>

#include "common/cluster/token.h"
#include "common/conf/conf_size.h"

#define CONF_CORE_MAX 1023

static const char GENERIC[] = "";

const void *conf_member(const struct conf *conf, const struct conf_row *row)
{
	return (const char *)conf + row->offset;
}

const char *conf_too_many(const struct conf_value *v, const struct conf_row *row)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "at most %u in the list", row->limits.items);

	return conf_arena_copy(v->arena, slice_make(text, (size_t)n));
}

static const char *parse_bool(const struct conf_value *v)
{
	bool *member = v->member;
	bool yes = strcmp(v->text, "true") == 0;

	if (!yes && strcmp(v->text, "false") != 0)
		return GENERIC;
	*member = yes;
	return NULL;
}

static bool in_range(const struct conf_limits *l, uint64_t n)
{
	return n >= l->min && n <= l->max && (l->multiple < 2 || n % l->multiple == 0);
}

static const char *parse_uint(const struct conf_value *v)
{
	uint32_t *member = v->member;
	uint64_t n;

	if (!slice_to_u64(slice_str(v->text), &n) || !in_range(&v->row->limits, n))
		return GENERIC;
	*member = (uint32_t)n;
	return NULL;
}

static const char *parse_size(const struct conf_value *v)
{
	uint64_t *member = v->member;
	uint64_t n;

	if (!conf_size_parse(slice_str(v->text), v->row->limits.unit, &n) ||
		!in_range(&v->row->limits, n))
		return GENERIC;
	*member = n;
	return NULL;
}

static const char *parse_str(const struct conf_value *v)
{
	const char **member = v->member;
	size_t len = strlen(v->text);

	if (len == 0 || (v->row->limits.len != 0 && len > v->row->limits.len))
		return GENERIC;
	*member = v->text;
	return NULL;
}

static const char *parse_tag(const struct conf_value *v)
{
	const char **member = v->member;

	if (strlen(v->text) != 2)
		return GENERIC;
	*member = v->text;
	return NULL;
}

static const char *parse_choice(const struct conf_value *v)
{
	const char *const *names = v->row->limits.choices;
	uint8_t *member = v->member;

	for (uint8_t i = 0; names[i] != NULL; i++) {
		if (slice_eq_nocase(slice_str(v->text), slice_str(names[i]))) {
			*member = i;
			return NULL;
		}
	}
	return GENERIC;
}

const char *conf_parse_token_list(
	const struct conf_value *v, const char *text, struct conf_tokens *tokens)
{
	// A seed's tokens are bounded like our own.
	const struct conf_row *row = &conf_rows[CONF_pool_tokens];
	uint32_t list[CONF_VALUE_MAX / 2 + 1]; // as many as a value has room for
	uint32_t room = row->limits.items - tokens->n;
	int n = token_list_parse(
		slice_str(text), list, room < ARRAY_LEN(list) ? room : ARRAY_LEN(list));

	if (n == -E2BIG)
		return conf_too_many(v, row);
	if (n < 0)
		return conf_types[CONF_TYPE_TOKENS].text;
	for (int i = 0; i < n; i++) {
		tokens->v = conf_arena_grow(v->arena, tokens->v, tokens->n, sizeof(*tokens->v));
		tokens->v[tokens->n++] = list[i];
	}
	return NULL;
}

static const char *parse_tokens(const struct conf_value *v)
{
	return conf_parse_token_list(v, v->text, v->member);
}

static const char *add_core(const struct conf_value *v, uint64_t core)
{
	struct conf_cores *cores = v->member;

	for (uint32_t i = 0; i < cores->n; i++)
		if (cores->v[i] == core)
			return "cores that are not in the list yet";
	if (cores->n == v->row->limits.items)
		return conf_too_many(v, v->row);
	cores->v = conf_arena_grow(v->arena, cores->v, cores->n, sizeof(*cores->v));
	cores->v[cores->n++] = (uint16_t)core;
	return NULL;
}

static const char *parse_cores(const struct conf_value *v)
{
	char *next = v->text;
	const char *why = NULL;
	char *word;

	while (why == NULL && (word = strsep(&next, ",")) != NULL) {
		char *dash = strchr(word, '-');
		uint64_t first;
		uint64_t last;

		if (dash != NULL)
			*dash = '\0';
		if (!slice_to_u64(slice_str(word), &first))
			return GENERIC;
		last = first;
		if (dash != NULL && !slice_to_u64(slice_str(dash + 1), &last))
			return GENERIC;
		if (first > last || last > CONF_CORE_MAX)
			return "core numbers from 0 to 1023, ranges upwards, such as 1-3,5";
		for (uint64_t core = first; core <= last && why == NULL; core++)
			why = add_core(v, core);
	}
	return why;
}

static const char *parse_words(const struct conf_value *v)
{
	struct conf_words *words = v->member;
	char *next = v->text;
	char *word;

	while ((word = strsep(&next, " ")) != NULL) {
		if (word[0] == '\0')
			continue;
		if (words->n == v->row->limits.items)
			return conf_too_many(v, v->row);
		words->v = conf_arena_grow(v->arena, words->v, words->n, sizeof(*words->v));
		words->v[words->n++] = word;
	}
	return NULL;
}

static const char *parse_gone(const struct conf_value *v)
{
	bool *member = v->member;

	*member = true;
	return NULL;
}

// One parser per row of conf_type.def.
static const char *(*const parsers[CONF_TYPE_N])(const struct conf_value *) = {
	[CONF_TYPE_BOOL] = parse_bool,
	[CONF_TYPE_UINT] = parse_uint,
	[CONF_TYPE_MS] = parse_uint,
	[CONF_TYPE_SIZE] = parse_size,
	[CONF_TYPE_STR] = parse_str,
	[CONF_TYPE_PATH] = parse_str,
	[CONF_TYPE_CHOICE] = parse_choice,
	[CONF_TYPE_TAG] = parse_tag,
	[CONF_TYPE_DEVICE] = conf_parse_device,
	[CONF_TYPE_ADDR] = conf_parse_addr,
	[CONF_TYPE_SERVERS] = conf_parse_servers,
	[CONF_TYPE_SEEDS] = conf_parse_seeds,
	[CONF_TYPE_TOKENS] = parse_tokens,
	[CONF_TYPE_PREFIXES] = conf_parse_prefixes,
	[CONF_TYPE_IPS] = conf_parse_ips,
	[CONF_TYPE_CORES] = parse_cores,
	[CONF_TYPE_WORDS] = parse_words,
	[CONF_TYPE_GONE] = parse_gone,
};

const char *conf_value_parse(const struct conf_value *value)
{
	return parsers[value->row->type](value);
}
