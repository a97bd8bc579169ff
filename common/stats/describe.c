#include "common/stats/describe.h"

#include "common/stats/stats.h"

static void print_rows(const char *title, const struct stat_row *rows, unsigned n, FILE *out)
{
	fprintf(out, "%s:\n", title);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "  %-24s %s%s\n", rows[i].name, rows[i].help,
			rows[i].kind == STAT_GAUGE ? " (at this moment)" : "");
}

void stats_describe(FILE *out)
{
	print_rows("figures", stat_rows, STAT_N, out);
	print_rows("drops, by reason", drop_rows, DROP_N, out);
	print_rows("histograms", hist_rows, HIST_N, out);
}
