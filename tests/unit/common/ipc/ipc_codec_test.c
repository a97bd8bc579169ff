#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/ipc/ipc_codec.h"

struct hello_msg {
	struct ipc_header head;
	struct ipc_hello hello;
};

static struct hello_msg make_hello(void)
{
	return (struct hello_msg){
		.head = ipc_header_make(IPC_HELLO, sizeof(struct ipc_hello)),
		.hello = {.role = IPC_DATAPLANE, .pid = 42, .version = "v"},
	};
}

static enum ipc_verdict decode(const void *bytes, size_t len)
{
	struct ipc_msg msg;

	return ipc_decode(bytes, len, IPC_DATAPLANE, &msg);
}

static void reads_what_it_wrote(void **state)
{
	struct hello_msg bytes = make_hello();
	struct ipc_hello hello;
	struct ipc_msg msg;

	(void)state;
	assert_int_equal(ipc_decode(&bytes, sizeof(bytes), IPC_DATAPLANE, &msg), IPC_OK);
	assert_int_equal(msg.id, IPC_HELLO);
	assert_int_equal(msg.version, IPC_VERSION);
	ipc_payload_get(&msg, &hello);
	assert_memory_equal(&hello, &bytes.hello, sizeof(hello));
}

static void refuses_every_other_length(void **state)
{
	struct hello_msg bytes = make_hello();

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(decode(&bytes, len), IPC_BAD_HEADER);
}

static void refuses_every_spoilt_header_field(void **state)
{
	struct hello_msg bytes = make_hello();

	(void)state;
	bytes.head.magic ^= 1;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_HEADER);
	bytes = make_hello();
	bytes.head.reserved = 1;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_HEADER);
	bytes = make_hello();
	bytes.head.len++;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_HEADER);
	bytes = make_hello();
	bytes.head.len = UINT32_MAX;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_HEADER);
	bytes = make_hello();
	bytes.head.id = 0;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_ID);
	bytes.head.id = UINT16_MAX;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_ID);
	bytes = make_hello();
	bytes.head.id = IPC_SNAPSHOT_ACK;
	assert_int_equal(decode(&bytes, sizeof(bytes)), IPC_BAD_SIZE);
}

static void tells_another_version_and_its_hello_can_be_read(void **state)
{
	struct hello_msg bytes = make_hello();
	struct ipc_msg msg;

	(void)state;
	bytes.head.version = IPC_VERSION + 1;
	assert_int_equal(ipc_decode(&bytes, sizeof(bytes), IPC_DATAPLANE, &msg), IPC_OTHER_VERSION);
	assert_int_equal(msg.version, IPC_VERSION + 1);
	assert_int_equal(msg.id, IPC_HELLO);
}

// Every row: sizes just outside of its limits, and the direction.
static void every_row_has_its_size_and_direction_checked(void **state)
{
	unsigned char *bytes = calloc(1, sizeof(struct ipc_header) + IPC_STATS_MAX + 1);

	(void)state;
	for (unsigned id = 1; ipc_row(id) != NULL; id++) {
		const struct ipc_row *row = ipc_row(id);
		const size_t sizes[] = {row->min, row->max, row->min - 1, row->max + 1};
		enum ipc_role from =
			(row->from & IPC_FROM_DP) != 0 ? IPC_DATAPLANE : IPC_CONTROLPLANE;
		enum ipc_role other = from == IPC_DATAPLANE ? IPC_CONTROLPLANE : IPC_DATAPLANE;

		for (unsigned i = 0; i < 4; i++) {
			struct ipc_header head = ipc_header_make(id, sizes[i]);
			struct ipc_msg msg;

			if (sizes[i] == SIZE_MAX || sizes[i] > IPC_STATS_MAX + 1)
				continue;
			memcpy(bytes, &head, sizeof(head));
			assert_int_equal(ipc_decode(bytes, sizeof(head) + sizes[i], from, &msg),
				i < 2 ? IPC_OK : IPC_BAD_SIZE);
			if (row->from != IPC_FROM_BOTH)
				assert_int_equal(
					ipc_decode(bytes, sizeof(head) + sizes[i], other, &msg),
					IPC_BAD_DIRECTION);
		}
	}
	free(bytes);
}

