// A link between two network interfaces, as bad as it is told to be: the link model of the
// simulation (link_model.h) on real time. There is no netem everywhere; and this one does the same
// again for the same seed.
//
// Orders on standard input, each answered by a line of JSON:
//
//	set to=a|b|both [seed=N] [delay_us=N] [jitter_us=N] [rate_kbit=N] [queue=BYTES] [mark=BYTES]
//	    [loss=N] [burst_enter=N] [burst_leave=N] [dup=N] [reorder=N] [reorder_us=N] [corrupt=N]
//	    [hole=BYTES] [hole_icmp=0|1] [thin=0|1] [down=0|1]
//	counters
//
// `set` begins from nothing: what is not named is 0; chances are of a million. `to=b`: frames from
// a to b. The same seed does the same to either direction, but not to both at once.
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/interop/orders.h"
#include "tests/interop/raw_socket.h"
#include "tests/support/link_model.h"

#define BURST 64
#define FRAME_MAX 2048
// Frames on their way: what is above is a fault of the settings.
#define FRAMES_MAX 65536

enum side {
	A,
	B,
	SIDES,
};

// Frames that leave at one side.
struct way {
	int fd;
	struct link_model model;
	struct link_way link;
	uint64_t out;
	uint64_t no_room; // a fault of the emulator: should be 0
	uint64_t late;    // ns that the worst departure was behind its time
};

static struct mono clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){.ns = (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec};
}

// --- frames

// What came in at `fd` begins its way. True when there may be more.
static bool receive(int fd, struct way *way, struct way *back)
{
	static uint8_t bytes[BURST][FRAME_MAX];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	struct mono now;
	int got;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){.iov_base = bytes[i], .iov_len = FRAME_MAX};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	got = recvmmsg(fd, msgs, BURST, 0, NULL);
	now = clock_read();
	for (int i = 0; i < got; i++) {
		if (way->link.n < FRAMES_MAX)
			link_way_send(&way->link, &way->model, bytes[i], msgs[i].msg_len, now,
				&back->link);
		else
			way->no_room++;
	}
	return got == BURST;
}

static unsigned collect(struct way *way, struct link_frame *frames[BURST])
{
	struct mono now = clock_read();
	unsigned n = 0;

	while (n < BURST && (frames[n] = link_way_receive(&way->link, now)) != NULL) {
		uint64_t late = mono_since(now, frames[n]->at);

		if (late > way->late)
			way->late = late;
		n++;
	}
	way->out += n;
	return n;
}

static void transmit(struct way *way)
{
	struct link_frame *frames[BURST];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	unsigned n;

	while ((n = collect(way, frames)) > 0) {
		memset(msgs, 0, sizeof(msgs));
		for (unsigned i = 0; i < n; i++) {
			iov[i] = (struct iovec){
				.iov_base = frames[i]->data, .iov_len = frames[i]->len};
			msgs[i].msg_hdr.msg_iov = &iov[i];
			msgs[i].msg_hdr.msg_iovlen = 1;
		}
		for (unsigned sent = 0; sent < n;) {
			int rc = sendmmsg(way->fd, msgs + sent, n - sent, 0);

			// A frame that the interface will not have is gone.
			sent += rc > 0 ? (unsigned)rc : 1;
			way->no_room += rc <= 0;
		}
		for (unsigned i = 0; i < n; i++)
			free(frames[i]);
	}
}

// --- orders

static bool set_time_or_switch(struct link_model *m, const char *key, uint64_t n)
{
	if (strcmp(key, "delay_us") == 0)
		m->delay = n * NS_PER_US;
	else if (strcmp(key, "jitter_us") == 0)
		m->jitter = n * NS_PER_US;
	else if (strcmp(key, "reorder_us") == 0)
		m->reorder_delay = n * NS_PER_US;
	else if (strcmp(key, "rate_kbit") == 0)
		m->rate = n * 1000 / 8;
	else if (strcmp(key, "hole_icmp") == 0)
		m->hole_icmp = n != 0;
	else if (strcmp(key, "thin") == 0)
		m->thin = n != 0;
	else if (strcmp(key, "down") == 0)
		m->down = n != 0;
	else
		return false;
	return true;
}

