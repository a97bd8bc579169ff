#include "tests/unit/common/conf/conf_support.h"

#include "common/conf/conf_yaml.h"

// Events as text: S(name) K(name) V(value) E, and R for an end after a refusal.
static void note(void *ctx, const struct conf_yaml_event *e)
{
	static const char letter[] = "SKVE";
	FILE *out = ctx;

	if (e->kind == CONF_YAML_KEY_END)
		fputs(e->refused ? "R" : "E", out);
	else
		fprintf(out, "%c%u(%.*s)", letter[e->kind], e->line, SLICE_ARG(e->text));
}

static void assert_events(const char *yaml, const char *events, bool ok, unsigned errors)
{
	struct conf_report report;
	char *text;
	bool went = false;

	conf_report_init(&report);
	CAPTURE(text, went = conf_yaml_read(slice_str(yaml), note, out, &report));
	assert_string_equal(text, events);
	assert_int_equal(went, ok);
	assert_int_equal(report.errors, errors);
	conf_report_free(&report);
	free(text);
}

static void test_shapes(void **state)
{
	(void)state;
	assert_events("a:\n  b: c\n  d: [e, 'f g']\n  h:\n    - i\n",
		"S1(a)K2(b)V2(c)EK3(d)V3(e)V3(f g)EK4(h)V5(i)E", true, 0);
	assert_events("{a: {b: c}, d: {}}", "S1(a)K1(b)V1(c)ES1(d)", true, 0);
	assert_events("# only\n", "", true, 0);
	assert_events("", "", true, 0);
	assert_events("a:\nb:\n  c: []\n", "S1(a)S2(b)K3(c)E", true, 0);
	assert_events("a:\n  b:\n", "S1(a)K2(b)V2()E", true, 0);
}

static void test_refused_shapes(void **state)
{
	(void)state;
	assert_events("text\n", "", false, 1);
	assert_events("- a\n", "", false, 1);
	assert_events("a: b\nc: [d]\ne:\n  f: g\n", "S1(a)S2(c)S3(e)K4(f)V4(g)E", true, 2);
	assert_events("a:\n  b: {c: [d, {e: f}]}\n  g: h\n", "S1(a)K2(b)RK3(g)V3(h)E", true, 1);
	assert_events("a:\n  b: [[c, [d]], e]\n", "S1(a)K2(b)V2(e)R", true, 1);
	assert_events("a:\n  ? [b]\n  : c\n", "S1(a)", false, 1);
}

static void test_refused_extras(void **state)
{
	(void)state;
	assert_events("a:\n  b: &x c\n  d: *x\n", "S1(a)K2(b)V2(c)RK3(d)R", true, 2);
	assert_events("a:\n  b: !!str c\n", "S1(a)K2(b)V2(c)R", true, 1);
	assert_events("a: &x\n  b: c\n", "S1(a)K2(b)V2(c)E", true, 1);
}

static void test_documents(void **state)
{
	(void)state;
	assert_events("%YAML 1.1\n---\na:\n  b: c\n...\n", "S3(a)K4(b)V4(c)E", true, 0);
	assert_events("a:\n  b: c\n---\na:\n  b: d\n", "S1(a)K2(b)V2(c)E", true, 1);
}

static void test_not_yaml(void **state)
{
	(void)state;
	assert_events("a:\n  b: [c\n", "S1(a)K2(b)V2(c)", false, 1);
	assert_events("a:\n\tb: c\n", "S1(a)", false, 1);
	assert_events("a: 'b\n", "S1(a)", false, 1);
	assert_events("a:\n  b: c\n d: e\n", "S1(a)K2(b)V2(c)E", false, 1);
}

// Nesting is refused at once, however deep it goes on.
static void test_deep_nesting(void **state)
{
	char *deep = malloc(200000 + 64);
	struct conf_report report;
	char *text;

	(void)state;
	assert_non_null(deep);
	strcpy(deep, "a:\n  b: ");
	memset(deep + 8, '[', 200000);
	deep[200008] = '\0';
	conf_report_init(&report);
	CAPTURE(text, conf_yaml_read(slice_str(deep), note, out, &report));
	assert_string_equal(text, "S1(a)K2(b)");
	assert_true(report.errors >= 1);
	free(text);
	conf_report_free(&report);
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refused_shapes),
		cmocka_unit_test(test_refused_extras),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_not_yaml),
		cmocka_unit_test(test_deep_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
