#include "dataplane/session/dnode_in.h"

#include <string.h>

#include "common/proto/dnode_ext.h"
#include "dataplane/session/core.h"
#include "dataplane/session/input.h"

// Gossip of a thousand nodes is a tenth of that.
#define SKIP_MAX (1u << 20)

void dnode_in_init(struct dnode_in *d)
{
	d->skip = 0;
	d->framed = false;
	dnode_parser_init(&d->parser);
}

static bool header_read(struct dnode_in *d)
{
	const struct dnode_header *header = &d->parser.header;

	if (dnode_is_encrypted(header))
		return false;
	switch (dnode_framing(header->type)) {
	case DNODE_FRAMING_REQUEST:
		d->framed = true;
		return true;
	case DNODE_FRAMING_LENGTH:
		d->skip = header->plen;
		return header->plen <= SKIP_MAX;
	case DNODE_FRAMING_REPLY:
	case DNODE_FRAMING_UNKNOWN:
		break;
	}
	return false;
}

bool dnode_in_take(struct client *c)
{
	struct dnode_in *d = c->dnode;
	const uint8_t *data;
	size_t len;

	while (!d->framed && (len = input_chunk(c, &data)) > 0) {
		enum dnode_status status = DNODE_MORE;
		size_t used = len;

		if (d->skip > 0) {
			used = len < d->skip ? len : (size_t)d->skip;
			d->skip -= used;
		} else {
			status = dnode_parse(&d->parser, data, len, &used);
		}
		input_advance(c, used);
		tcp_recv_done(c->conn, input_drop(c));
		if (status == DNODE_ERROR || (status == DNODE_DONE && !header_read(d)))
			return false;
	}
	return true;
}

void dnode_in_begin(const struct client *c, struct request *r)
{
	const struct dnode_header *header = &c->dnode->parser.header;
	struct dnode_ext ext;

	r->dnode_id = header->id;
	r->same_dc = header->same_dc;
	r->flags |= REQUEST_HOLD;
	if (header->type == DNODE_REQ_FORWARD)
		r->flags |= REQUEST_SPREAD;
	if (dnode_ext_get(header->data, &ext) == DNODE_EXT_FOUND && ext.has_stamp)
		r->stamp = ext.stamp;
}

bool dnode_in_whole(struct client *c, uint64_t size)
{
	c->dnode->framed = false;
	return dnode_plen_agrees(&c->dnode->parser.header, size);
}

// --- replies

static size_t put_header(const struct request *r, uint64_t len, char out[DNODE_HEADER_MAX])
{
	char text[DNODE_EXT_MAX];
	struct dnode_ext ext = {0};
	struct dnode_header header = {
		.id = r->dnode_id,
		.type = DNODE_RES,
		.version = DNODE_VERSION,
		.same_dc = r->same_dc,
		.plen = len,
	};

	if (dnode_id_is_ours(r->dnode_id))
		header.data = slice_make(text, dnode_ext_put(text, sizeof(text), &ext));
	return dnode_put_header(out, DNODE_HEADER_MAX, &header);
}

// Header and text next to each other.
static bool copy_both(const char *header, size_t len, struct slice text, struct reply *out)
{
	char both[DNODE_HEADER_MAX + SESSION_REPLY_COPY_MAX];

	memcpy(both, header, len);
	memcpy(both + len, text.ptr, text.len);
	return reply_copy(out, slice_make(both, len + text.len));
}

static bool refer_slice(struct request *r, const char *header, size_t len, struct reply *out)
{
	struct reply payload = {.pool = out->pool};

	if (!reply_refer(&payload, r->reply, r->reply_off, r->reply_len))
		return false;
	if (!reply_copy(out, slice_make(header, len))) {
		reply_free(&payload);
		return false;
	}
	reply_take(out, payload.head);
	return true;
}

bool dnode_in_reply(struct request *r, struct reply *out)
{
	struct slice text = request_error_answer(r);
	char header[DNODE_HEADER_MAX];
	size_t len = put_header(r, r->error ? text.len : r->reply_len, header);

	if (r->error)
		return copy_both(header, len, text, out);
	if (r->flags & REQUEST_SLICE) {
		text = slice_make(rte_pktmbuf_mtod_offset(r->reply, const char *, r->reply_off),
			r->reply_len);
		return text.len < SESSION_REPLY_COPY_MAX ? copy_both(header, len, text, out)
							 : refer_slice(r, header, len, out);
	}
	if (!reply_copy(out, slice_make(header, len)))
		return false;
	r->client->unsent -= r->reply_len;
	reply_take(out, r->reply);
	r->reply = NULL;
	r->reply_tail = NULL;
	r->reply_len = 0;
	return true;
}