static bool set_one(struct link_model *m, const char *key, const char *value)
{
	const struct {
		const char *key;
		uint32_t *to;
	} numbers[] = {
		{"queue", &m->queue},
		{"mark", &m->mark},
		{"loss", &m->loss},
		{"burst_enter", &m->burst_enter},
		{"burst_leave", &m->burst_leave},
		{"dup", &m->dup},
		{"reorder", &m->reorder},
		{"corrupt", &m->corrupt},
		{"hole", &m->hole},
	};
	uint64_t n;

	if (!orders_number(value, UINT32_MAX, &n))
		return false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0) {
			*numbers[i].to = (uint32_t)n;
			return true;
		}
	return set_time_or_switch(m, key, n);
}

// Frames on their way are not touched.
static void restart(struct way *way, const struct link_model *model, uint64_t seed)
{
	way->model = *model;
	way->link.bad = false;
	way->link.count = (struct link_count){0};
	way->out = way->no_room = way->late = 0;
	rng_seed(&way->link.rng, seed);
}

static bool set(struct way ways[SIDES], char *rest)
{
	static const char *const names[] = {"a", "b", "both", NULL};
	struct link_model model = {.in_order = true, .burst_loss = 1000000};
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
			ok = set_one(&model, key, value);
		}
		if (!ok)
			return false;
	}
	for (int i = 0; i < SIDES; i++)
		if (to == SIDES || to == i)
			restart(&ways[i], &model, to == SIDES ? seed + (uint64_t)i : seed);
	return true;
}

static void say_way(const struct way *way)
{
	const struct link_count *c = &way->link.count;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"in", c->sent},
		{"out", way->out},
		{"lost", c->lost},
		{"queue_full", c->overflow},
		{"too_big", c->too_big},
		{"marked", c->marked},
		{"thinned", c->thinned},
		{"duplicated", c->dup},
		{"reordered", c->late},
		{"no_room", way->no_room},
		{"late_us", way->late / NS_PER_US},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", rows[i].name, rows[i].value);
}

static void say_counters(const struct way ways[SIDES])
{
	printf("{\"answer\": \"ok\"");
	for (int i = 0; i < SIDES; i++) {
		printf(", \"to_%c\": {", "ab"[i]);
		say_way(&ways[i]);
		printf("}");
	}
	printf("}\n");
}

static void order(struct way ways[SIDES], char *line)
{
	char *rest = NULL;
	const char *verb = orders_verb(line, &rest);

	if (verb && strcmp(verb, "counters") == 0)
		say_counters(ways);
	else if (verb && strcmp(verb, "set") == 0 && set(ways, rest))
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

static void run(struct way ways[SIDES])
{
	static struct orders in;
	struct pollfd fds[] = {
		{.fd = ways[A].fd, .events = POLLIN},
		{.fd = ways[B].fd, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	char *line;

	while (!in.ended) {
		struct mono next = MONO_NEVER;

		if (fds[SIDES].revents)
			orders_read(&in);
		while ((line = orders_next(&in)) != NULL)
			order(ways, line);
		for (int i = 0; i < SIDES; i++)
			while (receive(ways[i].fd, &ways[!i], &ways[i]))
				;
		for (int i = 0; i < SIDES; i++) {
			transmit(&ways[i]);
			next = mono_min(next, link_way_next(&ways[i].link));
		}
		sleep_until(next, fds, SIDES + 1);
	}
}

int main(int argc, char **argv)
{
	static struct way ways[SIDES];

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--realtime") != 0)) {
		fprintf(stderr, "Usage: link_emu INTERFACE-A INTERFACE-B [--realtime]\n");
		return 2;
	}
	for (int i = 0; i < SIDES; i++) {
		ways[i].fd = raw_socket_open(argv[1 + i]);
		if (ways[i].fd < 0) {
			fprintf(stderr, "link_emu: %s: %s\n", argv[1 + i], strerror(-ways[i].fd));
			return 2;
		}
		link_way_init(&ways[i].link, 1);
	}
	if (argc == 4)
		raw_socket_realtime();
	puts("{\"event\": \"ready\"}");
	fflush(stdout);
	run(ways);
	for (int i = 0; i < SIDES; i++) {
		close(ways[i].fd);
		link_way_fini(&ways[i].link);
	}
	return 0;
}
