#include "dataplane/port/quirk.h"

#include <stddef.h>
#include <string.h>

#include "common/base/compiler.h"

static const struct quirk quirks[] = {
#define QUIRK(name, what, mtu, tx, text) \
	{.driver = name, .flags = what, .mtu_max = mtu, .tx_max = tx, .why = text},
#include "dataplane/port/quirk.def"
#undef QUIRK
};

const struct quirk *quirk_of(const char *driver)
{
	static const struct quirk none = {.driver = ""};

	for (size_t i = 0; i < ARRAY_LEN(quirks); i++)
		if (strcmp(quirks[i].driver, driver) == 0)
			return &quirks[i];
	return &none;
}
