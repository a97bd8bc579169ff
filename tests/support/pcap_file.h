// Writes packets of virtual time to a file that tcpdump and Wireshark read: pcap with nanoseconds,
// Ethernet. Each packet is written out at once, so that what came before a crash is in the file.
#pragma once

#include <stdint.h>

#include "common/base/mono.h"

struct pcap_file;

// Of each packet the first `snap` bytes are kept. NULL when the file can't be made: errno.
struct pcap_file *pcap_file_open(const char *path, uint32_t snap);

void pcap_file_write(struct pcap_file *file, struct mono at, const uint8_t *data, uint32_t len);

// NULL does nothing.
void pcap_file_close(struct pcap_file *file);
