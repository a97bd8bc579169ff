// dynomite-controlplane: decides who is in the ring, tells the data plane, serves REST.
#include "common/conf/program.h"
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

	return program_main(&program, node_run, argc, argv);
}
