// What COMMAND and its subcommands answer, and the HELP of any container: written from the rows.
// Each function writes one element of the reply, so that a caller with a small buffer can go row by
// row; for the whole table, put an array header for resp_cmd_count() before.
#pragma once

#include "common/proto/resp.h"
#include "common/proto/resp_cmd.h"

// Rows that are no subcommand: what COMMAND COUNT says.
uint32_t resp_cmd_count(void);
struct slice resp_cmd_group_name(enum resp_cmd_group group);

// For COMMAND INFO and COMMAND: name, arity, flags, first key, last key, step, categories, tips,
// key specifications (none), subcommands. A row that is NULL gives the null of an unknown name.
void resp_cmd_put_info(struct resp_writer *w, const struct resp_cmd *row);
// For COMMAND DOCS, two elements: the name and what is known of it.
void resp_cmd_put_docs(struct resp_writer *w, const struct resp_cmd *row);
// For CONTAINER HELP: the whole reply.
void resp_cmd_put_help(struct resp_writer *w, const struct resp_cmd *container);
// For COMMAND GETKEYS: the whole reply to a request of args_n arguments (without COMMAND GETKEYS).
void resp_cmd_put_getkeys(struct resp_writer *w, const struct slice *args, uint32_t args_n);
