#include "controlplane/rest/rest_http.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/supplemental/http/http.h>

#include "common/base/log.h"
#include "controlplane/rest/rest_body.h"

// A request whose reply waits.
struct parked {
	nng_aio *aio;
	struct rest_request request;
};

struct rest_http {
	nng_http_server *server;
	bool added; // the handler, which then owns this struct
	bool started;
	int fd;
	rest_http_serve *serve;
	void *ctx;
	unsigned parked_n;
	struct parked parked[REST_HTTP_PARKED_MAX];

	pthread_mutex_t lock; // below; never held around a call of nng
	bool closing;
	unsigned reading; // requests whose body is on its way
	unsigned first;
	unsigned n;
	nng_aio *waiting[REST_HTTP_WAITING_MAX];
};

static int fill(nng_http_res *res, const struct rest_reply *reply)
{
	char age[24];
	int error = nng_http_res_set_status(res, (uint16_t)reply->status);

	if (error == 0)
		error = nng_http_res_set_header(res, "Content-Type", reply->type);
	if (error == 0)
		error = nng_http_res_set_header(res, "Cache-Control", "no-store");
	if (error == 0 && reply->allow != NULL)
		error = nng_http_res_set_header(res, "Allow", reply->allow);
	if (error == 0 && reply->close)
		error = nng_http_res_set_header(res, "Connection", "close");
	snprintf(age, sizeof(age), "%" PRIu64, reply->age_s);
	if (error == 0 && reply->aged)
		error = nng_http_res_set_header(res, "Age", age);
	// nng takes no empty copy for a success.
	if (error == 0 && reply->body != NULL && reply->len > 0)
		error = nng_http_res_copy_data(res, reply->body, reply->len);
	return error;
}

// Takes the reply's body. The one who finishes a request may not touch it any more.
static void finish(nng_aio *aio, struct rest_reply *reply)
{
	nng_http_res *res = NULL;
	int error = nng_http_res_alloc(&res);

	if (error == 0)
		error = fill(res, reply);
	rest_reply_free(reply);
	if (error != 0) {
		if (res != NULL)
			nng_http_res_free(res);
		nng_aio_finish(aio, error);
		return;
	}
	nng_aio_set_output(aio, 0, res);
	nng_aio_finish(aio, 0);
}

static void refuse_as(nng_aio *aio, enum rest_status status, bool close_after, const char *why)
{
	struct rest_reply reply = {.close = close_after};

	rest_error(&reply, status, why);
	finish(aio, &reply);
}

static void refuse(nng_aio *aio, const char *why)
{
	refuse_as(aio, REST_BUSY, false, why);
}

static struct rest_http *http_of(nng_aio *aio)
{
	return nng_http_handler_get_data(nng_aio_get_input(aio, 1));
}

static void enqueue(nng_aio *aio)
{
	struct rest_http *http = http_of(aio);
	bool taken;

	pthread_mutex_lock(&http->lock);
	taken = !http->closing && http->n < REST_HTTP_WAITING_MAX;
	if (taken)
		http->waiting[(http->first + http->n++) % REST_HTTP_WAITING_MAX] = aio;
	pthread_mutex_unlock(&http->lock);
	if (taken)
		(void)eventfd_write(http->fd, 1);
	else
		refuse(aio, "too many requests wait, or the program is stopping");
}

static void refuse_body(nng_aio *aio, const struct rest_body_plan *plan)
{
	char text[64];

	if (plan->refuse == REST_TOO_LARGE)
		snprintf(text, sizeof(text), "a body has at most %u bytes", REST_BODY_MAX);
	else if (plan->refuse == REST_LENGTH_REQUIRED)
		snprintf(text, sizeof(text), "a body must come with its Content-Length");
	else
		snprintf(text, sizeof(text), "Content-Length is no number");
	refuse_as(aio, plan->refuse, plan->close, text);
}

static void on_body(nng_aio *aio, const struct rest_body_plan *plan, int error)
{
	struct rest_http *http = http_of(aio);

	pthread_mutex_lock(&http->lock);
	http->reading--;
	pthread_mutex_unlock(&http->lock);
	// Nothing can be said any more: nng has closed the connection.
	if (error != 0)
		nng_aio_finish(aio, error);
	else if (plan->refuse != REST_OK)
		refuse_body(aio, plan);
	else
		enqueue(aio);
}

static void read_body(nng_aio *aio, const struct rest_body_plan *plan)
{
	struct rest_http *http = http_of(aio);
	bool taken;
	int error;

	pthread_mutex_lock(&http->lock);
	taken = !http->closing && http->reading < REST_HTTP_READING_MAX;
	if (taken)
		http->reading++;
	pthread_mutex_unlock(&http->lock);
	if (!taken) {
		refuse_as(aio, REST_BUSY, true,
			"too many bodies are under way, or the program is stopping");
		return;
	}
	error = rest_body_read(aio, plan, on_body);
	if (error != 0)
		on_body(aio, plan, error);
}

static void on_request(nng_aio *aio)
{
	nng_http_req *req = nng_aio_get_input(aio, 0);
	struct rest_body_plan plan = rest_body_plan(nng_http_req_get_header(req, "Content-Length"),
		nng_http_req_get_header(req, "Transfer-Encoding"),
		nng_http_req_get_header(req, "Expect"));

	if (plan.len > 0)
		read_body(aio, &plan);
	else if (plan.refuse != REST_OK)
		refuse_body(aio, &plan);
	else
		enqueue(aio);
}

