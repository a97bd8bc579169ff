// Whether replicas gave the same answer, by what it means: each reply becomes a digest of fixed
// size while it passes by, and digests are compared. How is said by the command's row (`compare` of
// resp_cmd.def):
//
//   EXACT     All bytes.
//   SET       The elements of the array, in whatever order, each as often.
//   PAIRS     The same of pairs of neighbours: fields and values.
//   ABOUT_S   Integers that are seconds, or milliseconds, and may differ by the time between two
//   ABOUT_MS  replicas' answers; negative ones (no such key, no expiry) must be equal.
//   ANY       Chance or the inside of a store is in it: that there is anything, or that there is
//   not.
//
// An error is compared by its bytes, whatever the command; so is a reply that is not of the type
// that is compared by meaning (one bulk string of SPOP). An element that is an array is its bytes.
//
// The hash is SipHash-2-4 of 128 bits: without the key, which must be secret and the same for
// all replies that are compared, nobody can make two answers that look equal. Digests of elements
// are added, so that their order does not matter.
//
// State is bounded and nothing is allocated. A reply that is not well formed gives some digest, and
// is otherwise harmless; a caller that has not parsed it does so.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/siphash.h"
#include "common/proto/resp.h"
#include "common/proto/resp_cmd.h"

enum resp_digest_class {
	RESP_DIGEST_BYTES,    // sum: of all bytes; of a reply that is no error
	RESP_DIGEST_ERROR,    // sum: of all bytes
	RESP_DIGEST_ELEMENTS, // sum: of the elements' or pairs' digests; number: how many elements
	RESP_DIGEST_NUMBER,   // number: the integer
	RESP_DIGEST_SOME,     // compare is ANY, and there is something
	RESP_DIGEST_NONE,     // compare is ANY: null, or an empty array
};

struct resp_digest {
	uint64_t sum[2];
	int64_t number;
	enum resp_digest_class class;
};

enum resp_digest_step {
	RESP_DIGEST_HEAD,     // the first line, when anything but EXACT
	RESP_DIGEST_ALL,      // all bytes go into one hash
	RESP_DIGEST_ELEMENT,  // each element, or pair, has a hash
	RESP_DIGEST_NO_MATTER // nothing that follows changes the digest
};

struct resp_digester {
	const struct siphash_key *key; // outlives the digester
	enum resp_cmd_compare compare;
	enum resp_digest_step step;
	struct resp_digest digest;
	struct siphash_stream all;     // from the first byte
	struct siphash_stream element; // of the element, or pair, that is under way
	bool open;                     // `element` has bytes
	bool half;                     // of a pair
	struct resp_line line;
	struct resp_reply_parser parser; // finds where elements end
};

void resp_digest_start(
	struct resp_digester *d, const struct siphash_key *key, enum resp_cmd_compare compare);
// The next bytes of the reply, cut anywhere, and none of what follows it.
void resp_digest_feed(struct resp_digester *d, const void *data, size_t len);
// When all of the reply was fed. The digester can then only be started again.
struct resp_digest resp_digest_end(struct resp_digester *d);

// `about_ms` is the difference in milliseconds that counts as none for ABOUT_S (which rounds it up
// to seconds, and allows one more for the store's own rounding) and ABOUT_MS: as long as one
// replica may have answered after another. Not transitive for these two: compare with the first of
// a group.
bool resp_digest_same(enum resp_cmd_compare compare, const struct resp_digest *a,
	const struct resp_digest *b, uint32_t about_ms);
