#include "tests/support/tcp_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "dataplane/tcp/tcp_check.h"
#include "dataplane/tcp/tcp_seg.h"
#include "tests/support/eal.h"
#include "tests/support/tcp_script_state.h"
#include "tests/support/wire_turn.h"

#define FLAGS_SIZE 10
#define ECN_ANY UINT8_MAX

bool script_fail(struct script *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->error, s->error_size, fmt, args);
	va_end(args);
	return false;
}

// --- the stack

static bool start(struct script *s)
{
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = s->mtu,
		.addr_n = 1,
		.neigh_max = 16,
		.frag_max = 4,
	};

	if (s->tcp != NULL)
		return true;
	if (!ip_prefix_parse("192.0.2.1/24", &net.addr[0]) ||
		!ip_addr_parse("192.0.2.2", &s->wire.peer))
		return script_fail(s, "addresses");
	s->wire.own = net.addr[0].addr;
	memcpy(s->wire.own_mac, net.mac.addr_bytes, 6);
	memcpy(s->wire.peer_mac, "\2\0\0\0\0\2", 6);
	s->wire.pool = test_pool_create(2048);
	s->net = net_new(&net, s->wire.pool, &s->stats, s->now);
	s->tcp = tcp_new(&s->cfg, s->net, s->wire.pool, &s->stats, s->now);
	return s->tcp != NULL || script_fail(s, "out of memory");
}

static struct flow *flow_of(struct script *s, uint16_t peer_port)
{
	for (unsigned i = 0; i < s->flow_n; i++)
		if (s->flows[i].peer_port == peer_port)
			return &s->flows[i];
	s->flows[s->flow_n] = (struct flow){.peer_port = peer_port, .own_port = 8102};
	return &s->flows[s->flow_n++ % CONNS];
}

static void note_sent(struct script *s, const struct wire_seg *seg)
{
	struct flow *flow = flow_of(s, seg->peer_port);

	flow->own_port = seg->own_port;
	if (seg->flags & TCP_SYN)
		flow->iss = seg->seq;
	if (seg->opts.ts && !flow->ts_known) {
		flow->ts_known = true;
		flow->ts_base = seg->opts.tsval;
	}
	if (s->queue_n < QUEUE)
		s->queue[s->queue_n++] = (struct sent){.at = s->now, .seg = *seg};
}

// Whether the payload is what `send` made: byte n of the stream has the value n.
static bool payload_ok(struct script *s, const struct wire_seen *seen)
{
	uint32_t at = seen->seg->seq - flow_of(s, seen->seg->peer_port)->iss;

	for (uint32_t i = 0; i < seen->seg->len; i++)
		if (seen->payload[i] != (uint8_t)(at + i))
			return false;
	return true;
}

static void see(void *ctx, const struct wire_seen *seen)
{
	struct script *s = ctx;

	note_sent(s, seen->seg);
	if (seen->seg->len > 0 && !payload_ok(s, seen))
		s->payload_wrong = true;
}

static struct wire_stack stack_of(struct script *s)
{
	return (struct wire_stack){&s->wire, s->net, s->tcp, see, s};
}

static bool turn(struct script *s)
{
	struct wire_stack stack = stack_of(s);
	const char *wrong;

	wire_turn(&stack, s->now);
	wrong = tcp_check(s->tcp);
	if (wrong != NULL)
		return script_fail(s, "%s", wrong);
	return !s->payload_wrong || script_fail(s, "a segment has the wrong payload");
}

// Time goes on to `until`, or to the first segment when `stop`.
static bool pass(struct script *s, struct mono until, bool stop)
{
	for (;;) {
		struct mono next;

		if (!turn(s))
			return false;
		if (stop && s->queue_n > 0)
			return true;
		next = mono_min(tcp_next(s->tcp), net_next(s->net));
		if (next.ns <= s->now.ns)
			next = mono_add(s->now, NS_PER_US);
		if (next.ns > until.ns)
			break;
		s->now = next;
	}
	s->now = until;
	return turn(s);
}

// --- the words of a line

