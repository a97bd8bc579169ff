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
#include "controlplane/cluster/cluster.h"
#include "controlplane/link/dp_link.h"
#include "controlplane/rest/rest.h"
#include "controlplane/rest/rest_http.h"

#define FILES_WANTED 65536
#define TICK_NS (200 * NS_PER_MS)

struct node {
	struct options *options; // holds the configuration in effect
	const char *version;
	uint64_t start_ms;
	char host[256];
	struct loop *loop;
	struct signals *signals;
	struct cluster *cluster;
	struct dp_link *link;
	struct rest_http *http;
};

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

static void serve(void *arg, struct rest_request *request, struct rest_reply *reply)
{
	struct node *node = arg;
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

// Questions whose time is up.
static void on_tick(void *arg, struct mono now)
{
	struct node *node = arg;

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

static bool apply(struct node *node, const struct conf *conf)
{
	const char *error = NULL;

	switch (cluster_apply(node->cluster, conf, &error)) {
	case CLUSTER_FAILED:
		log_err("%s: %s", conf->file, error);
		return false;
	case CLUSTER_CHANGED:
		log_notice("cluster: snapshot %" PRIu64, cluster_snapshot(node->cluster)->epoch);
		if (conf->pool.dyn_seeds.n > 0)
			log_warn("cluster: %u other nodes are in the file; this version serves "
				 "its own store only and does not speak to them",
				conf->pool.dyn_seeds.n);
		break;
	case CLUSTER_SAME:
		break;
	}
	return true;
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
	struct conf_report report;
	struct conf *conf;

	log_reopen();
	conf_report_init(&report);
	conf = conf_load(options->conf_file, CONF_ROLE_CONTROLPLANE, &report);
	log_report(&report);
	conf_report_free(&report);
	if (conf == NULL || !apply(node, conf)) {
		log_err("reload: %s is not usable; the settings stay as they were",
			options->conf_file);
		conf_free(conf);
		return;
	}
	conf_changes(options->conf, conf, warn_fixed, NULL);
	conf_free(options->conf);
	options->conf = conf;
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
	if (node->signals == NULL || node->loop == NULL || node->cluster == NULL) {
		log_err("cannot start: %s", strerror(errno));
		return false;
	}
	if (!apply(node, conf))
		return false;
	node->link = dp_link_new(conf->controlplane.ipc, node->version, node->cluster);
	if (node->link == NULL)
		return false;
	node->http = rest_http_new(&conf->pool.stats_listen, serve, node);
	return node->http != NULL && add_to_loop(node);
}

static void finish(struct node *node)
{
	rest_http_free(node->http);
	dp_link_free(node->link);
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
