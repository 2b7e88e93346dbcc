/* libFuzzer: a message taken apart, put together from its pieces, and taken apart again: no crash,
 * no octet lost, no field that was not there. The first octet chooses memory or files. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "mail/parts.h"
#include "mail/rebuild.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FILES_MAX = 16 };

static struct spool *message, *text, *made, *again, *file[FILES_MAX];

static void
spools_open(size_t memory_max)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool **all[] = { &message, &text, &made, &again };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		spool_free(all[i]);
		*all[i] = spool_new(dir, memory_max);
	}
	for (size_t i = 0; i < FILES_MAX; i++) {
		spool_free(&file[i]);
		file[i] = spool_new(dir, 1 << 20);
	}
	close(dir);
}

static struct slice
all_of(struct spool *s)
{
	struct slice ret;
	struct err err;

	if (spool_read(s, 0, 1 << 26, &ret, &err) < 0 || ret.len != spool_len(s))
		abort();
	return ret;
}

static bool
same(struct spool *a, struct spool *b)
{
	return slice_same(all_of(a), all_of(b));
}

/* Every text is UTF-8 in one line, every name a plain file name. */
static void
check_texts(const struct mail_parts *p)
{
	const char *texts[] = { p->subject, p->message_id };

	for (size_t i = 0; i < 2; i++) {
		if (!utf8_valid(slice_str(texts[i])) || strpbrk(texts[i], "\r\n") != NULL)
			abort();
	}
	for (size_t i = 0; i < p->n_to; i++) {
		if (!utf8_valid(slice_str(p->to[i].name)) ||
		    !utf8_valid(slice_str(p->to[i].address)))
			abort();
	}
	for (size_t i = 0; i < p->n_parts; i++) {
		const char *name = p->part[i].name;

		if (name[0] == '\0' || strlen(name) > PARTS_NAME_MAX ||
		    strpbrk(name, "/\\\r\n") != NULL || !utf8_valid(slice_str(name)))
			abort();
	}
}

static void
take_text(struct mail_parts *p, struct spool *into)
{
	struct err err;

	spool_reset(into);
	if (parts_text(p, into, &err) < 0)
		abort();
	struct slice s = all_of(into);
	if (!utf8_valid(s))
		abort();
	for (size_t i = 0; i < s.len; i++) { /* every line end is CRLF */
		if ((s.data[i] == '\n' && (i == 0 || s.data[i - 1] != '\r')) ||
		    (s.data[i] == '\r' && (i + 1 == s.len || s.data[i + 1] != '\n')))
			abort();
	}
}

static void
rebuild(struct mail_parts *p, size_t files, struct spool *into)
{
	struct rebuild r = { .from = p->from,
		.n_from = p->n_from,
		.to = p->to,
		.n_to = p->n_to,
		.cc = p->cc,
		.n_cc = p->n_cc,
		.bcc = p->bcc,
		.n_bcc = p->n_bcc,
		.subject = p->subject,
		.sent = p->sent,
		.priority = p->priority,
		.text = text };
	struct err err;

	spool_reset(into);
	if (rebuild_begin(&r, files, into, &err) < 0)
		abort();
	for (size_t i = 0; i < files; i++) {
		struct rebuild_attachment a = { p->part[i].name, file[i] };

		spool_reset(file[i]);
		if (parts_octets(p, i, file[i], &err) < 0 || rebuild_attach(&r, &a, into, &err) < 0)
			abort();
	}
	if (rebuild_end(&r, into, &err) < 0)
		abort();
}

/* The message of the pieces has the same pieces, and they give the same message. */
static void
check_rebuilt(struct mail_parts *p)
{
	size_t files = p->n_parts < FILES_MAX ? p->n_parts : FILES_MAX;
	struct mail_parts q;
	struct err err;

	rebuild(p, files, made);
	if (parts_open(&q, made, &err) < 0)
		abort();
	check_texts(&q);
	if (q.n_parts != files || q.n_to != p->n_to || q.n_bcc != p->n_bcc ||
	    strcmp(q.subject, p->subject) != 0 || q.sent.known != p->sent.known ||
	    q.sent.epoch != p->sent.epoch || q.priority != p->priority)
		abort();
	take_text(&q, again);
	if (!same(text, again))
		abort();
	for (size_t i = 0; i < files; i++) {
		spool_reset(again);
		if (parts_octets(&q, i, again, &err) < 0 || q.part[i].damaged ||
		    !same(file[i], again))
			abort();
	}
	rebuild(&q, files, again);
	if (!same(made, again))
		abort();
	parts_close(&q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int mode = -1;
	struct mail_parts p;
	struct err err;

	if (len == 0)
		return 0;
	if (mode != (data[0] & 1)) {
		mode = data[0] & 1;
		spools_open(mode == 0 ? 1 << 24 : 64);
	}
	spool_reset(message);
	if (spool_add(message, (struct slice){ (const char *)data + 1, len - 1 }, &err) < 0)
		abort();
	if (parts_open(&p, message, &err) < 0) {
		if (err.kind != ERR_MESSAGE)
			abort();
		return 0;
	}
	check_texts(&p);
	take_text(&p, text);
	check_rebuilt(&p);
	parts_close(&p);
	return 0;
}
