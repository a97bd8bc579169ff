#include "common/conf/conf_near.h"

#include <limits.h>
#include <string.h>

#define NEAR_NAME_MAX 63

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned conf_distance(const char *a, const char *b)
{
	size_t an = strlen(a);
	size_t bn = strlen(b);
	unsigned d[NEAR_NAME_MAX + 1][NEAR_NAME_MAX + 1];

	if (an > NEAR_NAME_MAX || bn > NEAR_NAME_MAX)
		return UINT_MAX;
	for (unsigned i = 0; i <= an; i++)
		d[i][0] = i;
	for (unsigned j = 0; j <= bn; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= an; i++) {
		for (size_t j = 1; j <= bn; j++) {
			unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);

			d[i][j] = min2(min2(d[i - 1][j], d[i][j - 1]) + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min2(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[an][bn];
}

bool conf_is_near(const char *a, const char *b)
{
	unsigned allowed = (unsigned)(strlen(b) / 3);

	return conf_distance(a, b) <= (allowed < 3 ? allowed : 3);
}
