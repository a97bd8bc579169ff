#include "dataplane/link/link_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int link_desks_init(struct link_desks *desks, unsigned n)
{
	*desks = (struct link_desks){
		.desk = aligned_alloc(CACHE_LINE, n * sizeof(struct link_desk)),
		.waiting = calloc(n, sizeof(struct link_waiting)),
	};
	if (desks->desk == NULL || desks->waiting == NULL)
		return -ENOMEM;
	memset(desks->desk, 0, n * sizeof(struct link_desk));
	desks->n = n;
	for (unsigned i = 0; i < n; i++) {
		desks->desk[i].answer = malloc(IPC_ANSWER_MAX);
		if (desks->desk[i].answer == NULL)
			return -ENOMEM;
	}
	return 0;
}

void link_desks_fini(struct link_desks *desks)
{
	for (unsigned i = 0; i < desks->n; i++)
		free(desks->desk[i].answer);
	free(desks->desk);
	free(desks->waiting);
	*desks = (struct link_desks){0};
}

enum ipc_id link_desk_answer_id(unsigned ask)
{
	switch (ask) {
	case IPC_CONNS_ASK:
		return IPC_CONNS;
	case IPC_PEERS_ASK:
		return IPC_PEERS;
	case IPC_TRACE_ASK:
		return IPC_TRACE;
	case IPC_CAPTURE_ASK:
		return IPC_CAPTURE;
	default:
		return (enum ipc_id)0;
	}
}

bool link_desk_takes(unsigned id)
{
	return link_desk_answer_id(id) != 0;
}

static void put(struct link_desk *desk, enum ipc_id id, const union ipc_any_ask *ask)
{
	desk->id = id;
	desk->ask = *ask;
	__atomic_store_n(&desk->state, LINK_DESK_ASKED, __ATOMIC_RELEASE);
}

bool link_desk_put(struct link_desks *desks, const struct ipc_msg *msg)
{
	enum ipc_id id = (enum ipc_id)msg->id;
	union ipc_any_ask ask = {0};
	struct link_desk *desk;

	memcpy(&ask, msg->payload, msg->len); // its row bounds it
	if (ask.head.worker >= desks->n)
		return false;
	desk = &desks->desk[ask.head.worker];
	if (__atomic_load_n(&desk->state, __ATOMIC_ACQUIRE) == LINK_DESK_FREE) {
		desks->asked++;
		put(desk, id, &ask);
		return true;
	}
	desks->waiting[ask.head.worker] = (struct link_waiting){.id = id, .ask = ask};
	return true;
}

struct link_desk *link_desk_next(struct link_desks *desks)
{
	for (unsigned i = 0; desks->asked > 0 && i < desks->n; i++) {
		struct link_desk *desk = &desks->desk[i];

		if (__atomic_load_n(&desk->state, __ATOMIC_ACQUIRE) == LINK_DESK_ANSWERED)
			return desk;
	}
	return NULL;
}

void link_desk_done(struct link_desks *desks, struct link_desk *desk)
{
	struct link_waiting *waiting = &desks->waiting[desk - desks->desk];

	if (waiting->id != 0) {
		put(desk, waiting->id, &waiting->ask);
		waiting->id = (enum ipc_id)0;
		return;
	}
	__atomic_store_n(&desk->state, LINK_DESK_FREE, __ATOMIC_RELEASE);
	desks->asked--;
}
