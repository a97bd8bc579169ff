#include "common/base/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"

struct signals {
	int fd;
	struct signals_handlers handlers;
	void *ctx;
};

struct signals *signals_new(const struct signals_handlers *handlers, void *ctx)
{
	static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
	struct signals *signals = calloc(1, sizeof(*signals));
	sigset_t set;

	if (signals == NULL)
		return NULL;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		sigaddset(&set, taken[i]);
	signals->handlers = *handlers;
	signals->ctx = ctx;
	signal(SIGPIPE, SIG_IGN);
	signals->fd = sigprocmask(SIG_BLOCK, &set, NULL) == 0
		? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)
		: -1;
	if (signals->fd < 0) {
		free(signals);
		return NULL;
	}
	return signals;
}

void signals_free(struct signals *signals)
{
	if (signals == NULL)
		return;
	close(signals->fd);
	free(signals);
}

int signals_fd(const struct signals *signals)
{
	return signals->fd;
}

static void set_level(int level)
{
	log_set_level(level);
	log_write(LOG_NOTICE, "log level is %d", log_get_level());
}

static void handle(struct signals *signals, int signo)
{
	switch (signo) {
	case SIGHUP:
		signals->handlers.reload(signals->ctx);
		break;
	case SIGTTIN:
		set_level(log_get_level() + 1);
		break;
	case SIGTTOU:
		set_level(log_get_level() - 1);
		break;
	case SIGINT:
	case SIGTERM:
		log_notice("signal %d (%s): stopping", signo, strsignal(signo));
		signals->handlers.stop(signals->ctx);
		break;
	default:
		log_notice("signal %d (%s)", signo, strsignal(signo));
		break;
	}
}

void signals_poll(void *arg, struct mono now)
{
	struct signals *signals = arg;
	struct signalfd_siginfo info;

	(void)now;
	while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		handle(signals, (int)info.ssi_signo);
}
