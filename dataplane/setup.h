// From the configuration file to the settings of each part of the data plane. The parts know
// nothing of the file; this is the only place that maps one to the other.
#pragma once

#include <stdbool.h>

#include "common/conf/conf.h"
#include "common/ipc/ipc.h"
#include "dataplane/port/cores.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port.h"
#include "dataplane/worker.h"

// Whether the system has what is needed. Says what it lacks.
bool setup_check(void) MUST_CHECK;

#define SETUP_ADDRESS_MAX 256

// The path or IP address of the store; a name is looked up here, once. False: said in the log.
bool setup_store_address(const struct conf *conf, char address[SETUP_ADDRESS_MAX]) MUST_CHECK;

// False: said in the log.
bool setup_cores(const struct conf *conf, struct cores *cores) MUST_CHECK;

struct eal_config setup_eal(
	const struct conf *conf, const struct cores *cores, const char *program);
struct port_config setup_port(const struct conf *conf, unsigned worker_n);

// Keys and seeds come from the system: each worker has its own, but for what all must share.
struct worker_config setup_worker(const struct conf *conf, const char *store_address,
	struct port *port, unsigned id, unsigned worker_n);

// The facts that come from the file, for REST.
void setup_status(const struct conf *conf, struct ipc_status *status);
