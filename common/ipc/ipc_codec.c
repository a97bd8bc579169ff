#include "common/ipc/ipc_codec.h"

#include <string.h>

#include "common/base/siphash.h"

static const struct ipc_row rows[] = {
#define MSG(name, id, from, min, max, help) {#name, IPC_##name, (from), (min), (max), help},
#include "common/ipc/ipc.def"
#undef MSG
};

const struct ipc_row *ipc_row(unsigned id)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((unsigned)rows[i].id == id)
			return &rows[i];
	return NULL;
}

enum ipc_verdict ipc_decode(const void *bytes, size_t len, enum ipc_role from, struct ipc_msg *msg)
{
	const struct ipc_row *row;
	struct ipc_header head;

	*msg = (struct ipc_msg){0};
	if (len < sizeof(head))
		return IPC_BAD_HEADER;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != IPC_MAGIC || head.len != len - sizeof(head) || head.reserved != 0)
		return IPC_BAD_HEADER;
	*msg = (struct ipc_msg){
		.id = head.id,
		.version = head.version,
		.payload = (const char *)bytes + sizeof(head),
		.len = head.len,
	};
	if (head.version != IPC_VERSION)
		return IPC_OTHER_VERSION;
	row = ipc_row(head.id);
	if (row == NULL)
		return IPC_BAD_ID;
	if ((row->from & (1u << from)) == 0)
		return IPC_BAD_DIRECTION;
	return head.len >= row->min && head.len <= row->max ? IPC_OK : IPC_BAD_SIZE;
}

const char *ipc_verdict_text(enum ipc_verdict verdict)
{
	static const char *const text[] = {
		[IPC_OK] = "well-formed",
		[IPC_OTHER_VERSION] = "of another version",
		[IPC_BAD_HEADER] = "malformed header",
		[IPC_BAD_ID] = "unknown kind",
		[IPC_BAD_DIRECTION] = "kind that only the other side may send",
		[IPC_BAD_SIZE] = "size out of range for its kind",
	};

	return text[verdict];
}

struct ipc_header ipc_header_make(enum ipc_id id, size_t payload_len)
{
	return (struct ipc_header){
		.magic = IPC_MAGIC,
		.version = IPC_VERSION,
		.id = (uint16_t)id,
		.len = (uint32_t)payload_len,
	};
}

static uint64_t hash_names(uint64_t hash, const struct stat_row *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct siphash_key key = {.k = {hash, n}};

		hash = siphash(&key, names[i].name, strlen(names[i].name));
	}
	return hash;
}

uint32_t ipc_stats_rows(void)
{
	uint64_t hash = hash_names(0, stat_rows, STAT_N);

	hash = hash_names(hash, drop_rows, DROP_N);
	hash = hash_names(hash, hist_rows, HIST_N);
	return (uint32_t)(hash ^ (hash >> 32));
}

static struct ipc_stats stats_head(unsigned worker_n)
{
	return (struct ipc_stats){
		.worker_n = worker_n,
		.stat_n = STAT_N,
		.drop_n = DROP_N,
		.hist_n = HIST_N,
		.bucket_n = HISTOGRAM_BUCKETS,
		.rows = ipc_stats_rows(),
	};
}

size_t ipc_stats_size(unsigned worker_n)
{
	return sizeof(struct ipc_stats) + worker_n * IPC_STATS_WORKER_SIZE;
}

void ipc_stats_encode(void *out, const struct stats *const *workers, unsigned worker_n)
{
	struct ipc_stats head = stats_head(worker_n);
	char *p = out;

	memcpy(p, &head, sizeof(head));
	p += sizeof(head);
	for (unsigned i = 0; i < worker_n; i++) {
		memcpy(p, workers[i]->stat, sizeof(workers[i]->stat));
		p += sizeof(workers[i]->stat);
		memcpy(p, workers[i]->drop, sizeof(workers[i]->drop));
		p += sizeof(workers[i]->drop);
		memcpy(p, workers[i]->hist, sizeof(workers[i]->hist));
		p += sizeof(workers[i]->hist);
	}
}

static const char *add_u64(uint64_t *into, const char *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++, p += sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, p, sizeof(v));
		into[i] += v;
	}
	return p;
}

static const char *add_hist(struct histogram *into, const char *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++, p += sizeof(struct histogram)) {
		struct histogram h;

		memcpy(&h, p, sizeof(h));
		histogram_merge(&into[i], &h);
	}
	return p;
}

static const char *add_worker(struct stats *into, const char *p)
{
	p = add_u64(into->stat, p, STAT_N);
	p = add_u64(into->drop, p, DROP_N);
	return add_hist(into->hist, p, HIST_N);
}

int ipc_stats_decode(const void *payload, size_t len, struct stats *sum, const char **error)
{
	const char *p = payload;
	struct ipc_stats head;
	struct ipc_stats want;

	*error = "shorter than its header";
	if (len < sizeof(head))
		return -1;
	memcpy(&head, p, sizeof(head));
	want = stats_head(head.worker_n);
	*error = "of another build; install both programs from the same one";
	if (memcmp(&head, &want, sizeof(head)) != 0)
		return -1;
	*error = "length does not match the number of workers";
	if (head.worker_n > IPC_WORKERS_MAX || len != ipc_stats_size(head.worker_n))
		return -1;
	*error = NULL;
	memset(sum, 0, sizeof(*sum));
	p += sizeof(head);
	for (uint32_t i = 0; i < head.worker_n; i++)
		p = add_worker(sum, p);
	return (int)head.worker_n;
}

void ipc_stats_worker(const void *payload, unsigned worker, struct stats *out)
{
	const char *p = payload;

	memset(out, 0, sizeof(*out));
	(void)add_worker(out, p + ipc_stats_size(worker));
}

void ipc_hello_clean(struct ipc_hello *hello)
{
	hello->version[sizeof(hello->version) - 1] = '\0';
}

void ipc_ack_clean(struct ipc_snapshot_ack *ack)
{
	ack->error[sizeof(ack->error) - 1] = '\0';
}

void ipc_status_clean(struct ipc_status *status)
{
	status->version[sizeof(status->version) - 1] = '\0';
	status->port[sizeof(status->port) - 1] = '\0';
	status->driver[sizeof(status->driver) - 1] = '\0';
	if (status->worker_n > IPC_WORKERS_MAX)
		status->worker_n = IPC_WORKERS_MAX;
	if (status->addr_n > IPC_ADDRS_MAX)
		status->addr_n = IPC_ADDRS_MAX;
}
