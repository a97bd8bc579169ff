#include "tests/interop/orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void orders_read(struct orders *in)
{
	ssize_t n;

	in->len -= in->at;
	memmove(in->text, in->text + in->at, in->len);
	in->at = 0;
	if (in->len == sizeof(in->text)) {
		in->ended = true;
		return;
	}
	n = read(STDIN_FILENO, in->text + in->len, sizeof(in->text) - in->len);
	if (n <= 0)
		in->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
	else
		in->len += (size_t)n;
}

char *orders_next(struct orders *in)
{
	char *line = in->text + in->at;
	char *end = memchr(line, '\n', in->len - in->at);

	if (end == NULL)
		return NULL;
	*end = '\0';
	in->at += (size_t)(end - line) + 1;
	return line;
}

char *orders_verb(char *line, char **rest)
{
	return strtok_r(line, " ", rest);
}

bool orders_setting(char **rest, char **key, char **value)
{
	*key = strtok_r(NULL, " ", rest);
	if (*key == NULL)
		return false;
	*value = strchr(*key, '=');
	if (*value == NULL)
		*value = strchr(*key, '\0');
	else
		*(*value)++ = '\0';
	return true;
}

bool orders_number(const char *text, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *to <= max;
}

int orders_choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}
