#include "tests/support/tcp_stream.h"

#include "tests/support/tcp_bytes.h"

void tcp_stream_init(struct tcp_stream *s, struct tcp_conn *from, struct tcp_conn *to,
	uint64_t total, uint64_t key)
{
	*s = (struct tcp_stream){
		.from = from,
		.to = to,
		.total = total,
		.key = key,
		.chunk_max = 4000,
	};
	rng_seed(&s->rng, key);
}

static bool send_mbufs(struct tcp_stream *s, struct rte_mempool *pool, uint32_t n)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf **link = &head;

	for (uint32_t left = n; left > 0;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t part;

		if (m == NULL)
			break;
		part = (uint16_t)RTE_MIN(left, rte_pktmbuf_tailroom(m));
		tcp_bytes_fill(s->key, s->made, (uint8_t *)rte_pktmbuf_append(m, part), part);
		s->made += part;
		left -= part;
		*link = m;
		link = &m->next;
	}
	return head != NULL && tcp_send(s->from, head);
}

void tcp_stream_write(struct tcp_stream *s, struct rte_mempool *pool)
{
	uint8_t small[256];

	while (s->made < s->total) {
		uint64_t left = RTE_MIN(s->total - s->made, tcp_send_room(s->from));
		uint32_t n = (uint32_t)RTE_MIN(left, 1 + rng_below(&s->rng, s->chunk_max));
		bool ok;

		if (n == 0)
			return;
		if (n <= sizeof(small)) {
			tcp_bytes_fill(s->key, s->made, small, n);
			ok = tcp_send_copy(s->from, small, n);
			s->made += n;
		} else {
			ok = send_mbufs(s, pool, n);
		}
		if (!ok)
			return;
	}
	if (s->closes) {
		s->closes = false;
		tcp_shutdown(s->from);
	}
}

void tcp_stream_read(struct tcp_stream *s)
{
	struct rte_mbuf *m = tcp_recv(s->to);
	uint32_t back;

	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		if (tcp_bytes_check(s->key, s->read, p, m->data_len) != s->read + m->data_len)
			s->wrong = true;
		s->read += m->data_len;
		s->held += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	back = s->read_max != 0 ? RTE_MIN(s->held, s->read_max) : s->held;
	s->held -= back;
	tcp_recv_done(s->to, back);
}
