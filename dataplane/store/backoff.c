#include "dataplane/store/backoff.h"

#define PAUSE_MIN (100 * NS_PER_MS)
#define PAUSE_MAX NS_PER_SEC

static bool eject(struct backoff *b, struct mono now)
{
	if (!b->eject || b->failures < b->limit)
		return false;
	b->ejected = true;
	b->retry_at = mono_add(now, b->retry_timeout);
	return true;
}

static uint64_t pause_after(uint32_t failures)
{
	uint64_t pause = PAUSE_MIN;

	while (failures-- > 1 && pause < PAUSE_MAX)
		pause *= 2;
	return pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

bool backoff_failed(struct backoff *b, struct mono now)
{
	if (b->failures < UINT32_MAX)
		b->failures++;
	if (eject(b, now))
		return true;
	b->retry_at = mono_add(now, pause_after(b->failures));
	return false;
}

bool backoff_timed_out(struct backoff *b, struct mono now)
{
	if (backoff_is_ejected(b, now))
		return false;
	if (b->failures < UINT32_MAX)
		b->failures++;
	return eject(b, now);
}

void backoff_ok(struct backoff *b)
{
	b->failures = 0;
	b->ejected = false;
}
