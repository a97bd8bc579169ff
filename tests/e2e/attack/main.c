// An attacker with a raw socket, at a fixed rate of frames. He keeps no state: what he answers
// follows from what he receives, so that a small program is as many clients as it likes.
//
// Sent to a MAC that nobody has, his frames cost the machine what they cost, and the target's stack
// next to nothing: what to compare with.
//
// Prints one line of JSON: frames and bytes sent, frames received, connections opened. Ends with 0,
// or with 2 when it could not start.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/base/rng.h"
#include "tests/e2e/attack/frame.h"

// The last bytes of his addresses, in the network of his target.
#define FIRST 200
#define LAST 249
#define PORTS 50000
// The first four bytes of his MAC, which nobody else's has.
#define MAC_BEGIN 0x02aa0000u
#define PORT_FIRST 10000
// All frames of TINY in a second.
#define TINY_PPS 4000
#define PAD_MAX 1400

enum kind {
	SYN,     // SYNs from everywhere
	ACK,     // ACKs for connections that are none
	BLIND,   // RST and SYN for somebody's connection, its sequence numbers guessed
	GARBAGE, // fragments that never become whole, and segments cut and flagged at random
	ZERO,    // connections that ask for much and close their window
	TINY,    // connections that ask for much and take it byte by byte
	CHURN,   // connections opened and closed
	KINDS,
};

static const char *const names[KINDS] = {
	"syn", "ack", "blind", "garbage", "zero-window", "tiny-window", "churn"};

struct attack {
	enum kind kind;
	struct frame_end me; // address and port differ from frame to frame
	struct frame_end target;
	struct frame_end victim; // of BLIND: the client whose connection it is
	uint64_t pps;
	uint64_t ns;
	uint32_t conns; // 0: as many as come
	const char *request;
	size_t request_len;
	size_t pad;  // of ACK, BLIND: bytes of text
	bool vanish; // of ZERO, TINY: without a reset
	int fd;
	struct rng rng;
	uint32_t next; // connection
	uint64_t sent;
	uint64_t bytes;
	uint64_t received;
	uint64_t opened;
	uint64_t closed;
};

static struct mono now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){(uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec};
}

