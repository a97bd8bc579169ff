// Intrusive doubly linked list. The list owns nothing: whoever embeds a `struct list` as a link
// frees the object around it. A head is a link of its own that points to itself when empty.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"

struct list {
	struct list *next;
	struct list *prev;
};

// An empty list. Not LIST_INIT, which <sys/queue.h> has.
#define LIST_SELF(name) ((struct list){.next = &(name), .prev = &(name)})

// The object that holds `link` as its member; the link must be in a list.
#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define list_for_each(pos, head) \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

// The loop body may remove `pos`.
#define list_for_each_safe(pos, tmp, head)                                     \
	for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head); \
		pos = tmp, tmp = pos->next)

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_between(struct list *link, struct list *prev, struct list *next)
{
	link->prev = prev;
	link->next = next;
	prev->next = link;
	next->prev = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
	list_insert_between(link, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *link)
{
	list_insert_between(link, head, head->next);
}

// Takes `link` out and leaves it pointing to itself, so that list_linked() tells and a second
// removal is harmless.
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

static inline bool list_linked(const struct list *link)
{
	return link->next != link;
}

// Removes and returns the first link, or NULL.
static inline struct list *list_pop_front(struct list *head)
{
	struct list *first = head->next;

	if (first == head)
		return NULL;
	list_remove(first);
	return first;
}

// Moves all of `from` to the end of `to`.
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