static void figures_of_all_workers_are_added_up(void **state)
{
	const unsigned n = 3;
	struct stats *stats = aligned_alloc(CACHE_LINE, sizeof(*stats) * n);
	struct stats *sum = aligned_alloc(CACHE_LINE, sizeof(*sum));
	const struct stats *workers[3];
	size_t len = ipc_stats_size(n);
	char *payload = malloc(len + 1);
	const char *error;

	(void)state;
	memset(stats, 0, sizeof(*stats) * n);
	for (unsigned i = 0; i < n; i++) {
		workers[i] = &stats[i];
		for (unsigned k = 0; k < STAT_N; k++)
			stats[i].stat[k] = k * 10 + i;
		for (unsigned k = 0; k < DROP_N; k++)
			stats[i].drop[k] = k + i;
		histogram_add(&stats[i].hist[HIST_payload_size], 100 + i);
	}
	// One byte off, as a message may lie.
	ipc_stats_encode(payload + 1, workers, n);
	assert_int_equal(ipc_stats_decode(payload + 1, len, sum, &error), n);
	assert_null(error);
	for (unsigned k = 0; k < STAT_N; k++)
		assert_int_equal(sum->stat[k], 3 * k * 10 + 3);
	for (unsigned k = 0; k < DROP_N; k++)
		assert_int_equal(sum->drop[k], 3 * k + 3);
	assert_int_equal(sum->hist[HIST_payload_size].count, 3);
	assert_int_equal(sum->hist[HIST_payload_size].max, 102);
	assert_int_equal(sum->hist[HIST_payload_size].sum, 303);
	for (unsigned i = 0; i < n; i++) {
		ipc_stats_worker(payload + 1, i, sum);
		assert_memory_equal(sum, &stats[i], sizeof(*sum));
	}
	free(payload);
	free(sum);
	free(stats);
}

static void figures_of_another_build_are_refused(void **state)
{
	struct stats *stats = aligned_alloc(CACHE_LINE, sizeof(*stats));
	const struct stats *workers[] = {stats};
	size_t len = ipc_stats_size(1);
	char *payload = malloc(len);
	const char *error;

	(void)state;
	memset(stats, 0, sizeof(*stats));
	// Each field of the header, up and down.
	for (size_t field = 0; field < sizeof(struct ipc_stats) / 4; field++) {
		for (int step = -1; step <= 1; step += 2) {
			uint32_t value;

			ipc_stats_encode(payload, workers, 1);
			memcpy(&value, payload + field * 4, 4);
			value += (uint32_t)step;
			memcpy(payload + field * 4, &value, 4);
			assert_int_equal(ipc_stats_decode(payload, len, stats, &error), -1);
			assert_non_null(error);
		}
	}
	ipc_stats_encode(payload, workers, 1);
	assert_int_equal(ipc_stats_decode(payload, len - 1, stats, &error), -1);
	assert_int_equal(ipc_stats_decode(payload, 3, stats, &error), -1);
	free(payload);
	free(stats);
}

static void hostile_text_and_counts_are_tamed(void **state)
{
	struct ipc_status status;
	struct ipc_hello hello;
	struct ipc_snapshot_ack ack;

	(void)state;
	memset(&status, 0xff, sizeof(status));
	memset(&hello, 0xff, sizeof(hello));
	memset(&ack, 0xff, sizeof(ack));
	ipc_status_clean(&status);
	ipc_hello_clean(&hello);
	ipc_ack_clean(&ack);
	assert_int_equal(strlen(status.version), IPC_TEXT_MAX - 1);
	assert_int_equal(strlen(status.port), IPC_TEXT_MAX - 1);
	assert_int_equal(strlen(status.driver), IPC_TEXT_MAX - 1);
	assert_int_equal(status.worker_n, IPC_WORKERS_MAX);
	assert_int_equal(status.addr_n, IPC_ADDRS_MAX);
	assert_int_equal(strlen(hello.version), IPC_TEXT_MAX - 1);
	assert_int_equal(strlen(ack.error), IPC_ERROR_MAX - 1);
}

static void random_bytes_do_no_harm(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (int i = 0; i < 50000; i++) {
		size_t len = rng_below(&rng, 120);
		unsigned char *bytes = malloc(len + 1);
		struct ipc_header head = ipc_header_make(rng_below(&rng, 8), len - sizeof(head));

		for (size_t k = 0; k < len; k++)
			bytes[k] = (unsigned char)rng_u64(&rng);
		if (len >= sizeof(head) && rng_below(&rng, 4) != 0)
			memcpy(bytes, &head, sizeof(head));
		if (decode(bytes, len) == IPC_OK)
			assert_true(len == sizeof(struct hello_msg) ||
				len >= sizeof(head) + sizeof(struct ipc_stats));
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(refuses_every_other_length),
		cmocka_unit_test(refuses_every_spoilt_header_field),
		cmocka_unit_test(tells_another_version_and_its_hello_can_be_read),
		cmocka_unit_test(every_row_has_its_size_and_direction_checked),
		cmocka_unit_test(figures_of_all_workers_are_added_up),
		cmocka_unit_test(figures_of_another_build_are_refused),
		cmocka_unit_test(hostile_text_and_counts_are_tamed),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
