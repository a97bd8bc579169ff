#include "dataplane/session/pressure.h"

#define LOOK_NS NS_PER_SEC
// Low is less than one part in so many.
#define LOW_PART 4
// A client that holds no more is no trouble.
#define HELD_MIN (16u * 1024)
// Who takes so much between two looks is not slow.
#define TAKEN_MIN (64u * 1024)

static bool is_low(const struct session *s)
{
	return rte_mempool_avail_count(s->config.big) < s->config.big->size / LOW_PART;
}

static bool is_slow(const struct client *c, uint32_t acked)
{
	return tcp_unacked(c->conn) + c->unsent >= HELD_MIN && acked - c->acked < TAKEN_MIN;
}

void pressure_check(struct session *s, struct mono now)
{
	bool was_low = s->is_low;

	if (!s->config.big || !mono_due(now, s->look_at))
		return;
	s->look_at = mono_add(now, LOOK_NS);
	s->is_low = is_low(s);
	if (!s->is_low)
		return;
	list_for_each_safe (link, next, &s->all) {
		struct client *c = list_entry(link, struct client, all);
		uint32_t acked = c->sent - tcp_unacked(c->conn);

		if (was_low && is_slow(c, acked)) {
			stat_inc(s->stats, STAT_client_slow);
			client_end(s, c, true);
		} else {
			c->acked = acked;
		}
	}
}
