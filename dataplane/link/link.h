// The data plane's end of the IPC. Runs on the MAIN thread: takes snapshots from the control plane,
// checks, stages and swaps them (RCU) with the ring made of each, acknowledges an epoch once every
// worker has passed it, and sends figures and status once a second. Questions to a worker are put
// on its desk (link_desk.h), and its answers sent. With the control plane away, the last snapshot
// stays; on every link it is told to the control plane first, which may have forgotten it.
//
// The main thread must be pinned off the worker cores BEFORE link_new: nng starts its threads
// there, and they inherit its affinity (ipc_threads.h has a check).
//
// Workers use the inline functions only:
//
//	link_worker_start(link, worker);
//	for (;;) {
//		const struct ring *ring = link_ring(link);  // NULL: none yet
//		... one turn; `ring` is not kept over its end ...
//		link_quiescent(link, worker);
//		if (going to sleep) {
//			link_worker_offline(link, worker);
//			... sleep ...
//			link_worker_online(link, worker);
//		}
//	}
//	link_worker_stop(link, worker);
//
// Ownership: the link owns all snapshots. An old one is freed by a later link_poll, once no worker
// can hold it; link_poll never waits.
#pragma once

#include <stdint.h>

#include <rte_rcu_qsbr.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/cluster/ring.h"
#include "common/ipc/ipc.h"
#include "common/stats/stats.h"
#include "dataplane/link/link_desk.h"

struct link_config {
	const char *path;                 // of the socket, without "ipc://"
	const char *version;              // of this program
	const struct stats *const *stats; // one for each worker; must outlive the link
	unsigned worker_n;                // 1..IPC_WORKERS_MAX
	// Fills what the port and the pools know into `status`: everything but epoch, uptime_ms,
	// start_ms, rss_max_kb, pid, worker_n and version. Called on the main thread, once a
	// second. May be NULL.
	void (*facts)(void *ctx, struct ipc_status *status);
	void *facts_ctx;
};

struct link_main;

struct link {
	const struct ring *current; // with its snapshot; atomic: swapped by link_poll
	struct rte_rcu_qsbr *qsbr;
	struct link_desk *desks; // one for each worker
	struct link_main *main;  // the main thread's part
};

// NULL on error, which is in the log with what to do about it.
struct link *link_new(const struct link_config *config, struct mono now) MUST_CHECK;
// After all workers stopped.
void link_free(struct link *link);

// Does what there is to do, without waiting. Call it when link_fd is readable and at link_next.
void link_poll(struct link *link, struct mono now);
int link_fd(const struct link *link);
// Likewise, when it is readable: it wakes the loop soon after a question, for its answer.
int link_timer_fd(const struct link *link);
struct mono link_next(const struct link *link, struct mono now);

// The epoch that every worker uses; 0: none yet. Main thread.
uint64_t link_epoch(const struct link *link);

// Workers, each for itself; `worker` is 0..worker_n-1.

static inline void link_worker_start(struct link *link, unsigned worker)
{
	(void)rte_rcu_qsbr_thread_register(link->qsbr, worker);
	rte_rcu_qsbr_thread_online(link->qsbr, worker);
}

static inline void link_worker_stop(struct link *link, unsigned worker)
{
	rte_rcu_qsbr_thread_offline(link->qsbr, worker);
	(void)rte_rcu_qsbr_thread_unregister(link->qsbr, worker);
}

static inline const struct ring *link_ring(const struct link *link)
{
	return __atomic_load_n(&link->current, __ATOMIC_ACQUIRE);
}

static inline const struct snapshot *link_snapshot(const struct link *link)
{
	const struct ring *ring = link_ring(link);

	return ring ? ring->snapshot : NULL;
}

// A question for this worker, or NULL. Now and then is often enough.
static inline struct link_desk *link_asked(const struct link *link, unsigned worker)
{
	return link_desk_asked(&link->desks[worker]);
}

static inline void link_quiescent(struct link *link, unsigned worker)
{
	rte_rcu_qsbr_quiescent(link->qsbr, worker);
}

static inline void link_worker_offline(struct link *link, unsigned worker)
{
	rte_rcu_qsbr_thread_offline(link->qsbr, worker);
}

static inline void link_worker_online(struct link *link, unsigned worker)
{
	rte_rcu_qsbr_thread_online(link->qsbr, worker);
}
