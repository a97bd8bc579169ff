#include "controlplane/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/signals.h"
#include "controlplane/cluster/addresses.h"
#include "controlplane/cluster/cluster.h"
#include "controlplane/link/dp_link.h"
#include "controlplane/rest/rest.h"
#include "controlplane/rest/rest_http.h"

#define FILES_WANTED 65536
#define TICK_NS (200 * NS_PER_MS)
#define ADDRESSES_WAIT_NS (3 * NS_PER_SEC)

struct node {
	struct options *options; // holds the configuration in effect
	const char *version;
	uint64_t start_ms;
	char host[256];
	struct loop *loop;
	struct signals *signals;
	struct cluster *cluster;
	struct addresses *addresses;
	struct mono hold_until; // while the first snapshot waits for addresses
	struct dp_link *link;
	struct rest_http *http;
};

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

// There is a new snapshot.
static void push(struct node *node)
{
	const struct cluster_event *event = cluster_event(node->cluster, 0);

	log_notice("cluster: snapshot %" PRIu64 ": %s", event->epoch, event->cause);
	if (node->link != NULL)
		dp_link_push(node->link);
}

static void readdress(struct node *node)
{
	const struct names *names = addresses_names(node->addresses);

	if (cluster_readdress(node->cluster, names, wall_ms()) == CLUSTER_CHANGED)
		push(node);
}

// What an earlier control plane set and found, and the data plane still has.
static void inherit(void *arg, const struct snapshot *theirs)
{
	struct node *node = arg;

	addresses_recall(node->addresses, theirs);
	if (cluster_take_over(node->cluster, theirs, wall_ms()) == CLUSTER_CHANGED)
		push(node);
	readdress(node);
}

static void serve(void *arg, struct rest_request *request, struct rest_reply *reply)
{
	struct node *node = arg;
	uint64_t epoch = cluster_snapshot(node->cluster)->epoch;
	struct rest_ctx ctx = {
		.conf = node->options->conf,
		.cluster = node->cluster,
		.dp = dp_link_view(node->link),
		.asks = dp_link_asks(node->link),
		.version = node->version,
		.source = node->host,
		.pid = (uint32_t)getpid(),
		.start_ms = node->start_ms,
		.wall_ms = wall_ms(),
		.now = loop_now(),
	};

	rest_serve(&ctx, request, reply);
	if (cluster_snapshot(node->cluster)->epoch != epoch)
		push(node);
}

static void on_http(void *arg, struct mono now)
{
	struct node *node = arg;

	rest_http_poll(node->http);
	dp_link_ask(node->link, now);
}

static void on_link(void *arg, struct mono now)
{
	struct node *node = arg;

	dp_link_poll(node->link, now);
	// What came may be an answer, and that lead to the next question.
	rest_http_again(node->http);
	dp_link_ask(node->link, now);
}

// While there are names without an answer, addresses are taken over by the tick only: a change for
// every answer would be hundreds of snapshots.
static void on_addresses(void *arg, struct mono now)
{
	struct node *node = arg;

	addresses_poll(node->addresses, now);
	if (!addresses_settled(node->addresses))
		return;
	readdress(node);
	dp_link_release(node->link);
}

// Questions whose time is up, and names that are due.
static void on_tick(void *arg, struct mono now)
{
	struct node *node = arg;

	addresses_poll(node->addresses, now);
	readdress(node);
	if (mono_due(now, node->hold_until))
		dp_link_release(node->link);
	dp_link_ask(node->link, now);
	rest_http_again(node->http);
}

// What is read once, at start: said, since the file now says something else.
static void warn_fixed(void *arg, const char *section, const char *key)
{
	const char *who = strcmp(section, "controlplane") == 0 ? "both programs"
		: strcmp(key, "stats_listen") == 0             ? "the control plane"
							       : "the data plane";

	(void)arg;
	log_warn("reload: %s: %s: takes effect after a restart of %s", section, key, who);
}

static enum cluster_change apply(struct node *node, const struct conf *conf, const char *cause)
{
	const struct cluster_why why = {.wall_ms = wall_ms(), .text = cause};
	const struct names *names = addresses_names(node->addresses);
	const char *error = NULL;
	enum cluster_change change = cluster_apply(node->cluster, conf, names, why, &error);

	if (change == CLUSTER_FAILED) {
		log_err("%s: %s", conf->file, error);
		return change;
	}
	if (change == CLUSTER_CHANGED)
		push(node);
	if (!addresses_want(node->addresses, conf, loop_now()))
		log_err("cluster: out of memory; nodes that are new have no address until the "
			"file is read again");
	return change;
}