static const struct {
	char letter;
	uint8_t flag;
} flag_letters[] = {{'S', TCP_SYN}, {'F', TCP_FIN}, {'R', TCP_RST}, {'P', TCP_PSH},
	{'U', RTE_TCP_URG_FLAG}, {'.', TCP_ACK}, {'E', WIRE_ECE}, {'W', WIRE_CWR}};

static bool parse_flags(const char *word, uint8_t *flags)
{
	*flags = 0;
	for (; *word != '\0'; word++) {
		bool known = false;

		for (unsigned i = 0; i < ARRAY_LEN(flag_letters); i++)
			if (flag_letters[i].letter == *word) {
				*flags |= flag_letters[i].flag;
				known = true;
			}
		if (!known)
			return false;
	}
	return true;
}

// A-B:C-D:...
static void parse_sack(const char *text, struct tcp_opts *opts)
{
	while (text != NULL && opts->sack_n < TCP_SACK_MAX) {
		struct tcp_sack_block *block = &opts->sack[opts->sack_n];

		if (sscanf(text, "%u-%u", &block->seq, &block->end) == 2)
			opts->sack_n++;
		text = strchr(text, ':');
		text += text != NULL;
	}
}

static void parse_options(char *text, struct tcp_opts *opts)
{
	char *save;

	for (char *word = strtok_r(text, " ,", &save); word != NULL;
		word = strtok_r(NULL, " ,", &save)) {
		unsigned a = 0;
		unsigned b = 0;

		if (sscanf(word, "mss=%u", &a) == 1) {
			opts->mss = (uint16_t)a;
		} else if (sscanf(word, "wscale=%u", &a) == 1) {
			opts->wscale = (uint8_t)a;
		} else if (strcmp(word, "sackok") == 0) {
			opts->sack_ok = true;
		} else if (strncmp(word, "sack=", 5) == 0) {
			parse_sack(word + 5, opts);
		} else if (sscanf(word, "ts=%u/%u", &a, &b) == 2) {
			opts->ts = true;
			opts->tsval = a;
			opts->tsecr = b;
		}
	}
}

static uint8_t parse_ecn(const char *text)
{
	static const char *const names[] = {"not-ect", "ect1", "ect0", "ce"};

	for (uint8_t i = 0; i < ARRAY_LEN(names); i++)
		if (strstr(text, names[i]) != NULL)
			return i;
	return ECN_ANY;
}

// FLAGS SEQ:END(LEN) [ack N] [win N] [not-ect|ect0|ect1|ce] [<options>]
static bool parse_seg(struct script *s, char *text, struct wire_seg *seg, bool *options)
{
	char *open = strchr(text, '<');
	char flags[FLAGS_SIZE];
	unsigned seq;
	unsigned end;
	unsigned len;
	char *word;

	*seg = (struct wire_seg){.win = ANY, .opts = TCP_OPTS_NONE};
	*options = open != NULL;
	if (open != NULL) {
		*open = '\0';
		open[1 + strcspn(open + 1, ">")] = '\0';
		parse_options(open + 1, &seg->opts);
	}
	if (sscanf(text, "%9s %u:%u(%u)", flags, &seq, &end, &len) != 4 ||
		!parse_flags(flags, &seg->flags) || end - seq != len)
		return script_fail(s, "not a segment: %s", text);
	seg->seq = seq;
	seg->len = len;
	seg->ecn = parse_ecn(text);
	word = strstr(text, "ack ");
	if (word != NULL)
		seg->ack = (uint32_t)strtoul(word + 4, NULL, 10);
	word = strstr(text, "win ");
	if (word != NULL)
		seg->win = (uint32_t)strtoul(word + 4, NULL, 10);
	return true;
}

static const char *flags_text(uint8_t flags, char buf[FLAGS_SIZE])
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(flag_letters); i++)
		if (flags & flag_letters[i].flag)
			buf[n++] = flag_letters[i].letter;
	buf[n] = '\0';
	return buf;
}

// --- lines

