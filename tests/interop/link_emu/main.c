// A link between two network interfaces, as bad as it is told to be (channel.h). There is no netem
// everywhere; and this one does the same again for the same seed.
//
// Orders on standard input, each answered by a line of JSON:
//
//	set to=a|b|both [seed=N] [delay_us=N] [jitter_us=N] [rate_kbit=N] [queue=BYTES] [loss_ppb=N]
//	    [burst_in_ppb=N] [burst_out_ppb=N] [duplicate_ppb=N] [reorder_ppb=N] [reorder_us=N]
//	    [mark_ppb=N]
//	counters
//
// `set` begins from nothing: what is not named is 0. `to=b`: frames from a to b. The same seed does
// the same to either direction, but not to both at once.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/interop/link_emu/channel.h"
#include "tests/interop/orders.h"
#include "tests/interop/raw_socket.h"

#define BURST 64

enum side {
	A,
	B,
	SIDES,
};

struct link {
	int fd[SIDES];
	struct channel *to[SIDES]; // frames that leave there
};

static struct mono clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){.ns = (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec};
}

// --- frames

// True when there may be more.
static bool receive(int fd, struct channel *c, struct mono now)
{
	struct channel_frame *frames[BURST];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	uint32_t n = channel_room(c, frames, BURST);
	int got;

	memset(msgs, 0, sizeof(msgs));
	for (uint32_t i = 0; i < n; i++) {
		iov[i].iov_base = frames[i]->bytes;
		iov[i].iov_len = sizeof(frames[i]->bytes);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	if (n == 0)
		c->counts.no_room++;
	got = recvmmsg(fd, msgs, n, 0, NULL);
	for (uint32_t i = 0; i < n; i++) {
		frames[i]->len = msgs[i].msg_len;
		if ((int)i < got)
			channel_put(c, frames[i], now);
		else
			channel_give_back(c, frames[i]);
	}
	return got == BURST;
}

static void transmit(int fd, struct channel *c, struct mono now)
{
	struct channel_frame *frames[BURST];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	unsigned n;

	do {
		memset(msgs, 0, sizeof(msgs));
		for (n = 0; n < BURST && (frames[n] = channel_get(c, now)) != NULL; n++) {
			iov[n].iov_base = frames[n]->bytes;
			iov[n].iov_len = frames[n]->len;
			msgs[n].msg_hdr.msg_iov = &iov[n];
			msgs[n].msg_hdr.msg_iovlen = 1;
		}
		for (unsigned sent = 0; sent < n;) {
			int rc = sendmmsg(fd, msgs + sent, n - sent, 0);

			// A frame that the interface will not have is gone.
			sent += rc > 0 ? (unsigned)rc : 1;
			c->counts.no_room += rc <= 0;
		}
		for (unsigned i = 0; i < n; i++)
			channel_give_back(c, frames[i]);
	} while (n == BURST);
}

// --- orders

static bool set_one(struct channel_config *config, const char *key, const char *value)
{
	uint64_t n;

	if (!orders_number(value, UINT64_C(1) << 40, &n))
		return false;
	if (strcmp(key, "delay_us") == 0)
		config->delay = n * NS_PER_US;
	else if (strcmp(key, "jitter_us") == 0)
		config->jitter = n * NS_PER_US;
	else if (strcmp(key, "rate_kbit") == 0)
		config->rate = n * 1000;
	else if (strcmp(key, "queue") == 0)
		config->queue = n;
	else if (strcmp(key, "loss_ppb") == 0)
		config->loss = (uint32_t)n;
	else if (strcmp(key, "burst_in_ppb") == 0)
		config->burst_in = (uint32_t)n;
	else if (strcmp(key, "burst_out_ppb") == 0)
		config->burst_out = (uint32_t)n;
	else if (strcmp(key, "duplicate_ppb") == 0)
		config->duplicate = (uint32_t)n;
	else if (strcmp(key, "reorder_ppb") == 0)
		config->reorder = (uint32_t)n;
	else if (strcmp(key, "mark_ppb") == 0)
		config->mark = (uint32_t)n;
	else if (strcmp(key, "reorder_us") == 0)
		config->reorder_by = n * NS_PER_US;
	else
		return false;
	return true;
}

static bool set(struct link *link, char *rest)
{
	static const char *const names[] = {"a", "b", "both", NULL};
	struct channel_config config = {0};
	uint64_t seed = 1;
	int to = SIDES;
	char *key;
	char *value;

	while (orders_setting(&rest, &key, &value)) {
		bool ok;

		if (strcmp(key, "to") == 0) {
			to = orders_choice(value, names);
			ok = to >= 0;
		} else if (strcmp(key, "seed") == 0) {
			ok = orders_number(value, UINT64_MAX, &seed);
		} else {
			ok = set_one(&config, key, value);
		}
		if (!ok)
			return false;
	}
	for (int i = 0; i < SIDES; i++)
		if (to == SIDES || to == i)
			channel_set(link->to[i], &config, to == SIDES ? seed + (uint64_t)i : seed);
	return true;
}

static void say_direction(const struct channel_counts *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"in", c->in},
		{"out", c->out},
		{"queue_full", c->queue_full},
		{"lost", c->lost},
		{"duplicated", c->duplicated},
		{"reordered", c->reordered},
		{"marked", c->marked},
		{"no_room", c->no_room},
		{"late_us", c->late / NS_PER_US},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", rows[i].name, rows[i].value);
}

