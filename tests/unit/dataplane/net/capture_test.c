#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#include "common/base/rng.h"
#include "dataplane/net/capture.h"
#include "tests/support/eal.h"

#define WALL (UINT64_C(1700000000) * NS_PER_SEC)

static struct rte_mempool *pool;
static struct capture capture;
static const struct mono start = {.ns = 77 * NS_PER_SEC};
static unsigned char got[CAPTURE_BYTES_MAX];

static int group_setup(void **state)
{
	(void)state;
	test_eal_start();
	pool = test_pool_create(2048);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return capture_init(&capture);
}

static int teardown(void **state)
{
	(void)state;
	capture_fini(&capture);
	assert_int_equal(test_pool_in_use(pool), 0);
	return 0;
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static void be16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

struct frame {
	const char *src;
	const char *dst;
	uint16_t src_port;
	uint16_t dst_port;
	bool vlan;
	uint8_t proto;     // 0: TCP
	uint16_t fragment; // offset field of IPv4
	uint8_t options;   // words of IPv4
	uint32_t payload;
};

static struct frame flow(const char *src, const char *dst, uint16_t src_port, uint16_t dst_port)
{
	return (struct frame){.src = src, .dst = dst, .src_port = src_port, .dst_port = dst_port};
}

// Writes the frame; returns its length.
static size_t write_frame(const struct frame *f, unsigned char *p)
{
	struct ip_addr src = addr(f->src);
	struct ip_addr dst = addr(f->dst);
	bool v4 = ip_addr_is_v4(&src);
	size_t at = 12;

	memset(p, 0, 2048);
	if (f->vlan) {
		be16(p + at, RTE_ETHER_TYPE_VLAN);
		at += 4;
	}
	be16(p + at, v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	at += 2;
	if (v4) {
		p[at] = (unsigned char)(0x45 + f->options);
		be16(p + at + 6, f->fragment);
		p[at + 9] = f->proto != 0 ? f->proto : IPPROTO_TCP;
		memcpy(p + at + 12, src.b + 12, 4);
		memcpy(p + at + 16, dst.b + 12, 4);
		at += 20 + f->options * 4u;
	} else {
		p[at] = 0x60;
		p[at + 6] = f->proto != 0 ? f->proto : IPPROTO_TCP;
		memcpy(p + at + 8, src.b, 16);
		memcpy(p + at + 24, dst.b, 16);
		at += 40;
	}
	be16(p + at, f->src_port);
	be16(p + at + 2, f->dst_port);
	at += 20;
	memset(p + at, 'x', f->payload);
	return at + f->payload;
}

// In pieces of `cut` bytes; 0: in one.
static struct rte_mbuf *make(const unsigned char *bytes, size_t len, size_t cut)
{
	struct rte_mbuf *head = NULL;

	for (size_t at = 0; at < len || head == NULL;) {
		size_t n = cut == 0 || len - at < cut ? len - at : cut;
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes + at, n);
		at += n;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void take_bytes(const unsigned char *bytes, size_t len, size_t cut, uint64_t later)
{
	struct rte_mbuf *m = make(bytes, len, cut);

	capture_take(&capture, &m, 1, mono_add(start, later));
	rte_pktmbuf_free(m);
}

static size_t take(struct frame f)
{
	unsigned char bytes[2048];
	size_t len = write_frame(&f, bytes);

	take_bytes(bytes, len, 0, 0);
	return len;
}

static struct ipc_capture_limits limits(void)
{
	return (struct ipc_capture_limits){
		.packets = 1000, .bytes = 1 << 20, .ms = 10000, .snap = 2000};
}

static void begin(uint64_t id, struct ipc_capture_limits l)
{
	assert_int_equal(capture_start(&capture, id, &l, start, WALL - start.ns), IPC_ASK_OK);
}

static struct ipc_capture_state state_of(uint64_t id, uint64_t later)
{
	struct ipc_capture_state states[IPC_CAPTURES_MAX];

	capture_states(&capture, mono_add(start, later), states);
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++)
		if (states[i].id == id)
			return states[i];
	return (struct ipc_capture_state){0};
}

static uint32_t packets(uint64_t id)
{
	return state_of(id, 0).packets;
}

static void records_have_time_lengths_and_bytes(void **state)
{
	unsigned char bytes[2048];
	struct frame f = {"192.0.2.7", "192.0.2.1", 4000, 8102, .payload = 300};
	size_t len = write_frame(&f, bytes);
	struct ipc_capture_limits l = limits();
	uint32_t record[4];
	uint32_t n;

	(void)state;
	l.port = 4000;
	begin(1, l);
	take_bytes(bytes, len, 0, 5 * NS_PER_SEC + 7);
	take_bytes(bytes, len, 3, 6 * NS_PER_SEC); // the headers in many pieces
	assert_int_equal(capture_read(&capture, 1, 0, sizeof(got), got, &n), IPC_ASK_OK);
	assert_int_equal(n, 2 * (16 + len));
	memcpy(record, got, sizeof(record));
	assert_int_equal(record[0], WALL / NS_PER_SEC + 5);
	assert_int_equal(record[1], 7);
	assert_int_equal(record[2], len);
	assert_int_equal(record[3], len);
	assert_memory_equal(got + 16, bytes, len);
	assert_memory_equal(got + 16 + len + 16, bytes, len);
	// In pieces, and beyond the end.
	assert_int_equal(capture_read(&capture, 1, 16, 5, got, &n), IPC_ASK_OK);
	assert_int_equal(n, 5);
	assert_memory_equal(got, bytes, 5);
	assert_int_equal(capture_read(&capture, 1, 100000, 5, got, &n), IPC_ASK_OK);
	assert_int_equal(n, 0);
	assert_int_equal(capture_read(&capture, 2, 0, 5, got, &n), IPC_ASK_NO_CAPTURE);
}

static void only_the_chosen_flow_is_taken(void **state)
{
	struct ipc_capture_limits by_port = limits();
	struct ipc_capture_limits by_addr = limits();
	struct ipc_capture_limits both = limits();
	struct ipc_capture_limits v6 = limits();

	(void)state;
	by_port.port = both.port = 4000;
	by_addr.remote = both.remote = addr("192.0.2.7");
	v6.remote = addr("2001:db8::7");
	begin(1, by_port);
	begin(2, by_addr);
	begin(3, both);
	begin(4, v6);
	take(flow("192.0.2.7", "192.0.2.1", 4000, 8102));
	take(flow("192.0.2.1", "192.0.2.7", 8102, 4000));
	take(flow("192.0.2.8", "192.0.2.1", 4000, 8102)); // the port alone
	take(flow("192.0.2.7", "192.0.2.1", 4001, 8102)); // the address alone
	take(flow("192.0.2.8", "192.0.2.1", 4001, 8102)); // neither
	take(flow("2001:db8::7", "2001:db8::1", 4000, 8102));
	take(flow("2001:db8::8", "2001:db8::1", 1, 2));
	assert_int_equal(packets(1), 4);
	assert_int_equal(packets(2), 3);
	assert_int_equal(packets(3), 2);
	assert_int_equal(packets(4), 1);
}

static void ports_are_found_where_they_are(void **state)
{
	struct ipc_capture_limits l = limits();

	(void)state;
	l.port = 4000;
	begin(1, l);
	take((struct frame){"192.0.2.7", "192.0.2.1", 4000, 8102, .vlan = true});
	assert_int_equal(packets(1), 1);
	take((struct frame){"192.0.2.7", "192.0.2.1", 4000, 8102, .options = 10});
	assert_int_equal(packets(1), 2);
	take((struct frame){"2001:db8::7", "2001:db8::1", 8102, 4000, .vlan = true});
	assert_int_equal(packets(1), 3);
	take((struct frame){"192.0.2.7", "192.0.2.1", 4000, 53, .proto = IPPROTO_UDP});
	assert_int_equal(packets(1), 4);
	// A later fragment, and another protocol, have bytes there that are no ports.
	take((struct frame){"192.0.2.7", "192.0.2.1", 4000, 8102, .fragment = 5});
	take((struct frame){"192.0.2.7", "192.0.2.1", 4000, 8102, .proto = IPPROTO_ICMP});
	assert_int_equal(packets(1), 4);
}

static void captures_end_at_their_limits(void **state)
{
	struct frame f = {"192.0.2.7", "192.0.2.1", 4000, 8102, .payload = 300};
	struct ipc_capture_limits few = limits();
	struct ipc_capture_limits small = limits();
	struct ipc_capture_limits brief = limits();

	(void)state;
	few.port = small.port = brief.port = 4000;
	few.packets = 3;
	small.bytes = 1000;
	small.snap = 1; // raised
	brief.ms = 20;
	begin(1, few);
	begin(2, small);
	begin(3, brief);
	assert_int_equal(state_of(3, 0).left_ms, 20);
	for (unsigned i = 0; i < 20; i++)
		take(f);
	assert_int_equal(packets(1), 3);
	assert_false(state_of(1, 0).running);
	assert_int_equal(packets(2), 1000 / (16 + CAPTURE_SNAP_MIN));
	assert_int_equal(state_of(2, 0).bytes, packets(2) * (16 + CAPTURE_SNAP_MIN));
	assert_false(state_of(2, 0).running);
	assert_int_equal(packets(3), 20);
	assert_true(state_of(3, 19 * NS_PER_MS).running);
	assert_false(state_of(3, 20 * NS_PER_MS).running);
	assert_true(capture_on(&capture));
	capture_advance(&capture, mono_add(start, 20 * NS_PER_MS));
	assert_false(capture_on(&capture));
	take(f);
	assert_int_equal(packets(3), 20);
}

static void the_largest_capture_fits_its_memory(void **state)
{
	struct frame f = {"192.0.2.7", "192.0.2.1", 4000, 8102, .payload = 1400};
	struct ipc_capture_limits l = limits();
	uint32_t n;

	(void)state;
	l.port = 4000;
	l.packets = UINT32_MAX;
	l.bytes = UINT32_MAX;
	l.ms = UINT32_MAX;
	begin(1, l);
	for (unsigned i = 0; i < 4000; i++)
		take(f);
	assert_false(state_of(1, 0).running);
	assert_int_equal(state_of(1, 0).limits.ms, CAPTURE_MS_MAX);
	assert_in_range(state_of(1, 0).bytes, CAPTURE_BYTES_MAX - 2000, CAPTURE_BYTES_MAX);
	assert_int_equal(capture_read(&capture, 1, 0, sizeof(got), got, &n), IPC_ASK_OK);
	assert_int_equal(n, state_of(1, 0).bytes);
}

static void as_many_run_as_may_and_ended_ones_give_way(void **state)
{
	struct ipc_capture_limits l = limits();

	(void)state;
	l.port = 4000;
	for (uint64_t id = 1; id <= IPC_CAPTURES_MAX; id++)
		begin(id, l);
	begin(2, l); // once more: it is the same
	assert_int_equal(capture_start(&capture, 9, &l, start, WALL - start.ns), IPC_ASK_NO_ROOM);
	take(flow("192.0.2.7", "192.0.2.1", 4000, 8102));
	assert_int_equal(capture_stop(&capture, 3), IPC_ASK_OK);
	assert_int_equal(capture_stop(&capture, 3), IPC_ASK_NO_CAPTURE);
	assert_int_equal(capture_stop(&capture, 0), IPC_ASK_NO_CAPTURE);
	begin(9, l);
	assert_int_equal(packets(9), 0);
	assert_int_equal(packets(2), 1);
	// All end; the oldest gives way first, time after time.
	capture_advance(&capture, mono_add(start, 10 * NS_PER_SEC));
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++) {
		static const uint64_t gone[IPC_CAPTURES_MAX] = {1, 2, 4, 9};

		assert_int_equal(state_of(gone[i], 0).id, gone[i]);
		begin(10 + i, l);
		assert_int_equal(state_of(gone[i], 0).id, 0);
	}
	assert_int_equal(
		capture_start(&capture, 0, &l, start, WALL - start.ns), IPC_ASK_NO_CAPTURE);
}

static void rubbish_is_left_alone(void **state)
{
	unsigned char bytes[2048];
	struct frame f = {"192.0.2.7", "192.0.2.1", 4000, 8102, .vlan = true};
	struct ipc_capture_limits l = limits();
	struct rng rng;
	size_t len = write_frame(&f, bytes);

	(void)state;
	rng_seed(&rng, 1);
	l.port = 4000;
	begin(1, l);
	// Cut off anywhere before the ports.
	for (size_t n = 1; n < 14 + 4 + 20 + 4; n++)
		take_bytes(bytes, n, 0, 0);
	assert_int_equal(packets(1), 0);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 1 + rng_below(&rng, (uint32_t)len);

		(void)write_frame(&f, bytes);
		for (unsigned k = 0; k < 4; k++)
			bytes[rng_below(&rng, (uint32_t)len)] = (unsigned char)rng_u64(&rng);
		take_bytes(bytes, n, rng_below(&rng, 20), 0);
	}
	assert_true(packets(1) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_have_time_lengths_and_bytes),
		TEST(only_the_chosen_flow_is_taken),
		TEST(ports_are_found_where_they_are),
		TEST(captures_end_at_their_limits),
		TEST(the_largest_capture_fits_its_memory),
		TEST(as_many_run_as_may_and_ended_ones_give_way),
		TEST(rubbish_is_left_alone),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