static bool none_unexpected(struct script *s)
{
	const struct wire_seg *seg = &s->queue[0].seg;
	char flags[FLAGS_SIZE];

	if (s->queue_n == 0)
		return true;
	return script_fail(s, "unexpected segment at %.6f: %s %u:(%u) ack %u win %u",
		(double)(s->queue[0].at.ns - NS_PER_SEC) / NS_PER_SEC,
		flags_text(seg->flags, flags), seg->seq - s->flow->iss, seg->len,
		seg->ack - PEER_ISN, seg->win);
}

static void move_sack(struct tcp_opts *opts, uint32_t by)
{
	for (unsigned i = 0; i < opts->sack_n; i++) {
		opts->sack[i].seq += by;
		opts->sack[i].end += by;
	}
}

static bool inject(struct script *s, char *text, bool bad)
{
	struct wire_stack stack = stack_of(s);
	struct wire_seg seg;
	struct rte_mbuf *frame;
	bool options;

	if (!parse_seg(s, text, &seg, &options))
		return false;
	seg.peer_port = s->flow->peer_port;
	seg.own_port = s->flow->own_port;
	seg.first = (uint8_t)seg.seq;
	seg.seq += PEER_ISN;
	seg.ack = seg.flags & TCP_ACK ? seg.ack + s->flow->iss : 0;
	seg.win = seg.win == ANY ? 65535 : seg.win;
	seg.ecn = seg.ecn == ECN_ANY ? 0 : seg.ecn;
	seg.bad_checksum = bad;
	move_sack(&seg.opts, s->flow->iss);
	if (seg.opts.ts && (seg.flags & TCP_ACK))
		seg.opts.tsecr += s->flow->ts_base;
	frame = wire_make(&s->wire, &seg);
	if (frame == NULL)
		return script_fail(s, "the segment is too long");
	wire_input(&stack, frame, s->now);
	return true;
}

static bool options_match(const struct tcp_opts *want, const struct tcp_opts *got)
{
	return want->mss == got->mss && want->wscale == got->wscale &&
		want->sack_ok == got->sack_ok && want->ts == got->ts &&
		(!want->ts || want->tsecr == got->tsecr) && want->sack_n == got->sack_n &&
		memcmp(want->sack, got->sack, want->sack_n * sizeof(want->sack[0])) == 0;
}

static bool fail_other(struct script *s, const struct wire_seg *got)
{
	static const char *const ecn[] = {"not-ect", "ect1", "ect0", "ce"};
	char flags[FLAGS_SIZE];
	char sack[TCP_SACK_MAX * 24] = "";
	size_t n = 0;

	for (unsigned i = 0; i < got->opts.sack_n; i++)
		n += (size_t)snprintf(sack + n, sizeof(sack) - n, "%s%u-%u", i > 0 ? ":" : "",
			got->opts.sack[i].seq, got->opts.sack[i].end);
	return script_fail(s,
		"got %s %u:%u(%u) ack %u win %u %s mss=%u wscale=%u%s ts=%d ecr=%u sack=%s, port "
		"%u",
		flags_text(got->flags, flags), got->seq, got->seq + got->len, got->len, got->ack,
		got->win, ecn[got->ecn], got->opts.mss, got->opts.wscale,
		got->opts.sack_ok ? " sackok" : "", got->opts.ts, got->opts.tsecr, sack,
		got->peer_port);
}

// The next segment must be this one, now.
static bool expect(struct script *s, char *text, struct mono at)
{
	struct wire_seg want;
	struct sent got;
	bool options;

	if (!parse_seg(s, text, &want, &options))
		return false;
	if (s->queue_n == 0)
		return script_fail(
			s, "no segment by %.6f", (double)(at.ns - NS_PER_SEC) / NS_PER_SEC);
	got = s->queue[0];
	memmove(&s->queue[0], &s->queue[1], --s->queue_n * sizeof(s->queue[0]));
	if (got.at.ns / NS_PER_US != at.ns / NS_PER_US)
		return script_fail(s, "a segment at %.6f instead of %.6f",
			(double)(got.at.ns - NS_PER_SEC) / NS_PER_SEC,
			(double)(at.ns - NS_PER_SEC) / NS_PER_SEC);
	got.seg.seq -= s->flow->iss;
	got.seg.ack -= got.seg.flags & TCP_ACK ? PEER_ISN : 0;
	move_sack(&got.seg.opts, -PEER_ISN);
	if (got.seg.peer_port != s->flow->peer_port ||
		((got.seg.flags ^ want.flags) & (uint8_t)~TCP_PSH) != 0 ||
		got.seg.seq != want.seq || got.seg.len != want.len ||
		((want.flags & TCP_ACK) && got.seg.ack != want.ack) ||
		(want.win != ANY && got.seg.win != want.win) ||
		(want.ecn != ECN_ANY && got.seg.ecn != want.ecn) ||
		(options && !options_match(&want.opts, &got.seg.opts)))
		return fail_other(s, &got.seg);
	return true;
}

