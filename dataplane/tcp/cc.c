#include "dataplane/tcp/cc.h"

#include <stddef.h>
#include <string.h>

static const struct cc_ops *const all[] = {&cc_cubic, &cc_newreno};

const struct cc_ops *cc_find(const char *name)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}
