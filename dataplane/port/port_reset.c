// A device that asks to be reset (RTE_ETH_EVENT_INTR_RESET: ENA does when its firmware, its admin
// queue or a transmission hangs). DPDK leaves it to the application: nobody may receive or send
// meanwhile, and what comes out of rte_eth_dev_reset has neither queues nor settings.
//
// A halt has an odd number. A worker that has seen it says so and keeps off the device; when all
// have, the main thread has it to itself. Numbers, since a worker may say so late, of the halt
// before.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "dataplane/port/port_core.h"

// A worker's longest sleep is 10 ms. Whoever takes longer is waited for in the next call.
#define HALT_LOOKS 200
#define HALT_LOOK_US 250

// On a thread of the driver's choosing.
static int on_reset(uint16_t id, enum rte_eth_event_type event, void *ctx, void *ret)
{
	struct port *port = ctx;

	(void)id;
	(void)event;
	(void)ret;
	__atomic_store_n(&port->reset_due, true, __ATOMIC_RELEASE);
	return 0;
}

void port_reset_watch(struct port *port)
{
	int rc = rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RESET, on_reset, port);

	if (rc != 0)
		log_info("port: events of the device: %s; going on without", strerror(-rc));
}

void port_reset_unwatch(struct port *port)
{
	(void)rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RESET, on_reset, port);
}

static bool all_halted(const struct port *port)
{
	for (unsigned i = 0; i < port->worker_n; i++)
		if (__atomic_load_n(&port->lane[i].halt_seen, __ATOMIC_ACQUIRE) != port->halt)
			return false;
	return true;
}

static bool wait_halted(struct port *port)
{
	for (unsigned i = 0; i < port->worker_n; i++)
		port_ring_bell(&port->lane[i]);
	for (unsigned i = 0; i < HALT_LOOKS; i++) {
		if (all_halted(port))
			return true;
		usleep(HALT_LOOK_US);
	}
	return all_halted(port);
}

static int reset_device(const struct port *port)
{
	int rc;

	// Workers sleep on the descriptors of such a device, which would not be the same ones.
	if (port->quirk->flags & QUIRK_SOCKET_FD)
		return -ENOTSUP;
	rc = rte_eth_dev_reset(port->id);
	// Without an operation of its own: what is common to all of them.
	return rc == -ENOTSUP ? rte_eth_dev_stop(port->id) : rc;
}

static bool reset(struct port *port)
{
	int rc = reset_device(port);

	if (rc != 0) {
		log_err("port: %s asked for a reset, which failed: %s", port->info.driver_name,
			strerror(-rc));
		return false;
	}
	if (!port_device_start(port))
		return false;
	port_steer_again(port);
	return true;
}

bool port_recover(struct port *port)
{
	bool halted = (port->halt & 1) != 0;

	if (!halted && !__atomic_exchange_n(&port->reset_due, false, __ATOMIC_ACQ_REL))
		return true;
	if (!halted) {
		log_warn("port: %s asks for a reset; nothing is received or sent until it is done",
			port->info.driver_name);
		__atomic_store_n(&port->halt, port->halt + 1, __ATOMIC_RELEASE);
	}
	if (!wait_halted(port))
		return true;
	if (!reset(port))
		return false;
	__atomic_store_n(&port->halt, port->halt + 1, __ATOMIC_RELEASE);
	log_notice("port: %s was reset and works again", port->info.driver_name);
	return true;
}
