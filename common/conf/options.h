// The command line of both programs: one row of options.def each. What every program does the same
// way (help, version, testing and printing the configuration) is done here.
// common/conf/program.h shows how a program uses it.
//
// Exit codes: 0 done as asked; 1 a bad option or configuration, or the program could not start.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/base/compiler.h"
#include "common/conf/conf.h"

struct options_program {
	const char *name;
	const char *version;
	const char *purpose; // ends the line "name: ..." of --help
	enum conf_role role;
	void (*describe_stats)(FILE *out);
};

struct options {
	const char *conf_file;
	const char *output;   // NULL: standard error
	const char *pid_file; // NULL: none
	int verbosity;
	bool daemonize;
	struct conf *conf; // never NULL when the program should go on
};

// True: go on, with the log open and the configuration loaded (its warnings are on standard
// error); call options_free at the end. False: return *exit_code; there is nothing to free.
bool options_run(const struct options_program *program, int argc, char **argv,
	struct options *options, int *exit_code) MUST_CHECK;
void options_free(struct options *options);