static void fail(const char *what)
{
	fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void send_frame(struct attack *a, const struct frame_tcp *tcp)
{
	uint8_t frame[FRAME_MAX];
	size_t len = frame_tcp(frame, tcp);

	if (send(a->fd, frame, len, MSG_DONTWAIT) != (ssize_t)len)
		return;
	a->sent++;
	a->bytes += len;
}

// The first sequence number of a connection.
static uint32_t iss(const struct frame_end *me)
{
	return (me->port + (uint32_t)me->ip[3] * 65536) * UINT32_C(2654435761);
}

static struct frame_tcp segment(struct attack *a, uint8_t flags)
{
	return (struct frame_tcp){.from = a->me, .to = a->target, .flags = flags, .wnd = 0xffff};
}

static void pad(const struct attack *a, struct frame_tcp *tcp)
{
	static const uint8_t text[PAD_MAX];

	tcp->data = text;
	tcp->len = a->pad;
}

static void own_end(struct attack *a, struct frame_end *me)
{
	uint32_t i = a->next++;

	me->ip[3] = (uint8_t)(FIRST + i % (LAST - FIRST + 1));
	me->port = (uint16_t)(PORT_FIRST + i / (LAST - FIRST + 1) % PORTS);
}

static void send_syn(struct attack *a)
{
	struct frame_tcp tcp = segment(a, FRAME_SYN);
	uint32_t far = rng_below(&a->rng, UINT32_C(1) << 24);

	if (a->kind == SYN) {
		// Half of them from far away, half from neighbours who never answer.
		own_end(a, &tcp.from);
		tcp.from.ip[3] = (uint8_t)(30 + far % 150);
		if (far & 1)
			memcpy(tcp.from.ip,
				(uint8_t[]){203, (uint8_t)(far >> 16), (uint8_t)(far >> 8),
					(uint8_t)far},
				4);
		tcp.seq = (uint32_t)rng_u64(&a->rng);
	} else {
		if (a->conns != 0 && a->next >= a->conns)
			return;
		own_end(a, &tcp.from);
		tcp.seq = iss(&tcp.from);
	}
	send_frame(a, &tcp);
}

static void send_guess(struct attack *a)
{
	static const uint8_t flags[] = {
		FRAME_RST, FRAME_RST | FRAME_ACK, FRAME_SYN, FRAME_SYN | FRAME_ACK, FRAME_ACK};
	struct frame_tcp tcp = segment(a, FRAME_ACK);

	own_end(a, &tcp.from);
	pad(a, &tcp);
	tcp.seq = (uint32_t)rng_u64(&a->rng);
	tcp.ack = (uint32_t)rng_u64(&a->rng);
	if (a->kind == BLIND) {
		memcpy(tcp.from.ip, a->victim.ip, 4);
		tcp.from.port = a->victim.port;
		tcp.flags = flags[rng_below(&a->rng, sizeof(flags))];
	}
	send_frame(a, &tcp);
}

static void send_garbage(struct attack *a)
{
	uint8_t data[64] = {0};
	struct frame_tcp tcp = segment(a, (uint8_t)rng_below(&a->rng, 256));

	own_end(a, &tcp.from);
	tcp.seq = (uint32_t)rng_u64(&a->rng);
	tcp.ack = (uint32_t)rng_u64(&a->rng);
	tcp.wnd = (uint16_t)rng_below(&a->rng, 65536);
	tcp.data = data;
	tcp.len = rng_below(&a->rng, sizeof(data));
	if (rng_below(&a->rng, 2) == 0) {
		// A fragment in the middle of a packet that never comes, or a first one.
		tcp.len = 8 * (tcp.len / 8);
		tcp.fragment = (uint16_t)(0x2000 | rng_below(&a->rng, 8));
	}
	send_frame(a, &tcp);
}

static void strike(struct attack *a)
{
	switch (a->kind) {
	case ACK:
	case BLIND:
		send_guess(a);
		break;
	case GARBAGE:
		send_garbage(a);
		break;
	case SYN:
	case ZERO:
	case TINY:
	case CHURN:
	case KINDS:
		send_syn(a);
		break;
	}
}

// --- what the target says

static struct frame_tcp answer(const struct frame_tcp *got, uint8_t flags)
{
	bool counts = got->flags & (FRAME_SYN | FRAME_FIN);

	return (struct frame_tcp){.from = got->to,
		.to = got->from,
		.seq = got->ack,
		.ack = got->seq + (uint32_t)got->len + counts,
		.flags = flags};
}

static void opened(struct attack *a, const struct frame_tcp *got)
{
	struct frame_tcp tcp = answer(got, FRAME_ACK);

	a->opened++;
	tcp.wnd = a->kind == TINY;
	if (a->kind == CHURN) {
		tcp.flags |= FRAME_FIN;
		tcp.wnd = 0xffff;
	} else {
		tcp.flags |= FRAME_PSH;
		tcp.data = a->request;
		tcp.len = a->request_len;
	}
	send_frame(a, &tcp);
}

static void talk(struct attack *a, const struct frame_tcp *got)
{
	struct frame_tcp tcp;

	if (got->to.ip[3] < FIRST || got->to.ip[3] > LAST || a->kind < ZERO ||
		(got->flags & FRAME_RST))
		return;
	if (got->flags & FRAME_SYN) {
		// An answer to what another attack said under this name: refused, as anybody would
		// (RFC 9293 §3.10.7.3), or the sequence numbers would not be those of iss().
		if (got->ack != iss(&got->to) + 1) {
			tcp = answer(got, FRAME_RST);
			send_frame(a, &tcp);
			return;
		}
		opened(a, got);
		return;
	}
	a->closed += (got->flags & FRAME_FIN) != 0;
	tcp = answer(got, FRAME_ACK);
	tcp.wnd = a->kind == TINY;
	// He whose window is closed takes nothing.
	if (a->kind == ZERO)
		tcp.ack = got->seq + (got->len == 0 && !(got->flags & FRAME_ACK));
	if (got->len > 0 || (got->flags & FRAME_FIN) || a->kind == ZERO)
		send_frame(a, &tcp);
}

static void listen_once(struct attack *a)
{
	uint8_t frame[2048];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(a->fd, frame, sizeof(frame), MSG_DONTWAIT, (void *)&from, &size);
	struct frame_tcp got;

	if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING)
		return;
	if (frame_arp_answer(frame, (size_t)n, a->me.mac, a->target.ip, FIRST, LAST)) {
		send(a->fd, frame, (size_t)n, MSG_DONTWAIT);
		return;
	}
	if (memcmp(frame, a->me.mac, 6) != 0 || !frame_parse(frame, (size_t)n, &got))
		return;
	a->received++;
	talk(a, &got);
}

