// Orders on standard input, one a line: a verb, and settings as key=value.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orders {
	char text[4096];
	size_t len;
	size_t at;
	bool ended; // no more will come, or a line was too long
};

// Reads what is there without waiting for more; poll first.
void orders_read(struct orders *in);

// The next whole line, without its end; NULL when there is none. Valid until orders_read.
char *orders_next(struct orders *in);

// Cuts the verb off the line, and then setting after setting from `rest`.
char *orders_verb(char *line, char **rest);
bool orders_setting(char **rest, char **key, char **value);

bool orders_number(const char *text, uint64_t max, uint64_t *to);

// The position of `text` in `names`, which ends with NULL; -1 when it is not there.
int orders_choice(const char *text, const char *const *names);