static void log_report(const struct conf_report *report)
{
	for (uint32_t i = 0; i < report->n; i++) {
		const struct conf_message *m = &report->message[i];

		char line[16] = ""; // what is missing has none

		if (m->line > 0)
			snprintf(line, sizeof(line), ":%u", m->line);
		log_write(m->severity == CONF_ERROR ? LOG_ERR : LOG_WARN, "%s%s: %s%s%s",
			report->file, line, m->key, m->key[0] != '\0' ? ": " : "", m->text);
	}
}

// A new file takes effect as a whole or not at all.
static void reload(void *arg)
{
	struct node *node = arg;
	struct options *options = node->options;
	enum cluster_change change = CLUSTER_FAILED;
	struct conf_report report;
	struct conf *conf;

	log_reopen();
	conf_report_init(&report);
	conf = conf_load(options->conf_file, CONF_ROLE_CONTROLPLANE, &report);
	log_report(&report);
	conf_report_free(&report);
	if (conf != NULL)
		change = apply(node, conf, "the configuration file was read again");
	if (change == CLUSTER_FAILED) {
		log_err("reload: %s is not usable; the settings stay as they were",
			options->conf_file);
		conf_free(conf);
		return;
	}
	conf_changes(options->conf, conf, warn_fixed, NULL);
	conf_free(options->conf);
	options->conf = conf;
	if (change == CLUSTER_SAME)
		dp_link_push(node->link);
	log_notice("reload: %s read again", options->conf_file);
}

static void stop(void *arg)
{
	loop_stop(((struct node *)arg)->loop);
}

static bool add_to_loop(struct node *node)
{
	struct loop *loop = node->loop;
	int error = loop_add(loop, signals_fd(node->signals), signals_poll, node->signals);

	if (error == 0)
		error = loop_add(loop, dp_link_fd(node->link), on_link, node);
	if (error == 0)
		error = loop_add(loop, rest_http_fd(node->http), on_http, node);
	if (error == 0)
		error = loop_add(loop, addresses_fd(node->addresses), on_addresses, node);
	if (error == 0)
		error = loop_add_tick(loop, TICK_NS, on_tick, node);
	if (error != 0)
		log_err("cannot start: %s", strerror(-error));
	return error == 0;
}

// Each REST connection is a descriptor, and nng's server spins when there is none left.
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

static bool start(struct node *node)
{
	static const struct signals_handlers handlers = {.stop = stop, .reload = reload};
	const struct conf *conf = node->options->conf;

	raise_file_limit();
	// Before nng starts its threads: they inherit what is blocked.
	node->signals = signals_new(&handlers, node);
	node->loop = loop_new();
	node->cluster = cluster_new(node->start_ms);
	node->addresses = addresses_new(resolver_system);
	if (node->signals == NULL || node->loop == NULL || node->cluster == NULL ||
		node->addresses == NULL) {
		log_err("cannot start: %s", strerror(errno));
		return false;
	}
	if (apply(node, conf, "the control plane started") == CLUSTER_FAILED)
		return false;
	node->link = dp_link_new(conf->controlplane.ipc, node->version, node->cluster);
	if (node->link == NULL)
		return false;
	dp_link_inherit(node->link, inherit, node);
	if (!addresses_settled(node->addresses)) {
		dp_link_hold(node->link);
		node->hold_until = mono_add(loop_now(), ADDRESSES_WAIT_NS);
	}
	node->http = rest_http_new(&conf->pool.stats_listen, serve, node);
	return node->http != NULL && add_to_loop(node);
}

static void finish(struct node *node)
{
	rest_http_free(node->http);
	dp_link_free(node->link);
	addresses_free(node->addresses);
	cluster_free(node->cluster);
	loop_free(node->loop);
	signals_free(node->signals);
}

int node_run(struct options *options, struct daemon *daemon, const char *version)
{
	struct node node = {.options = options, .version = version, .start_ms = wall_ms()};
	bool ok;
	int error;

	if (gethostname(node.host, sizeof(node.host) - 1) != 0)
		strcpy(node.host, "unknown");
	ok = start(&node);
	if (ok) {
		daemon_ready(daemon);
		log_notice("control plane %s, pid %d, ready", version, getpid());
		error = loop_run(node.loop);
		ok = error == 0;
		if (!ok)
			log_err("event loop: %s", strerror(-error));
		log_notice("control plane stops");
	}
	finish(&node);
	return ok ? 0 : 1;
}