// [+SECONDS] < segment | [+SECONDS] > segment | [+SECONDS] VERB arguments
static bool run_line(struct script *s, char *line)
{
	struct mono at = s->now;
	char verb[32];
	int used = 0;

	if (sscanf(line, "config %n", &used) == 0 && used > 0)
		return script_config(s, line + used);
	if (!start(s))
		return false;
	if (*line == '+') {
		at = mono_add(at, (uint64_t)(strtod(line + 1, &line) * 1e6 + 0.5) * NS_PER_US);
		line += strspn(line, " \t");
	}
	if (sscanf(line, "port %31s", verb) == 1) {
		s->flow = flow_of(s, (uint16_t)atoi(verb));
		return true;
	}
	if (*line == '>') {
		if (s->queue_n == 0 && !pass(s, at, true))
			return false;
		return expect(s, line + 1, at);
	}
	// What happens at one instant is one turn: segments and calls first, output then.
	if ((at.ns > s->now.ns || strncmp(line, "silence", 7) == 0) &&
		(!pass(s, at, false) || !none_unexpected(s)))
		return false;
	if (*line == '<')
		return inject(s, line + 1 + (line[1] == '!'), line[1] == '!');
	if (sscanf(line, "%31s %n", verb, &used) < 1)
		return script_fail(s, "not a line");
	return script_call(s, verb, line + used);
}

static bool run_lines(struct script *s, FILE *file, unsigned *number)
{
	char line[512];

	while (fgets(line, sizeof(line), file) != NULL) {
		char *text = line + strspn(line, " \t");

		++*number;
		text[strcspn(text, "#\n")] = '\0';
		if (*text != '\0' && !run_line(s, text))
			return false;
	}
	return start(s) && turn(s) && none_unexpected(s);
}

static void stop(struct script *s)
{
	tcp_free(s->tcp);
	net_free(s->net);
	rte_mempool_free(s->wire.pool);
}

bool tcp_script_run(const char *path, char *error, size_t size)
{
	struct script *s = calloc(1, sizeof(*s));
	FILE *file = fopen(path, "r");
	char what[400] = "can't be read";
	unsigned number = 0;
	bool ok = false;

	test_eal_start();
	s->error = what;
	s->error_size = sizeof(what);
	s->now = (struct mono){.ns = NS_PER_SEC};
	s->mtu = 1500;
	s->backlog = 16;
	s->cfg = tcp_config_default();
	s->cfg.conns_max = 64;
	s->cfg.half_open_max = 16;
	s->cfg.time_wait_max = 16;
	s->cfg.rcv_buf = 65535;
	s->cfg.timestamps = false;
	s->cfg.window_scaling = false;
	s->cfg.sack = false;
	s->cfg.secret = (struct siphash_key){{1, 2}};
	s->flow = flow_of(s, 40000);
	if (file != NULL) {
		ok = run_lines(s, file, &number);
		if (ok && s->tcp != NULL) {
			tcp_free(s->tcp);
			s->tcp = NULL;
			ok = test_pool_in_use(s->wire.pool) == 0 || script_fail(s, "mbufs leaked");
		}
		fclose(file);
	}
	stop(s);
	free(s);
	snprintf(error, size, "%s:%u: %s", path, number, what);
	return ok;
}
