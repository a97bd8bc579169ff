#include "common/stats/describe.h"

#include "common/stats/conn_info.h"
#include "common/stats/peer_info.h"
#include "common/stats/stats.h"
#include "common/stats/trace.h"

static void print_rows(const char *title, const struct stat_row *rows, unsigned n, FILE *out)
{
	fprintf(out, "%s:\n", title);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "  %-24s %s%s\n", rows[i].name, rows[i].help,
			rows[i].kind == STAT_GAUGE ? " (at this moment)" : "");
}

static const char *const trace_help[TRACE_N][2] = {
#define TRACE(id, a, a_kind, b, b_kind, help) [TRACE_##id] = {#id, help},
#include "common/stats/trace.def"
#undef TRACE
};

void stats_describe(FILE *out)
{
	print_rows("figures", stat_rows, STAT_N, out);
	print_rows("drops, by reason", drop_rows, DROP_N, out);
	print_rows("histograms", hist_rows, HIST_N, out);
	fprintf(out, "connections, each:\n");
	for (unsigned i = 0; i < CONN_NUM_N; i++)
		fprintf(out, "  %-24s %s\n", conn_num_rows[i].name, conn_num_rows[i].help);
	print_rows("peers, each, on each worker", peer_num_rows, PEER_NUM_N, out);
	fprintf(out, "events of the trace:\n");
	for (unsigned i = 0; i < TRACE_N; i++)
		fprintf(out, "  %-24s %s\n", trace_help[i][0], trace_help[i][1]);
}
