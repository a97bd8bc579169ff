// Words that a key can take. One list per key of type CHOICE gives the enum and the names; a value
// is the index into the names. Read without regard to case, as the original reads consistencies.
#pragma once

#include "common/cluster/hash.h"

// Values are those of `enum consistency`.
#define CONF_CONSISTENCY_LIST(X)                         \
	X(CONSISTENCY, DC_ONE, "DC_ONE")                 \
	X(CONSISTENCY, DC_QUORUM, "DC_QUORUM")           \
	X(CONSISTENCY, DC_SAFE_QUORUM, "DC_SAFE_QUORUM") \
	X(CONSISTENCY, DC_EACH_SAFE_QUORUM, "DC_EACH_SAFE_QUORUM")

// Values are those of `enum hash_kind`, whose list this is.
#define CONF_HASH_LIST(X) HASH_LIST(X)

#define CONF_DATA_STORE_LIST(X)   \
	X(DATA_STORE, REDIS, "0") \
	X(DATA_STORE, MEMCACHE, "1")

#define CONF_SEED_PROVIDER_LIST(X)                    \
	X(SEED_PROVIDER, SIMPLE, "simple_provider")   \
	X(SEED_PROVIDER, FLORIDA, "florida_provider") \
	X(SEED_PROVIDER, DNS, "dns_provider")

#define CONF_SECURE_LIST(X)                 \
	X(SECURE, NONE, "none")             \
	X(SECURE, DATACENTER, "datacenter") \
	X(SECURE, RACK, "rack")             \
	X(SECURE, ALL, "all")

#define CONF_POLL_LIST(X)     \
	X(POLL, BUSY, "busy") \
	X(POLL, ADAPTIVE, "adaptive")

#define CONF_HUGEPAGES_LIST(X)     \
	X(HUGEPAGES, AUTO, "auto") \
	X(HUGEPAGES, ON, "on")     \
	X(HUGEPAGES, OFF, "off")

// The names of dataplane/tcp/cc.h.
#define CONF_CONGESTION_LIST(X)       \
	X(CONGESTION, CUBIC, "cubic") \
	X(CONGESTION, NEWRENO, "newreno")

// Values are those of `enum tcp_ecn`.
#define CONF_ECN_LIST(X)         \
	X(ECN, OFF, "off")       \
	X(ECN, ACCEPT, "accept") \
	X(ECN, OFFER, "offer")

// Every list: name of the set, its rows.
#define CONF_CHOICES(SET)                           \
	SET(consistency, CONF_CONSISTENCY_LIST)     \
	SET(hash, CONF_HASH_LIST)                   \
	SET(data_store, CONF_DATA_STORE_LIST)       \
	SET(seed_provider, CONF_SEED_PROVIDER_LIST) \
	SET(secure, CONF_SECURE_LIST)               \
	SET(poll, CONF_POLL_LIST)                   \
	SET(hugepages, CONF_HUGEPAGES_LIST)         \
	SET(congestion, CONF_CONGESTION_LIST)       \
	SET(ecn, CONF_ECN_LIST)

// enum conf_hash { CONF_HASH_MD5, … } and so on.
#define CONF_CHOICE_ENUM(set, id, ...) CONF_##set##_##id,
#define CONF_CHOICE_SET(set, list) enum conf_##set{list(CONF_CHOICE_ENUM)};
CONF_CHOICES(CONF_CHOICE_SET)
#undef CONF_CHOICE_SET
#undef CONF_CHOICE_ENUM

// NULL-terminated; index is the enum's value.
#define CONF_CHOICE_SET(set, list) extern const char *const conf_##set##_names[];
CONF_CHOICES(CONF_CHOICE_SET)
#undef CONF_CHOICE_SET