static nng_aio *take(struct rest_http *http)
{
	nng_aio *aio = NULL;

	pthread_mutex_lock(&http->lock);
	if (http->n > 0) {
		aio = http->waiting[http->first];
		http->first = (http->first + 1) % REST_HTTP_WAITING_MAX;
		http->n--;
	}
	pthread_mutex_unlock(&http->lock);
	return aio;
}

// Runs when the server has let go of the handler: no thread is in on_request any more.
static void destroy(void *arg)
{
	struct rest_http *http = arg;

	if (http->fd >= 0)
		close(http->fd);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

static int add_handler(struct rest_http *http)
{
	nng_http_handler *handler = NULL;
	int error = nng_http_handler_alloc(&handler, "", on_request);

	if (error == 0)
		error = nng_http_handler_set_tree(handler);
	if (error == 0)
		error = nng_http_handler_set_method(handler, NULL);
	if (error == 0)
		error = nng_http_handler_collect_body(handler, false, 0);
	if (error == 0)
		error = nng_http_handler_set_data(handler, http, destroy);
	if (error == 0)
		error = nng_http_server_add_handler(http->server, handler);
	if (error == 0) {
		http->added = true;
	} else if (handler != NULL) {
		(void)nng_http_handler_set_data(handler, NULL, NULL);
		nng_http_handler_free(handler);
	}
	return error;
}

static int start(struct rest_http *http, const char *text)
{
	nng_url *url = NULL;
	int error = nng_url_parse(&url, text);

	if (error == 0)
		error = nng_http_server_hold(&http->server, url);
	nng_url_free(url);
	if (error == 0)
		error = add_handler(http);
	if (error == 0)
		error = nng_http_server_start(http->server);
	http->started = error == 0;
	return error;
}

static void log_start_error(const char *where, int error)
{
	if (error == NNG_EADDRINUSE)
		log_err("rest: %s is in use by another program; stop it, or change stats_listen",
			where);
	else if (error == NNG_EADDRINVAL)
		log_err("rest: %s is not an address of this machine; change stats_listen", where);
	else if (error == NNG_EPERM)
		log_err("rest: may not listen on %s: ports below 1024 need root; change "
			"stats_listen",
			where);
	else
		log_err("rest: cannot listen on %s: %s; check stats_listen", where,
			nng_strerror(error));
}

struct rest_http *rest_http_new(const struct conf_addr *listen, rest_http_serve *serve, void *ctx)
{
	struct rest_http *http;
	bool v6 = listen->host != NULL && strchr(listen->host, ':') != NULL;
	char url[320];
	int error;

	if (listen->host == NULL) {
		log_err("rest: stats_listen must be host:port");
		return NULL;
	}
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return NULL;
	pthread_mutex_init(&http->lock, NULL);
	http->serve = serve;
	http->ctx = ctx;
	http->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "", listen->host, v6 ? "]" : "",
		listen->port);
	error = http->fd >= 0 ? start(http, url) : NNG_ENOMEM;
	if (error != 0) {
		log_start_error(url + strlen("http://"), error);
		rest_http_free(http);
		return NULL;
	}
	log_notice("rest: serving %s", url);
	return http;
}

void rest_http_free(struct rest_http *http)
{
	nng_http_server *server;
	nng_aio *aio;
	bool added;

	if (http == NULL)
		return;
	pthread_mutex_lock(&http->lock);
	http->closing = true;
	pthread_mutex_unlock(&http->lock);
	while ((aio = take(http)) != NULL)
		refuse(aio, "the program is stopping");
	for (unsigned i = 0; i < http->parked_n; i++) {
		rest_request_end(&http->parked[i].request);
		refuse(http->parked[i].aio, "the program is stopping");
	}
	server = http->server;
	added = http->added;
	if (http->started)
		nng_http_server_stop(server);
	if (!added)
		destroy(http);
	if (server != NULL)
		nng_http_server_release(server); // and with it the handler, and with that `http`
}

int rest_http_fd(const struct rest_http *http)
{
	return http->fd;
}

// Whether the request is over.
static bool serve(struct rest_http *http, nng_aio *aio, struct rest_request *request)
{
	struct rest_reply reply;

	http->serve(http->ctx, request, &reply);
	if (reply.wait)
		return false;
	rest_request_end(request);
	finish(aio, &reply);
	return true;
}

static void serve_new(struct rest_http *http, nng_aio *aio)
{
	nng_http_req *req = nng_aio_get_input(aio, 0);
	struct rest_request request = {
		.method = nng_http_req_get_method(req),
		.uri = nng_http_req_get_uri(req),
	};
	void *body = NULL;

	nng_http_req_get_data(req, &body, &request.body_len);
	request.body = body;
	if (serve(http, aio, &request))
		return;
	if (http->parked_n < REST_HTTP_PARKED_MAX) {
		http->parked[http->parked_n++] = (struct parked){.aio = aio, .request = request};
		return;
	}
	rest_request_end(&request);
	refuse(aio, "too many requests wait for the data plane");
}

void rest_http_again(struct rest_http *http)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < http->parked_n; i++) {
		struct parked *parked = &http->parked[i];

		if (!serve(http, parked->aio, &parked->request))
			http->parked[kept++] = *parked;
	}
	http->parked_n = kept;
}

void rest_http_poll(struct rest_http *http)
{
	eventfd_t count;
	nng_aio *aio;

	// Emptied first: a request that comes in meanwhile makes it readable again.
	(void)eventfd_read(http->fd, &count);
	for (unsigned i = 0; i < REST_HTTP_WAITING_MAX && (aio = take(http)) != NULL; i++)
		serve_new(http, aio);
	// Whatever the bound left over.
	if (http->n > 0)
		(void)eventfd_write(http->fd, 1);
}
