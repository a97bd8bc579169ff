// The threads: with the system's resolver for names that need no network, and with lookups that
// block until the test lets them go.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/cluster/resolver.h"

#define WAIT_MS 15000

static sem_t entered;
static sem_t gate;
static sem_t left;

static int setup(void **state)
{
	(void)state;
	return sem_init(&entered, 0, 0) + sem_init(&gate, 0, 0) + sem_init(&left, 0, 0);
}

static int teardown(void **state)
{
	(void)state;
	return sem_destroy(&entered) + sem_destroy(&gate) + sem_destroy(&left);
}

// Numbers its answers by the last letter of the name.
static void gated(struct resolver_answer *answer)
{
	sem_post(&entered);
	sem_wait(&gate);
	answer->addr_n = 1;
	answer->addr[0] = ip_addr_from_v4((uint32_t)answer->host[strlen(answer->host) - 1]);
	sem_post(&left);
}

static bool next(struct resolver *resolver, struct resolver_answer *answer)
{
	struct pollfd fd = {.fd = resolver_fd(resolver), .events = POLLIN};

	while (!resolver_next(resolver, answer))
		if (poll(&fd, 1, WAIT_MS) != 1)
			return false;
	return true;
}

static void the_system_knows_localhost_and_not_what_is_invalid(void **state)
{
	struct resolver *resolver = resolver_new(resolver_system);
	struct resolver_answer answer;
	bool seen_good = false;
	bool seen_bad = false;

	(void)state;
	assert_non_null(resolver);
	resolver_ask(resolver, "localhost");
	resolver_ask(resolver, "192.0.2.77");
	resolver_ask(resolver, "a..b"); // no name at all, so that no server is asked
	for (int i = 0; i < 3; i++) {
		assert_true(next(resolver, &answer));
		if (strcmp(answer.host, "a..b") == 0) {
			assert_int_equal(answer.addr_n, 0);
			assert_non_null(answer.error);
			seen_bad = true;
			continue;
		}
		assert_null(answer.error);
		assert_true(answer.addr_n >= 1);
		if (strcmp(answer.host, "192.0.2.77") == 0) {
			assert_int_equal(answer.addr_n, 1);
			assert_int_equal(answer.addr[0].b[15], 77);
			seen_good = true;
		}
	}
	assert_true(seen_good && seen_bad);
	assert_false(resolver_next(resolver, &answer));
	resolver_free(resolver);
}

static void the_queue_is_bounded_and_every_name_answered(void **state)
{
	struct resolver *resolver = resolver_new(gated);
	struct resolver_answer answer;
	char host[16];
	unsigned asked = 0;
	unsigned sum = 0;

	(void)state;
	for (; resolver_has_room(resolver); asked++) {
		snprintf(host, sizeof(host), "name%c", (char)('0' + asked));
		resolver_ask(resolver, host);
	}
	assert_int_equal(asked, RESOLVER_WAITING_MAX);
	assert_false(resolver_next(resolver, &answer));
	// As many as there are threads are asked for at once.
	for (unsigned i = 0; i < RESOLVER_THREADS; i++)
		sem_wait(&entered);
	assert_false(resolver_has_room(resolver));
	for (unsigned i = 0; i < asked; i++)
		sem_post(&gate);
	for (unsigned i = 0; i < asked; i++) {
		assert_true(next(resolver, &answer));
		assert_int_equal(answer.addr_n, 1);
		assert_int_equal(ip_addr_v4(&answer.addr[0]), answer.host[4]);
		sum += (unsigned)answer.host[4] - '0';
		assert_true(resolver_has_room(resolver));
	}
	assert_int_equal(sum, asked * (asked - 1) / 2);
	resolver_free(resolver);
}

static void threads_that_hang_hold_up_nobody(void **state)
{
	struct resolver *resolver = resolver_new(gated);

	(void)state;
	for (unsigned i = 0; i < RESOLVER_THREADS + 3; i++)
		resolver_ask(resolver, "x");
	for (unsigned i = 0; i < RESOLVER_THREADS; i++)
		sem_wait(&entered);
	resolver_free(resolver); // returns while they hang
	for (unsigned i = 0; i < RESOLVER_THREADS; i++)
		sem_post(&gate);
	for (unsigned i = 0; i < RESOLVER_THREADS; i++)
		sem_wait(&left);
	// What waited is not asked any more.
	assert_int_equal(sem_trywait(&entered), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_system_knows_localhost_and_not_what_is_invalid),
		TEST(the_queue_is_bounded_and_every_name_answered),
		TEST(threads_that_hang_hold_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
