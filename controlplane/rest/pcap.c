#include "controlplane/rest/pcap.h"

#include <string.h>

#define MAGIC_NS 0xa1b23c4du
#define LINK_ETHERNET 1u
#define SNAP_MAX 262144u

struct header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t reserved[2];
	uint32_t snap;
	uint32_t link;
};

struct record {
	uint32_t s;
	uint32_t ns;
	uint32_t kept;
	uint32_t len;
};

_Static_assert(sizeof(struct header) == PCAP_HEADER_LEN, "as the format has it");
_Static_assert(sizeof(struct record) == PCAP_RECORD_LEN, "as the format has it");

// The length of the part's first record, and its time; 0: there is none.
static size_t first(const struct pcap_part *part, uint64_t *at)
{
	struct record record;

	if (part->len < sizeof(record))
		return 0;
	memcpy(&record, part->bytes, sizeof(record));
	if (record.kept > part->len - sizeof(record))
		return 0;
	*at = (uint64_t)record.s << 32 | record.ns;
	return sizeof(record) + record.kept;
}

size_t pcap_write(struct pcap_part *parts, unsigned n, unsigned char *out)
{
	struct header header = {
		.magic = MAGIC_NS, .major = 2, .minor = 4, .snap = SNAP_MAX, .link = LINK_ETHERNET};
	size_t len = sizeof(header);

	memcpy(out, &header, sizeof(header));
	for (;;) {
		struct pcap_part *best = NULL;
		uint64_t best_at = 0;
		size_t best_len = 0;

		for (unsigned i = 0; i < n; i++) {
			uint64_t at = 0;
			size_t record_len = first(&parts[i], &at);

			if (record_len == 0 || (best != NULL && at >= best_at))
				continue;
			best = &parts[i];
			best_at = at;
			best_len = record_len;
		}
		if (best == NULL)
			return len;
		memcpy(out + len, best->bytes, best_len);
		len += best_len;
		best->bytes += best_len;
		best->len -= best_len;
	}
}