// The end of his connections. Their sequence numbers follow from their names; `len` is what they
// said, which may have been lost.
static void reset_all(struct attack *a, uint32_t all, size_t len)
{
	a->next = 0;
	for (uint32_t i = 0; i < all; i++) {
		struct frame_tcp tcp = segment(a, FRAME_RST);

		own_end(a, &tcp.from);
		tcp.seq = iss(&tcp.from) + 1 + (uint32_t)len;
		send_frame(a, &tcp);
		if (i % 16 == 15)
			usleep(2000);
	}
}

static void run(struct attack *a)
{
	struct mono begun = now();
	uint64_t struck = 0;

	for (;;) {
		uint64_t passed = mono_since(now(), begun);
		uint64_t due = passed * a->pps / NS_PER_SEC;
		struct pollfd p = {.fd = a->fd, .events = POLLIN};

		if (passed >= a->ns)
			break;
		for (unsigned i = 0; struck < due && i < 64; i++, struck++)
			strike(a);
		// A peer that takes byte by byte would else be as fast as the target allows.
		if (a->kind == TINY && a->sent >= passed * TINY_PPS / NS_PER_SEC)
			usleep(1000);
		else if (poll(&p, 1, 1) > 0)
			for (unsigned i = 0; i < 64; i++)
				listen_once(a);
	}
	if ((a->kind == ZERO || a->kind == TINY) && !a->vanish) {
		uint32_t all = a->next;

		// Twice, since frames are lost in the rush.
		for (unsigned i = 0; i < 2; i++) {
			reset_all(a, all, a->request_len);
			reset_all(a, all, 0);
		}
	}
	printf("{\"attack\": \"%s\", \"sent\": %llu, \"bytes\": %llu, \"received\": %llu, "
	       "\"opened\": %llu, \"closed\": %llu}\n",
		names[a->kind], (unsigned long long)a->sent, (unsigned long long)a->bytes,
		(unsigned long long)a->received, (unsigned long long)a->opened,
		(unsigned long long)a->closed);
}

// --- the command line

static const char usage[] =
	"Usage: attack KIND --target IP --mac MAC [OPTION]...\n"
	"KIND: syn ack blind garbage zero-window tiny-window churn\n"
	"\n"
	"  --port N        the target's (8102)\n"
	"  --mac MAC       the target's\n"
	"  --dev NAME      where to send (eth1)\n"
	"  --pps N         frames, or connections, a second (2000)\n"
	"  --seconds N     with a fraction if you like (3)\n"
	"  --conns N       of zero-window, tiny-window, churn: no more than these\n"
	"  --victim IP     of blind: whose connection\n"
	"  --victim-port N\n"
	"  --request TEXT  of zero-window, tiny-window: an inline command, without its end\n"
	"  --pad N         of ack, blind: bytes of text in each segment, at most 1400\n"
	"  --vanish        of zero-window, tiny-window: end without a word\n";

