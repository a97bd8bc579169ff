#include "common/cluster/snapshot.h"

#include <string.h>

static const char *const state_names[] = {
	[NODE_INIT] = "INIT",
	[NODE_STANDBY] = "STANDBY",
	[NODE_WRITES_ONLY] = "WRITES_ONLY",
	[NODE_RESUMING] = "RESUMING",
	[NODE_NORMAL] = "NORMAL",
	[NODE_JOINING] = "JOINING",
	[NODE_DOWN] = "DOWN",
};

static const char *const consistency_names[] = {
	[CONSISTENCY_DC_ONE] = "DC_ONE",
	[CONSISTENCY_DC_QUORUM] = "DC_QUORUM",
	[CONSISTENCY_DC_SAFE_QUORUM] = "DC_SAFE_QUORUM",
	[CONSISTENCY_DC_EACH_SAFE_QUORUM] = "DC_EACH_SAFE_QUORUM",
};

static bool state_known(unsigned state)
{
	return state < ARRAY_LEN(state_names) && state_names[state] != NULL;
}

static bool text_ok(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

static const char *check_head(const struct snapshot *s, size_t len)
{
	if (s->epoch == 0)
		return "epoch is 0";
	if (s->node_n == 0 || s->node_n > SNAPSHOT_NODES_MAX)
		return "number of nodes out of range";
	if (s->token_n > SNAPSHOT_TOKENS_MAX)
		return "number of tokens out of range";
	if (len != snapshot_size(s->node_n, s->token_n))
		return "length does not match the numbers of nodes and tokens";
	if (!state_known(s->state))
		return "unknown state of this node";
	if (s->read_consistency >= ARRAY_LEN(consistency_names))
		return "unknown read consistency";
	if (s->write_consistency >= ARRAY_LEN(consistency_names))
		return "unknown write consistency";
	if (s->hash >= HASH_N)
		return "unknown hash";
	if ((s->hash_tag[0] == '\0') != (s->hash_tag[1] == '\0'))
		return "half a hash tag";
	if (!all_zero(s->reserved, sizeof(s->reserved)))
		return "reserved field is not 0";
	if (s->said.file_read >= ARRAY_LEN(consistency_names) ||
		s->said.file_write >= ARRAY_LEN(consistency_names))
		return "unknown consistency of the file";
	return s->said.reserved == 0 ? NULL : "reserved field is not 0";
}

// Token ranges must follow each other: that every token has exactly one owner is part of it.
static const char *check_node(const struct snapshot_node *node, uint32_t first, uint32_t token_n)
{
	if (!text_ok(node->host, sizeof(node->host)))
		return "host name is not terminated";
	if (!text_ok(node->dc, sizeof(node->dc)) || node->dc[0] == '\0')
		return "name of a datacentre is empty or not terminated";
	if (!text_ok(node->rack, sizeof(node->rack)) || node->rack[0] == '\0')
		return "name of a rack is empty or not terminated";
	if (node->token_first != first || node->token_n > token_n - first)
		return "token range of a node is wrong";
	if (!state_known(node->state))
		return "unknown state of a node";
	if (node->is_local > 1)
		return "local mark of a node is neither 0 nor 1";
	if (!all_zero(node->reserved, sizeof(node->reserved)))
		return "reserved field of a node is not 0";
	return NULL;
}

const char *snapshot_check(const void *bytes, size_t len)
{
	const char *nodes = (const char *)bytes + sizeof(struct snapshot);
	struct snapshot head;
	struct snapshot_node node;
	uint32_t token = 0;
	uint32_t local_n = 0;
	const char *error;

	if (len < sizeof(head))
		return "shorter than its header";
	// Copied, since the bytes of a message lie at any alignment.
	memcpy(&head, bytes, sizeof(head));
	error = check_head(&head, len);
	for (uint32_t i = 0; error == NULL && i < head.node_n; i++) {
		memcpy(&node, nodes + i * sizeof(node), sizeof(node));
		error = check_node(&node, token, head.token_n);
		token += node.token_n;
		local_n += node.is_local;
		if (error == NULL && node.is_local == 1 && node.state != head.state)
			error = "local node's state is not the state of this node";
	}
	if (error != NULL)
		return error;
	if (token != head.token_n)
		return "tokens that no node owns";
	return local_n == 1 ? NULL : "not exactly one local node";
}

const char *node_state_name(enum node_state state)
{
	return state_known(state) ? state_names[state] : "Unknown";
}

const char *consistency_name(enum consistency level)
{
	return (unsigned)level < ARRAY_LEN(consistency_names) ? consistency_names[level]
							      : "Unknown";
}

// The index of a name in a list that may have holes; `n` when it is not there.
static unsigned find_name(const char *const *names, unsigned n, struct slice text)
{
	unsigned i = 0;

	while (i < n && (names[i] == NULL || !slice_eq_nocase(slice_str(names[i]), text)))
		i++;
	return i;
}

bool node_state_parse(struct slice text, enum node_state *state)
{
	unsigned i = find_name(state_names, ARRAY_LEN(state_names), text);

	*state = (enum node_state)i;
	return i < ARRAY_LEN(state_names);
}

bool consistency_parse(struct slice text, enum consistency *level)
{
	unsigned i = find_name(consistency_names, ARRAY_LEN(consistency_names), text);

	*level = (enum consistency)i;
	return i < ARRAY_LEN(consistency_names);
}
