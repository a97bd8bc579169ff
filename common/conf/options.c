#include "common/conf/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/slice.h"

enum action {
	ACTION_RUN,
	ACTION_TEST_CONF,
	ACTION_PRINT_CONF,
	ACTION_DESCRIBE_STATS,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_PRINT_REFERENCE,
	ACTION_PRINT_DOCS,
};

// One run over the command line.
struct parse {
	const struct options_program *program;
	struct options *options;
	enum action action; // the last one asked for
	const char *mbuf_size;
	const char *max_msgs;
};

// Says what is wrong and what to do; always false, to be returned.
static bool complain(const struct parse *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool complain(const struct parse *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", p->program->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry \"%s --help\".\n", p->program->name);
	return false;
}

// --- one function a row of options.def

#define TAKE_ACTION(name, asked)                                  \
	static bool take_##name(struct parse *p, const char *arg) \
	{                                                         \
		(void)arg;                                        \
		p->action = asked;                                \
		return true;                                      \
	}

TAKE_ACTION(test_conf, ACTION_TEST_CONF)
TAKE_ACTION(print_conf, ACTION_PRINT_CONF)
TAKE_ACTION(describe_stats, ACTION_DESCRIBE_STATS)
TAKE_ACTION(version, ACTION_VERSION)
TAKE_ACTION(help, ACTION_HELP)
TAKE_ACTION(print_reference, ACTION_PRINT_REFERENCE)
TAKE_ACTION(print_docs, ACTION_PRINT_DOCS)

static bool take_conf_file(struct parse *p, const char *arg)
{
	p->options->conf_file = arg;
	return true;
}

static bool take_pid_file(struct parse *p, const char *arg)
{
	p->options->pid_file = arg;
	return true;
}

static bool take_output(struct parse *p, const char *arg)
{
	p->options->output = arg;
	return true;
}

static bool take_daemonize(struct parse *p, const char *arg)
{
	(void)arg;
	p->options->daemonize = true;
	return true;
}

static bool take_verbosity(struct parse *p, const char *arg)
{
	uint64_t level;

	if (!slice_to_u64(slice_str(arg), &level))
		return complain(p,
			"option -v/--verbosity: value \"%s\": must be a number from 0 to %d", arg,
			LOG_LEVEL_MAX);
	p->options->verbosity = level < LOG_LEVEL_MAX ? (int)level : LOG_LEVEL_MAX;
	return true;
}

static bool take_mbuf_size(struct parse *p, const char *arg)
{
	p->mbuf_size = arg;
	return true;
}

static bool take_max_msgs(struct parse *p, const char *arg)
{
	p->max_msgs = arg;
	return true;
}

static bool take_gone(struct parse *p, const char *arg)
{
	(void)arg;
	return complain(p,
		"options -x/--admin-operation and -y/--admin-param are not supported: "
		"leave them out, and use the REST interface on stats_listen");
}

// --- the rows

static const struct option_row {
	const char *name;
	const char *argument;
	const char *help; // NULL: hidden
	bool (*take)(struct parse *p, const char *arg);
	int letter; // 0: none
} rows[] = {
#define OPTION(letter_, name_, argument_, taker, help_) \
	{name_, argument_, help_, take_##taker, letter_},
#include "common/conf/options.def"
#undef OPTION
};

#define ROW_N ARRAY_LEN(rows)

// What getopt_long returns for row i is ROW_BASE + i: more than any letter.
#define ROW_BASE 256

// The rows as getopt_long wants them.
struct getopt_tables {
	struct option longs[ROW_N + 1];
	char shorts[2 * ROW_N + 2];
};

static void tables_make(struct getopt_tables *t)
{
	char *s = t->shorts;

	*t = (struct getopt_tables){.shorts = ""};
	*s++ = ':'; // a missing argument is told apart
	for (size_t i = 0; i < ROW_N; i++) {
		t->longs[i].name = rows[i].name;
		t->longs[i].has_arg = rows[i].argument != NULL ? required_argument : no_argument;
		t->longs[i].val = ROW_BASE + (int)i;
		if (rows[i].letter == 0)
			continue;
		*s++ = (char)rows[i].letter;
		if (rows[i].argument != NULL)
			*s++ = ':';
	}
}

static const struct option_row *row_of(int found)
{
	if (found >= ROW_BASE)
		return &rows[found - ROW_BASE];
	for (size_t i = 0; i < ROW_N; i++)
		if (rows[i].letter == found)
			return &rows[i];
	return NULL;
}

static bool refuse_option(const struct parse *p, int found, const char *last)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *name = optopt > 0 && optopt < ROW_BASE ? letter : last;

	if (found == ':')
		return complain(p, "option %s needs an argument", name);
	if (strchr(last, '=') != NULL && optopt >= ROW_BASE)
		return complain(p, "option %s: takes no argument", name);
	return complain(p, "unknown option %s", name);
}

