#include "controlplane/link/dp_ask.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t number; // 0: free
	enum ipc_id id;
	enum dp_ask_fate fate;
	union ipc_any_ask ask;
	struct mono until;
	void *answer;
	size_t len;
	const char *error;
};

struct dp_asks {
	uint64_t last;
	uint64_t last_id;
	uint64_t under_way; // number; 0: none
	struct entry entry[DP_ASKS_MAX];
};

struct dp_asks *dp_asks_new(void)
{
	return calloc(1, sizeof(struct dp_asks));
}

void dp_asks_free(struct dp_asks *asks)
{
	if (asks == NULL)
		return;
	for (unsigned i = 0; i < DP_ASKS_MAX; i++)
		free(asks->entry[i].answer);
	free(asks);
}

static struct entry *find(const struct dp_asks *asks, uint64_t number)
{
	for (unsigned i = 0; i < DP_ASKS_MAX; i++)
		if (asks->entry[i].number == number)
			return (struct entry *)(uintptr_t)&asks->entry[i];
	return NULL;
}

uint64_t dp_ask(struct dp_asks *asks, enum ipc_id id, const union ipc_any_ask *ask, struct mono now)
{
	struct entry *entry = find(asks, 0);

	if (entry == NULL)
		return 0;
	*entry = (struct entry){
		.number = ++asks->last,
		.id = id,
		.ask = *ask,
		.until = mono_add(now, DP_ASK_TIMEOUT_NS),
	};
	entry->ask.head.ask = entry->number;
	return entry->number;
}

uint64_t dp_asks_id(struct dp_asks *asks, uint64_t floor)
{
	asks->last_id = asks->last_id >= floor ? asks->last_id + 1 : floor;
	return asks->last_id;
}

enum dp_ask_fate dp_ask_fate(const struct dp_asks *asks, uint64_t number)
{
	const struct entry *entry = number != 0 ? find(asks, number) : NULL;

	return entry != NULL ? entry->fate : DP_ASK_LATE;
}

const void *dp_ask_answer(const struct dp_asks *asks, uint64_t number, size_t *len)
{
	const struct entry *entry = number != 0 ? find(asks, number) : NULL;

	*len = entry != NULL ? entry->len : 0;
	return entry != NULL ? entry->answer : NULL;
}

const char *dp_ask_error(const struct dp_asks *asks, uint64_t number)
{
	const struct entry *entry = number != 0 ? find(asks, number) : NULL;

	return entry != NULL && entry->error != NULL ? entry->error : "";
}

void dp_ask_drop(struct dp_asks *asks, uint64_t number)
{
	struct entry *entry = number != 0 ? find(asks, number) : NULL;

	if (entry == NULL)
		return;
	if (asks->under_way == number)
		asks->under_way = 0;
	free(entry->answer);
	*entry = (struct entry){0};
}

static void settle(struct dp_asks *asks, struct entry *entry, enum dp_ask_fate fate)
{
	entry->fate = fate;
	if (asks->under_way == entry->number)
		asks->under_way = 0;
}

// --- for who carries them

// The oldest that waits.
static struct entry *first(const struct dp_asks *asks)
{
	const struct entry *best = NULL;

	for (unsigned i = 0; i < DP_ASKS_MAX; i++) {
		const struct entry *entry = &asks->entry[i];

		if (entry->number != 0 && entry->fate == DP_ASK_PENDING &&
			(best == NULL || entry->number < best->number))
			best = entry;
	}
	return (struct entry *)(uintptr_t)best;
}

const union ipc_any_ask *dp_asks_next(struct dp_asks *asks, enum ipc_id *id, size_t *len)
{
	struct entry *entry = asks->under_way == 0 ? first(asks) : NULL;

	if (entry == NULL)
		return NULL;
	*id = entry->id;
	*len = ipc_row(entry->id)->max;
	return &entry->ask;
}

void dp_asks_sent(struct dp_asks *asks, bool sent)
{
	struct entry *entry = first(asks);

	if (entry == NULL)
		return;
	if (sent)
		asks->under_way = entry->number;
	else
		settle(asks, entry, DP_ASK_AWAY);
}

static bool keep(struct entry *entry, const struct ipc_msg *answer)
{
	entry->answer = malloc(answer->len);
	if (entry->answer == NULL) {
		entry->error = "out of memory";
		return false;
	}
	memcpy(entry->answer, answer->payload, answer->len);
	entry->len = answer->len;
	return true;
}

void dp_asks_take(struct dp_asks *asks, const struct ipc_msg *answer)
{
	struct ipc_answer head;
	struct entry *entry;

	memcpy(&head, answer->payload, sizeof(head)); // its row's smallest size has it
	entry = head.ask != 0 ? find(asks, head.ask) : NULL;
	// Not ours, of an asker that is gone, or answered already.
	if (entry == NULL || entry->fate != DP_ASK_PENDING || answer->id != (unsigned)entry->id + 1)
		return;
	entry->error = ipc_answer_check(answer->id, answer->payload, answer->len);
	if (entry->error == NULL && keep(entry, answer))
		settle(asks, entry, DP_ASK_ANSWERED);
	else
		settle(asks, entry, DP_ASK_WRONG);
}

void dp_asks_lost(struct dp_asks *asks)
{
	for (unsigned i = 0; i < DP_ASKS_MAX; i++)
		if (asks->entry[i].number != 0 && asks->entry[i].fate == DP_ASK_PENDING)
			settle(asks, &asks->entry[i], DP_ASK_AWAY);
}

void dp_asks_expire(struct dp_asks *asks, struct mono now)
{
	for (unsigned i = 0; i < DP_ASKS_MAX; i++) {
		struct entry *entry = &asks->entry[i];

		if (entry->number != 0 && entry->fate == DP_ASK_PENDING &&
			mono_due(now, entry->until))
			settle(asks, entry, DP_ASK_LATE);
	}
}