static void read_ip(const char *text, uint8_t ip[4])
{
	struct ip_addr addr;

	if (!ip_addr_parse(text, &addr) || !ip_addr_is_v4(&addr)) {
		errno = EINVAL;
		fail(text);
	}
	memcpy(ip, addr.b + 12, 4);
}

static void read_mac(const char *text, uint8_t mac[6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		    &mac[4], &mac[5]) != 6) {
		errno = EINVAL;
		fail(text);
	}
}

static void set_request(struct attack *a, const char *text)
{
	char *line = NULL;

	if (asprintf(&line, "%s\r\n", text) < 0)
		fail("memory");
	a->request = line; // until the end of the program
	a->request_len = strlen(line);
}

static const char *option(struct attack *a, int c, const char *dev)
{
	switch (c) {
	case 't':
		read_ip(optarg, a->target.ip);
		break;
	case 'p':
		a->target.port = (uint16_t)atoi(optarg);
		break;
	case 'm':
		read_mac(optarg, a->target.mac);
		break;
	case 'd':
		return optarg;
	case 'r':
		a->pps = strtoull(optarg, NULL, 10);
		break;
	case 's':
		a->ns = (uint64_t)(strtod(optarg, NULL) * NS_PER_SEC);
		break;
	case 'n':
		a->conns = (uint32_t)strtoul(optarg, NULL, 10);
		break;
	case 'v':
		read_ip(optarg, a->victim.ip);
		break;
	case 'w':
		a->victim.port = (uint16_t)atoi(optarg);
		break;
	case 'q':
		set_request(a, optarg);
		break;
	case 'b':
		a->pad = MIN(strtoul(optarg, NULL, 10), PAD_MAX);
		break;
	case 'x':
		a->vanish = true;
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
	return dev;
}

// The clients that are not to suffer share his interface: only frames to his own MAC, and ARP, are
// to wake him.
static void listen_for_own(struct attack *a)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAC_BEGIN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (setsockopt(a->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		fail("filter");
}

static void open_socket(struct attack *a, const char *dev)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(dev)};
	struct packet_mreq promiscuous = {
		.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int size = 8 << 20;

	a->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (at.sll_ifindex == 0 || a->fd < 0 || bind(a->fd, (void *)&at, sizeof(at)) != 0)
		fail(dev);
	listen_for_own(a);
	setsockopt(a->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous));
	setsockopt(a->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"target", 1, NULL, 't'}, {"port", 1, NULL, 'p'},
		{"mac", 1, NULL, 'm'}, {"dev", 1, NULL, 'd'}, {"pps", 1, NULL, 'r'},
		{"seconds", 1, NULL, 's'}, {"conns", 1, NULL, 'n'}, {"victim", 1, NULL, 'v'},
		{"victim-port", 1, NULL, 'w'}, {"request", 1, NULL, 'q'}, {"pad", 1, NULL, 'b'},
		{"vanish", 0, NULL, 'x'}, {0}};
	struct attack a = {.kind = KINDS,
		.me = {.mac = {2, 0xaa, 0, 0, 0, 1}},
		.target = {.port = 8102},
		.pps = 2000,
		.ns = 3 * NS_PER_SEC};
	const char *dev = "eth1";
	int c;

	set_request(&a, "PING");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		dev = option(&a, c, dev);
	for (unsigned k = 0; k < KINDS && optind + 1 == argc; k++)
		if (strcmp(names[k], argv[optind]) == 0)
			a.kind = (enum kind)k;
	if (a.kind == KINDS || a.target.ip[0] == 0) {
		fputs(usage, stderr);
		return 2;
	}
	memcpy(a.me.ip, a.target.ip, 3);
	rng_seed(&a.rng, 7);
	open_socket(&a, dev);
	run(&a);
	return 0;
}
