// Our stack as a host of its own on a network interface, for tests against other stacks. Orders
// come on standard input (order.h), results go to standard output. Ends when its input ends.
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/interop/orders.h"
#include "tests/interop/raw_socket.h"
#include "tests/interop/stack_host/order.h"

// Another look, though nothing asked for it.
#define SLEEP_MAX NS_PER_SEC

static const char usage[] =
	"Usage: stack_host --interface NAME [--mtu N] [--mbufs N] [--realtime]\n"
	"\n"
	"  --mtu N      the largest that an order will ask for (1500)\n"
	"  --mbufs N    packet buffers (16384)\n"
	"  --realtime   ahead of ordinary processes\n";

static void sleep_until(struct host *host, struct mono at, struct pollfd fds[2])
{
	uint64_t ns = RTE_MIN(mono_since(at, clock_now(&host->clock)), SLEEP_MAX);
	struct timespec timeout = {
		.tv_nsec = (long)(ns % NS_PER_SEC), .tv_sec = (time_t)(ns / NS_PER_SEC)};

	fds[1].events = (short)(host->tx_n > 0 ? POLLIN | POLLOUT : POLLIN);
	(void)ppoll(fds, 2, &timeout, NULL);
}

static void run(struct host *host, struct task_list *list)
{
	static struct orders in;
	char *line;
	struct pollfd fds[2] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = host->fd, .events = POLLIN},
	};

	while (!in.ended) {
		struct mono now = clock_now(&host->clock);
		struct mono next = MONO_NEVER;

		if (fds[0].revents)
			orders_read(&in);
		while ((line = orders_next(&in)) != NULL)
			order_run(host, list, line, now);
		fflush(stdout);
		if (host->tcp) {
			host_input(host, now);
			task_run(list, now);
			host_output(host, now);
			next = mono_min(host_next(host), task_next(list));
		}
		sleep_until(host, next, fds);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"interface", required_argument, NULL, 'i'},
		{"mtu", required_argument, NULL, 'm'},
		{"mbufs", required_argument, NULL, 'n'},
		{"realtime", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	static struct host host;
	struct task_list *list = task_list_new(&host);
	const char *interface = NULL;
	unsigned long mtu = 1500;
	unsigned long mbufs = 16384;
	int name;

	while ((name = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (name == 'i')
			interface = optarg;
		else if (name == 'm')
			mtu = strtoul(optarg, NULL, 10);
		else if (name == 'n')
			mbufs = strtoul(optarg, NULL, 10);
		else if (name == 'r')
			raw_socket_realtime();
		else
			interface = NULL;
	}
	if (!interface || !list || mtu < 576 || mtu > 9216 || mbufs < 256 || mbufs > 1000000) {
		fputs(usage, stderr);
		return 2;
	}
	if (!host_open(&host, interface, (uint16_t)mtu, (unsigned)mbufs))
		return 2;
	puts("{\"event\": \"ready\"}");
	fflush(stdout);
	run(&host, list);
	host_close(&host);
	task_list_free(list);
	return 0;
}
