// dynomite-dataplane: moves the bytes of a node, between its clients, its store and its port.
#include "common/conf/program.h"
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

	return program_main(&program, node_run, argc, argv);
}
