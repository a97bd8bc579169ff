#include "controlplane/cluster/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)256 << 10) // the resolver's own buffers are on it

// What waits, is asked and is answered are RESOLVER_WAITING_MAX together: each array is long
// enough.
struct resolver {
	pthread_mutex_t lock; // of all below
	pthread_cond_t more;
	resolver_lookup *lookup;
	int fd;
	bool closing;
	unsigned users; // threads, and who made it
	unsigned ask_n;
	unsigned busy_n;
	unsigned answer_n;
	char ask[RESOLVER_WAITING_MAX][SNAPSHOT_HOST_MAX];
	struct resolver_answer answer[RESOLVER_WAITING_MAX];
};

static void add(struct resolver_answer *answer, const struct sockaddr *sa)
{
	struct ip_addr *addr = &answer->addr[answer->addr_n];
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		*addr = ip_addr_from_v4(v4.sin_addr.s_addr);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(addr->b, &v6.sin6_addr, sizeof(addr->b));
	} else {
		return;
	}
	answer->addr_n++;
}

void resolver_system(struct resolver_answer *answer)
{
	// One socket type, or each address comes three times.
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int error = getaddrinfo(answer->host, NULL, &hints, &found);

	if (error != 0) {
		answer->error = gai_strerror(error);
		return;
	}
	for (struct addrinfo *a = found; a != NULL && answer->addr_n < RESOLVER_ADDRS_MAX;
		a = a->ai_next)
		add(answer, a->ai_addr);
	freeaddrinfo(found);
	if (answer->addr_n == 0)
		answer->error = "it has no address";
}

// Called with the lock; it is gone afterwards.
static void leave(struct resolver *resolver)
{
	bool last = --resolver->users == 0;

	pthread_mutex_unlock(&resolver->lock);
	if (!last)
		return;
	if (resolver->fd >= 0)
		close(resolver->fd);
	pthread_cond_destroy(&resolver->more);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

static void serve_one(struct resolver *resolver)
{
	struct resolver_answer answer = {.error = NULL};

	memcpy(answer.host, resolver->ask[0], sizeof(answer.host));
	resolver->ask_n--;
	memmove(resolver->ask[0], resolver->ask[1], resolver->ask_n * sizeof(resolver->ask[0]));
	resolver->busy_n++;
	pthread_mutex_unlock(&resolver->lock);
	resolver->lookup(&answer);
	pthread_mutex_lock(&resolver->lock);
	resolver->busy_n--;
	resolver->answer[resolver->answer_n++] = answer;
	(void)eventfd_write(resolver->fd, 1);
}

static void *thread_main(void *arg)
{
	struct resolver *resolver = arg;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->closing) {
		if (resolver->ask_n > 0)
			serve_one(resolver);
		else
			pthread_cond_wait(&resolver->more, &resolver->lock);
	}
	leave(resolver);
	return NULL;
}

static int start_threads(struct resolver *resolver)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error = pthread_attr_init(&attr);

	if (error != 0)
		return error;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (unsigned i = 0; i < RESOLVER_THREADS && error == 0; i++) {
		pthread_mutex_lock(&resolver->lock);
		error = pthread_create(&thread, &attr, thread_main, resolver);
		if (error == 0)
			resolver->users++;
		pthread_mutex_unlock(&resolver->lock);
	}
	pthread_attr_destroy(&attr);
	return error;
}

struct resolver *resolver_new(resolver_lookup *lookup)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int error;

	if (resolver == NULL)
		return NULL;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->more, NULL);
	resolver->lookup = lookup;
	resolver->users = 1;
	resolver->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	error = resolver->fd < 0 ? errno : start_threads(resolver);
	if (error != 0) {
		resolver_free(resolver);
		errno = error;
		return NULL;
	}
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	pthread_mutex_lock(&resolver->lock);
	resolver->closing = true;
	pthread_cond_broadcast(&resolver->more);
	leave(resolver);
}

bool resolver_has_room(struct resolver *resolver)
{
	bool room;

	pthread_mutex_lock(&resolver->lock);
	room = resolver->ask_n + resolver->busy_n + resolver->answer_n < RESOLVER_WAITING_MAX;
	pthread_mutex_unlock(&resolver->lock);
	return room;
}

void resolver_ask(struct resolver *resolver, const char *host)
{
	pthread_mutex_lock(&resolver->lock);
	strcpy(resolver->ask[resolver->ask_n++], host);
	pthread_cond_signal(&resolver->more);
	pthread_mutex_unlock(&resolver->lock);
}

int resolver_fd(const struct resolver *resolver)
{
	return resolver->fd;
}

bool resolver_next(struct resolver *resolver, struct resolver_answer *answer)
{
	eventfd_t count;
	bool found;

	pthread_mutex_lock(&resolver->lock);
	found = resolver->answer_n > 0;
	if (found) {
		*answer = resolver->answer[0];
		resolver->answer_n--;
		memmove(resolver->answer, resolver->answer + 1,
			resolver->answer_n * sizeof(resolver->answer[0]));
	} else {
		(void)eventfd_read(resolver->fd, &count);
	}
	pthread_mutex_unlock(&resolver->lock);
	return found;
}
