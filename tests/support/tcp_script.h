// A small language for scripts about TCP: segments that are injected and segments that are
// expected, at times that are exact to the microsecond, and calls of the user in between. A script
// runs against a real net and tcp in virtual time; tests/script/README.md has the language.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Runs the file. False with "file:line: what is wrong" in `error`.
bool tcp_script_run(const char *path, char *error, size_t size);
