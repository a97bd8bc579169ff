#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/list.h"

struct item {
	int value;
	struct list link;
};

static void expect(struct list *head, const int *values, unsigned n)
{
	unsigned i = 0;

	list_for_each (pos, head) {
		assert_true(i < n);
		assert_int_equal(list_entry(pos, struct item, link)->value, values[i++]);
		assert_ptr_equal(pos->next->prev, pos);
		assert_ptr_equal(pos->prev->next, pos);
	}
	assert_int_equal(i, n);
}

static void keeps_order(void **state)
{
	struct list head = LIST_SELF(head);
	struct item item[3] = {{.value = 1}, {.value = 2}, {.value = 3}};

	(void)state;
	assert_true(list_empty(&head));
	assert_null(list_pop_front(&head));
	list_push_back(&head, &item[1].link);
	list_push_back(&head, &item[2].link);
	list_push_front(&head, &item[0].link);
	expect(&head, (const int[]){1, 2, 3}, 3);
	list_remove(&item[1].link);
	assert_false(list_linked(&item[1].link));
	list_remove(&item[1].link); // twice is harmless
	expect(&head, (const int[]){1, 3}, 2);
	assert_ptr_equal(list_pop_front(&head), &item[0].link);
	assert_ptr_equal(list_pop_front(&head), &item[2].link);
	assert_true(list_empty(&head));
}

static void splices_all_and_leaves_the_source_empty(void **state)
{
	struct list a = LIST_SELF(a);
	struct list b = LIST_SELF(b);
	struct item item[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};

	(void)state;
	list_splice_back(&a, &b);
	assert_true(list_empty(&a));
	for (int i = 0; i < 4; i++)
		list_push_back(i < 2 ? &a : &b, &item[i].link);
	list_splice_back(&a, &b);
	expect(&a, (const int[]){1, 2, 3, 4}, 4);
	assert_true(list_empty(&b));
	list_splice_back(&b, &a);
	expect(&b, (const int[]){1, 2, 3, 4}, 4);
}

static void may_lose_the_current_one_while_walking(void **state)
{
	struct list head = LIST_SELF(head);
	struct item item[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		item[i].value = i;
		list_push_back(&head, &item[i].link);
	}
	list_for_each_safe (pos, tmp, &head) {
		if (list_entry(pos, struct item, link)->value % 2 == 0)
			list_remove(pos);
	}
	expect(&head, (const int[]){1, 3, 5}, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(splices_all_and_leaves_the_source_empty),
		cmocka_unit_test(may_lose_the_current_one_while_walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
