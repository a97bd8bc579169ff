#include "controlplane/rest/rest_body.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	nng_aio *aio;     // of the read
	nng_aio *request; // of the handler
	rest_body_done *done;
	struct rest_body_plan plan;
	unsigned char bytes[];
};

struct rest_body_plan rest_body_plan(
	const char *content_length, const char *transfer_encoding, const char *expect)
{
	struct rest_body_plan plan = {.refuse = REST_OK};
	size_t digits = content_length != NULL ? strspn(content_length, "0123456789") : 0;

	// Where it ends can't be told from here: what follows would be taken for a request.
	if (transfer_encoding != NULL)
		return (struct rest_body_plan){.refuse = REST_LENGTH_REQUIRED, .close = true};
	if (content_length == NULL)
		return plan;
	if (digits == 0 || content_length[digits] != '\0')
		return (struct rest_body_plan){.refuse = REST_BAD_REQUEST, .close = true};
	plan.len = digits > 9 ? SIZE_MAX : strtoul(content_length, NULL, 10);
	if (plan.len <= REST_BODY_MAX)
		return plan;
	plan.refuse = REST_TOO_LARGE;
	// Who expects an answer first may then send the body, or not.
	plan.close = plan.len > REST_BODY_SKIP_MAX || expect != NULL;
	if (plan.close)
		plan.len = 0;
	return plan;
}

static void read_done(void *arg)
{
	struct reader *reader = arg;
	struct rest_body_plan plan = reader->plan;
	rest_body_done *done = reader->done;
	nng_aio *request = reader->request;
	int error = nng_aio_result(reader->aio);

	if (error == 0 && plan.refuse == REST_OK)
		error = nng_http_req_copy_data(
			nng_aio_get_input(request, 0), reader->bytes, plan.len);
	nng_aio_reap(reader->aio); // frees it when this function has returned
	free(reader);
	done(request, &plan, error);
}

int rest_body_read(nng_aio *aio, const struct rest_body_plan *plan, rest_body_done *done)
{
	struct reader *reader = malloc(sizeof(*reader) + plan->len);
	nng_iov iov = {.iov_len = plan->len};
	int error;

	if (reader == NULL)
		return NNG_ENOMEM;
	*reader = (struct reader){.request = aio, .done = done, .plan = *plan};
	error = nng_aio_alloc(&reader->aio, read_done, reader);
	if (error != 0) {
		free(reader);
		return error;
	}
	iov.iov_buf = reader->bytes;
	nng_aio_set_timeout(reader->aio, REST_BODY_WAIT_MS);
	(void)nng_aio_set_iov(reader->aio, 1, &iov); // one always fits
	nng_http_conn_read_all(nng_aio_get_input(aio, 2), reader->aio);
	return 0;
}
