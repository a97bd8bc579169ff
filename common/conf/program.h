// How both programs begin and end: command line, configuration, log, daemon, pid file.
//
//	int main(int argc, char **argv)
//	{
//		static const struct options_program program = {
//			.name = "dynomite-dataplane", .version = DYN_VERSION,
//			.purpose = "moves the bytes of a node", .role = CONF_ROLE_DATAPLANE,
//			.describe_stats = stats_describe, // common/stats/describe.h
//		};
//
//		return program_main(&program, node_run, argc, argv);
//	}
#pragma once

#include "common/base/daemon.h"
#include "common/conf/options.h"

// Runs until the program is told to stop; calls daemon_ready once it serves. Returns the exit code.
typedef int program_run(struct options *options, struct daemon *daemon, const char *version);

// Call it first in main: before `run` there is no thread. Returns the exit code.
int program_main(const struct options_program *program, program_run *run, int argc, char **argv);