static bool parse_all(struct parse *p, int argc, char **argv)
{
	struct getopt_tables tables;
	int found;

	tables_make(&tables);
	opterr = 0;
	optind = 0; // begin anew, also when it was called before
	while ((found = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(found);

		if (row == NULL)
			return refuse_option(p, found, argv[optind - 1]);
		if (!row->take(p, optarg))
			return false;
	}
	if (p->options->daemonize && p->options->output == NULL)
		fprintf(stderr, "%s: warning: -d without -o FILE: the log is lost\n",
			p->program->name);
	if (optind < argc)
		return complain(
			p, "unexpected \"%s\": the configuration is named with -c", argv[optind]);
	return true;
}

// --- what is done without a configuration

static void print_help(const struct options_program *program)
{
	const char *name = program->name;

	printf("%s: %s\n\nUsage: %s [-c FILE] [option ...]\n\n", name, program->purpose, name);
	for (size_t i = 0; i < ROW_N; i++) {
		const struct option_row *row = &rows[i];
		char left[40];
		char letter[5] = "    ";

		if (row->help == NULL)
			continue;
		if (row->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
			row->argument != NULL ? " " : "",
			row->argument != NULL ? row->argument : "");
		printf("  %-24s %s\n", left, row->help);
	}
	printf("\nExamples:\n"
	       "  %s -c conf/dynomite.yml -t   is the file right?\n"
	       "  %s -c conf/dynomite.yml      run; the log is on the terminal\n"
	       "  %s --print-reference         every key of the file, with its default\n"
	       "  %s -d -p /run/dynomite/%s.pid -o /var/log/%s.log\n",
		name, name, name, name, name, name);
	printf("\nSignals: SIGINT and SIGTERM stop it, SIGHUP opens the log file again, SIGTTIN "
	       "and\n"
	       "SIGTTOU raise and lower the log level.\n"
	       "Exit codes: 0 done as asked; 1 a bad option or configuration, or it could not "
	       "run.\n");
}

// True when there was something to do and it is done.
static bool act_without_conf(const struct parse *p)
{
	switch (p->action) {
	case ACTION_RUN:
	case ACTION_TEST_CONF:
	case ACTION_PRINT_CONF:
		return false;
	case ACTION_DESCRIBE_STATS:
		p->program->describe_stats(stdout);
		break;
	case ACTION_VERSION:
		printf("This is %s-%s\n", p->program->name, p->program->version);
		break;
	case ACTION_HELP:
		print_help(p->program);
		break;
	case ACTION_PRINT_REFERENCE:
		conf_reference(stdout);
		break;
	case ACTION_PRINT_DOCS:
		conf_markdown(stdout);
		break;
	}
	return true;
}

// --- what needs one

// The file wins over the command line, as in the original.
static bool apply(const struct parse *p, struct conf *conf, enum conf_key key, const char *text)
{
	struct conf_report report;
	bool ok;

	if (text == NULL)
		return true;
	conf_report_init(&report);
	report.file = "command line";
	ok = conf_set_unset(conf, key, text, &report);
	conf_report_print(&report, stderr);
	conf_report_free(&report);
	return ok || complain(p, "an option is out of range");
}

static struct conf *load(const struct parse *p)
{
	const char *file = p->options->conf_file;
	struct conf_report report;
	struct conf *conf;

	conf_report_init(&report);
	conf = conf_load(file, p->program->role, &report);
	conf_report_print(&report, stderr);
	conf_report_free(&report);
	if (p->action == ACTION_TEST_CONF)
		fprintf(stderr, "%s: configuration file '%s' syntax is %s\n", p->program->name,
			file, conf != NULL ? "valid" : "invalid");
	if (conf != NULL && apply(p, conf, CONF_pool_mbuf_size, p->mbuf_size) &&
		apply(p, conf, CONF_pool_max_msgs, p->max_msgs))
		return conf;
	conf_free(conf);
	return NULL;
}

static bool open_log(const struct parse *p)
{
	int rc = log_open(p->options->output);

	log_set_level(p->options->verbosity);
	return rc == 0 ||
		complain(p, "option -o/--output: %s: %s; name a file that can be written to",
			p->options->output, strerror(-rc));
}

bool options_run(const struct options_program *program, int argc, char **argv,
	struct options *options, int *exit_code)
{
	struct parse p = {.program = program, .options = options};

	*options = (struct options){.conf_file = CONF_FILE_DEFAULT, .verbosity = LOG_NOTICE};
	*exit_code = 1;
	if (!parse_all(&p, argc, argv))
		return false;
	if (act_without_conf(&p)) {
		*exit_code = fflush(stdout) == 0 ? 0 : 1;
		return false;
	}
	options->conf = load(&p);
	if (options->conf == NULL)
		return false;
	if (p.action == ACTION_RUN && open_log(&p))
		return true;
	if (p.action == ACTION_PRINT_CONF)
		conf_print(options->conf, stdout);
	if (p.action != ACTION_RUN)
		*exit_code = fflush(stdout) == 0 ? 0 : 1;
	options_free(options);
	return false;
}

void options_free(struct options *options)
{
	conf_free(options->conf);
	options->conf = NULL;
}