static void say_counters(const struct link *link)
{
	printf("{\"answer\": \"ok\"");
	for (int i = 0; i < SIDES; i++) {
		printf(", \"to_%c\": {", "ab"[i]);
		say_direction(&link->to[i]->counts);
		printf("}");
	}
	printf("}\n");
}

static void order(struct link *link, char *line)
{
	char *rest = NULL;
	const char *verb = orders_verb(line, &rest);

	if (verb && strcmp(verb, "counters") == 0)
		say_counters(link);
	else if (verb && strcmp(verb, "set") == 0 && set(link, rest))
		printf("{\"answer\": \"ok\"}\n");
	else
		printf("{\"answer\": \"not understood\"}\n");
	fflush(stdout);
}

// --- the loop

static void sleep_until(struct mono at, struct pollfd *fds, nfds_t n)
{
	uint64_t ns = mono_since(at, clock_read());
	struct timespec timeout;

	if (ns > NS_PER_SEC)
		ns = NS_PER_SEC;
	timeout.tv_sec = (time_t)(ns / NS_PER_SEC);
	timeout.tv_nsec = (long)(ns % NS_PER_SEC);
	(void)ppoll(fds, n, &timeout, NULL);
}

static void run(struct link *link)
{
	static struct orders in;
	struct pollfd fds[] = {
		{.fd = link->fd[A], .events = POLLIN},
		{.fd = link->fd[B], .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	char *line;

	while (!in.ended) {
		struct mono next = MONO_NEVER;

		if (fds[SIDES].revents)
			orders_read(&in);
		while ((line = orders_next(&in)) != NULL)
			order(link, line);
		for (int i = 0; i < SIDES; i++)
			while (receive(link->fd[i], link->to[!i], clock_read()))
				;
		for (int i = 0; i < SIDES; i++) {
			transmit(link->fd[i], link->to[i], clock_read());
			next = mono_min(next, channel_next(link->to[i]));
		}
		sleep_until(next, fds, SIDES + 1);
	}
}

int main(int argc, char **argv)
{
	struct link link;

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--realtime") != 0)) {
		fprintf(stderr, "Usage: link_emu INTERFACE-A INTERFACE-B [--realtime]\n");
		return 2;
	}
	for (int i = 0; i < SIDES; i++) {
		link.fd[i] = raw_socket_open(argv[1 + i]);
		link.to[i] = channel_new();
		if (link.fd[i] < 0 || link.to[i] == NULL) {
			fprintf(stderr, "link_emu: %s: %s\n", argv[1 + i],
				link.fd[i] < 0 ? strerror(-link.fd[i]) : "no memory");
			return 2;
		}
	}
	if (argc == 4)
		raw_socket_realtime();
	puts("{\"event\": \"ready\"}");
	fflush(stdout);
	run(&link);
	for (int i = 0; i < SIDES; i++) {
		close(link.fd[i]);
		free(link.to[i]);
	}
	return 0;
}
