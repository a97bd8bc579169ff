// MD5 by OpenSSL's one-shot function, which works on the stack; those of EVP allocate each time.
#define OPENSSL_SUPPRESS_DEPRECATED // the one-shot is, EVP is not free of allocations
#include <openssl/md5.h>

#include "common/cluster/hash_family.h"

// The first four bytes of the digest, little-endian.
uint32_t hash_md5(struct slice key)
{
	unsigned char digest[MD5_DIGEST_LENGTH];

	(void)MD5((const unsigned char *)key.ptr, key.len, digest);
	return hash_load((const char *)digest, 4);
}
