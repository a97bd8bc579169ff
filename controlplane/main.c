// dynomite-controlplane: decides who is in the ring, tells the data plane, serves REST.
#include "common/stats/describe.h"
#include "controlplane/node.h"

int main(int argc, char **argv)
{
	static const struct options_program program = {
		.name = "dynomite-controlplane",
		.version = DYN_VERSION,
		.purpose = "decides who is in the ring, and serves REST",
		.role = CONF_ROLE_CONTROLPLANE,
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
