// dynomite-dataplane: moves the bytes of a node, between its clients, its store and its port.
#include "common/stats/describe.h"
#include "dataplane/node.h"

int main(int argc, char **argv)
{
	static const struct options_program program = {
		.name = "dynomite-dataplane",
		.version = DYN_VERSION,
		.purpose = "moves the bytes of a node, and owns its network port",
		.role = CONF_ROLE_DATAPLANE,
		.describe_stats = stats_describe,
	};
	struct options options;
	struct daemon daemon;
	int rc;

	if (!options_run(&program, argc, argv, &options, &rc))
		return rc;
	rc = 1;
	if (daemon_start(&daemon, options.daemonize, options.pid_file)) {
		rc = node_run(&options, &daemon, DYN_VERSION);
		daemon_stop(&daemon);
	}
	options_free(&options);
	return rc;
}
