#include "common/conf/program.h"

int program_main(const struct options_program *program, program_run *run, int argc, char **argv)
{
	struct options options;
	struct daemon daemon;
	int rc;

	if (!options_run(program, argc, argv, &options, &rc))
		return rc;
	rc = 1;
	if (daemon_start(&daemon, options.daemonize, options.pid_file)) {
		rc = run(&options, &daemon, program->version);
		daemon_stop(&daemon);
	}
	options_free(&options);
	return rc;
}
