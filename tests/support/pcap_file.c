#include "tests/support/pcap_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC_NS 0xa1b23c4d
#define LINK_ETHERNET 1

struct pcap_file {
	int fd;
	uint32_t snap;
};

// All in the byte order of this machine: readers tell it by the magic number.
struct file_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t zone;
	uint32_t accuracy;
	uint32_t snap;
	uint32_t link;
};

struct packet_header {
	uint32_t sec;
	uint32_t nsec;
	uint32_t kept;
	uint32_t len;
};

struct pcap_file *pcap_file_open(const char *path, uint32_t snap)
{
	struct file_header header = {
		.magic = MAGIC_NS, .major = 2, .minor = 4, .snap = snap, .link = LINK_ETHERNET};
	struct pcap_file *file = malloc(sizeof(*file));

	if (file == NULL)
		return NULL;
	file->snap = snap;
	file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file->fd < 0 || write(file->fd, &header, sizeof(header)) != sizeof(header)) {
		pcap_file_close(file);
		return NULL;
	}
	return file;
}

void pcap_file_write(struct pcap_file *file, struct mono at, const uint8_t *data, uint32_t len)
{
	struct packet_header header = {
		.sec = (uint32_t)(at.ns / NS_PER_SEC),
		.nsec = (uint32_t)(at.ns % NS_PER_SEC),
		.kept = len < file->snap ? len : file->snap,
		.len = len,
	};
	struct iovec parts[2] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)data, .iov_len = header.kept},
	};

	// A full disk costs the rest of the trace, not the test.
	if (file->fd >= 0 &&
		writev(file->fd, parts, 2) != (ssize_t)(sizeof(header) + header.kept)) {
		close(file->fd);
		file->fd = -1;
	}
}

void pcap_file_close(struct pcap_file *file)
{
	if (file == NULL)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}
