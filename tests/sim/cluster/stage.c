#include "tests/sim/cluster/stage.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/session/walk.h"

#define PIECE_MAX 700u
#define ERROR_TEXT "-OOM command not allowed when used memory > 'maxmemory'.\r\n"

struct stage_flight {
	struct stage_flight *next;
	struct request *r;
	struct slice bytes;
	struct dict_reply reply;
	struct mono at; // when it is answered
};

void stage_init(struct stage *s, struct dict *dict, struct rte_mempool *pool, uint64_t seed,
	const struct plan *plan)
{
	*s = (struct stage){
		.dict = dict,
		.pool = pool,
		.time = plan->store_time,
		.error = plan->store_error,
		.chain = plan->store_chain,
		.timeout = plan->timeout_ms * NS_PER_MS,
	};
	rng_seed(&s->rng, seed);
	s->last = &s->first;
}

static struct request *pop_flight(struct stage *s)
{
	struct stage_flight *f = s->first;
	struct request *r = f->r;

	s->first = f->next;
	if (!s->first)
		s->last = &s->first;
	if (s->todo == f)
		s->todo = f->next;
	free((void *)(uintptr_t)f->bytes.ptr);
	free(f->reply.text);
	free(f);
	return r;
}

static void let_go(struct stage *s, struct request *r)
{
	r->flags &= (uint16_t)~REQUEST_HELD;
	request_answer(&s->answered, r);
}

static void refuse(struct stage *s, struct request *r)
{
	if (!request_is_discarded(r))
		request_fail(&s->answered, r, REQUEST_ERROR_STORE);
	let_go(s, r);
}

void stage_end(struct stage *s)
{
	while (s->first)
		refuse(s, pop_flight(s));
}

void stage_fini(struct stage *s)
{
	struct request *r;

	stage_end(s);
	while ((r = request_answer_pop(&s->answered))) {
		request_drop_bytes(r);
		request_drop_reply(r);
	}
}

static uint64_t draw(struct stage *s, uint64_t max)
{
	return rng_u64(&s->rng) % (max + 1);
}

static struct slice flatten(const struct request *r)
{
	struct walk w = walk_bytes(r);
	char *text = malloc(r->len + 1);
	size_t at = 0;

	while (w.left > 0) {
		struct slice piece = walk_piece(&w);

		memcpy(text + at, piece.ptr, piece.len);
		at += piece.len;
		walk_skip(&w, piece.len);
	}
	text[at] = '\0';
	return slice_make(text, at);
}

static void write_out(struct stage *s, struct request *r, struct mono now)
{
	struct stage_flight *f = calloc(1, sizeof(*f));

	f->r = r;
	f->bytes = flatten(r);
	if (!(r->flags & REQUEST_KEEP))
		request_drop_bytes(r);
	*s->last = f;
	s->last = &f->next;
	if (s->todo)
		return;
	s->todo = f;
	s->busy_until = mono_add(now, draw(s, s->time));
}

void stage_issue(struct stage *s, struct request_queue *issued, struct mono now)
{
	struct request *r;

	while ((r = request_pop(issued))) {
		r->store_at = now;
		r->out_end = ~s->put++;
		if (request_is_discarded(r))
			let_go(s, r);
		else if (s->is_away)
			refuse(s, r);
		else
			write_out(s, r, now);
	}
}

static void carry_out(struct stage *s, struct stage_flight *f, struct mono now, struct mono real)
{
	f->at = mono_add(now, draw(s, s->time));
	if (rng_below(&s->rng, PLAN_MILLION) < s->error)
		dict_put(&f->reply, ERROR_TEXT, sizeof(ERROR_TEXT) - 1);
	else
		dict_execute(s->dict, f->bytes, real, &f->reply);
}

// --- answering

static struct rte_mbuf *piece(struct stage *s, const char *text, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->pool);

	if (!m)
		return NULL;
	memcpy(rte_pktmbuf_mtod(m, char *), text, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	return m;
}

// False when a buffer is missing; what was added stays.
static bool reply_in_pieces(struct stage *s, struct request *r, struct dict_reply *reply)
{
	size_t at = 0;

	while (at < reply->len) {
		size_t n = 1 + rng_below(&s->rng, PIECE_MAX);
		struct rte_mbuf *m;

		n = n < reply->len - at ? n : reply->len - at;
		m = piece(s, reply->text + at, n);
		if (!m)
			break;
		request_add_reply(r, m);
		at += n;
	}
	memmove(reply->text, reply->text + at, reply->len - at);
	reply->len -= at;
	return reply->len == 0;
}

static bool reply_in_one(struct stage *s, struct request *r, const struct dict_reply *reply)
{
	uint16_t off = (uint16_t)rng_below(&s->rng, 64);
	char text[2048];
	struct rte_mbuf *m;

	// Other replies lie in the same buffer.
	memset(text, '?', sizeof(text));
	memcpy(text + off, reply->text, reply->len);
	m = piece(s, text, off + reply->len + rng_below(&s->rng, 64));
	if (!m)
		return false;
	request_set_slice(r, m, off, (uint32_t)reply->len);
	rte_pktmbuf_free_seg(m);
	return true;
}

static bool answer(struct stage *s, struct stage_flight *f)
{
	struct request *r = f->r;

	if (request_is_discarded(r))
		return true;
	if (f->reply.len > 1500 || rng_below(&s->rng, PLAN_MILLION) < s->chain ||
		(r->reply && !(r->flags & REQUEST_SLICE))) {
		if (!reply_in_pieces(s, r, &f->reply))
			return false;
	} else if (!reply_in_one(s, r, &f->reply)) {
		return false;
	}
	r->flags |= REQUEST_DONE;
	return true;
}

static void expire(struct stage *s, struct request *r, struct mono now)
{
	if (!request_is_discarded(r) && mono_since(now, r->store_at) >= s->timeout)
		request_fail(&s->answered, r, REQUEST_ERROR_STORE);
}

unsigned stage_poll(struct stage *s, struct mono now, struct mono real)
{
	unsigned work = 0;

	for (; !s->hangs && s->todo && mono_due(now, s->busy_until); work++) {
		carry_out(s, s->todo, now, real);
		s->todo = s->todo->next;
		s->busy_until = mono_add(now, draw(s, s->time));
	}
	while (!s->hangs && s->first && s->first != s->todo && mono_due(now, s->first->at) &&
		answer(s, s->first)) {
		let_go(s, pop_flight(s));
		work++;
	}
	for (struct stage_flight *f = s->first; f; f = f->next)
		expire(s, f->r, now);
	return work + s->answered.n;
}

static struct mono late_at(const struct stage *s, const struct request *r)
{
	return request_is_discarded(r) ? MONO_NEVER : mono_add(r->store_at, s->timeout);
}

struct mono stage_next(const struct stage *s)
{
	struct mono next = MONO_NEVER;

	if (!s->hangs && s->todo)
		next = s->busy_until;
	if (!s->hangs && s->first && s->first != s->todo)
		next = mono_min(next, s->first->at);
	for (const struct stage_flight *f = s->first; f; f = f->next)
		next = mono_min(next, late_at(s, f->r));
	return next;
}
