// The cost of the stack alone: packets in memory, one core, one figure a run, one line of JSON.
// tests/bench/run makes the runs, counts instructions, and writes docs/performance.md.
//
// Ends with 0; 1 when something is wrong; 3 when instructions were asked for and the machine has no
// counter for them.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/tcp_cost/figure.h"

#define EXIT_NO_COUNTER 3
#define MBUFS_BESIDE 16384

static const struct figure figures[] = {
	{"exchange", "request and reply", figure_exchange},
	{"data-in", "request and bare ACK", figure_data_in},
	{"ack-in", "bare ACK received", figure_ack_in},
	{"reply-out", "small segment sent", figure_reply_out},
	{"open", "connection opened", figure_open},
	{"close", "connection closed", figure_close},
	{"stream-in", "full segment received", figure_stream_in},
	{"stream-out", "full segment sent", figure_stream_out},
	{"stream-ack", "ACK of two full segments received", figure_stream_ack},
	{"idle", "idle connection", figure_idle},
};

static const char usage[] =
	"Usage: tcp_cost FIGURE [OPTION]...\n"
	"\n"
	"  --conns N        connections (100)\n"
	"  --active N       of them, those that do something (all)\n"
	"  --samples N      bursts that are measured (4000)\n"
	"  --payload N      bytes of a request and of a reply (32)\n"
	"  --v6             IPv6\n"
	"  --software-csum  the port checks and fills in no checksums\n"
	"  --huge           packet buffers on huge pages, if the kernel gives some\n"
	"  --count          count instructions too, by the CPU's counter\n"
	"  --list           the figures\n";

struct settings {
	struct rig_options rig;
	uint32_t active;
	uint32_t samples;
	uint32_t payload;
	bool count;
};

static const struct figure *figure_find(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(figures); i++)
		if (strcmp(figures[i].name, name) == 0)
			return &figures[i];
	return NULL;
}

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value == 0 || value > max)
		rig_die("%s is not a number from 1 to %u", text, max);
	return (uint32_t)value;
}

static int list(void)
{
	for (size_t i = 0; i < RTE_DIM(figures); i++)
		printf("%-12s %s\n", figures[i].name, figures[i].unit);
	return 0;
}

static struct settings parse(int argc, char **argv)
{
	static const struct option options[] = {{"conns", 1, NULL, 'c'}, {"active", 1, NULL, 'a'},
		{"samples", 1, NULL, 's'}, {"payload", 1, NULL, 'p'}, {"v6", 0, NULL, '6'},
		{"software-csum", 0, NULL, 'k'}, {"huge", 0, NULL, 'h'}, {"count", 0, NULL, 'n'},
		{"list", 0, NULL, 'l'}, {"help", 0, NULL, '?'}, {0}};
	struct settings s = {.rig.conns = 100, .samples = 4000, .payload = 32};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			s.rig.conns = number(optarg, 4000000);
			break;
		case 'a':
			s.active = number(optarg, 4000000);
			break;
		case 's':
			s.samples = number(optarg, 100000000);
			break;
		case 'p':
			s.payload = number(optarg, RIG_MSS / 2);
			break;
		case '6':
			s.rig.v6 = true;
			break;
		case 'k':
			s.rig.software_csum = true;
			break;
		case 'h':
			s.rig.huge = true;
			break;
		case 'n':
			s.count = true;
			break;
		case 'l':
			exit(list());
		default:
			fputs(usage, stderr);
			exit(1);
		}
	}
	if (s.active == 0 || s.active > s.rig.conns)
		s.active = s.rig.conns;
	s.rig.mbufs = s.active + MBUFS_BESIDE;
	return s;
}

static void print(const struct figure *figure, struct bench *bench)
{
	struct meter *meter = &bench->meter;
	uint64_t instructions = meter_instructions(meter);

	printf("{\"figure\": \"tcp-%s\", \"unit\": \"%s\", \"family\": \"%s\", \"connections\": "
	       "%u, "
	       "\"active\": %u, \"checksums\": \"%s\", \"huge_pages\": %s, \"tsc_mhz\": %llu",
		figure->name, figure->unit, bench->rig.options.v6 ? "ipv6" : "ipv4", bench->conns,
		bench->active, bench->rig.options.software_csum ? "software" : "port",
		bench->rig.options.huge ? "true" : "false",
		(unsigned long long)(rte_get_tsc_hz() / 1000000));
	if (meter->ops > 0)
		printf(", \"operations\": %llu, \"cycles\": %llu, \"cycles_p10\": %llu, "
		       "\"cycles_p90\": %llu",
			(unsigned long long)meter->ops, (unsigned long long)meter_ticks(meter, 50),
			(unsigned long long)meter_ticks(meter, 10),
			(unsigned long long)meter_ticks(meter, 90));
	if (instructions > 0)
		printf(", \"instructions\": %llu", (unsigned long long)(instructions / meter->ops));
	printf("%s}\n", bench->extra);
}

int main(int argc, char **argv)
{
	struct settings settings = parse(argc, argv);
	const struct figure *figure = optind + 1 == argc ? figure_find(argv[optind]) : NULL;
	struct bench *bench = calloc(1, sizeof(*bench));

	if (figure == NULL || bench == NULL) {
		fputs(usage, stderr);
		return 1;
	}
	bench->conns = settings.rig.conns;
	bench->active = settings.active;
	bench->samples = settings.samples;
	bench->payload = settings.payload;
	rig_start(&bench->rig, &settings.rig);
	peer_start(&bench->peer, &bench->rig, bench->conns);
	if (!meter_start(&bench->meter, bench->samples, settings.count)) {
		fputs("tcp_cost: this machine counts no instructions\n", stderr);
		return EXIT_NO_COUNTER;
	}
	figure->run(bench);
	print(figure, bench);
	meter_stop(&bench->meter);
	peer_stop(&bench->peer);
	rig_stop(&bench->rig);
	free(bench);
	return 0;
}
