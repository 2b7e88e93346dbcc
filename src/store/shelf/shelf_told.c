/* See shelf_told.h. */
#include "store/shelf/shelf_told.h"

#include <stdarg.h>
#include <stdio.h>

int
shelf_told_folder(struct shelf_base *b, const struct shelf_step *at, struct err *err)
{
	struct slice name = at->name.len > 0 ? at->name : slice_str("INBOX");
	struct sidecar_index *x = NULL;
	struct err why = { 0 };
	int done = 0;

	if (sidecar_index_read(&x, at->dir, at->path, b->stop, NULL, &why) < 0)
		return shelf_base_add_unread(b, at->name, at->path, &why, err);
	if (x != NULL)
		done = shelf_base_add_ours(b, x, at->path, name, NULL, err);
	sidecar_index_free(&x);
	return done;
}

size_t
shelf_told_above(const struct sidecar_entry *e, size_t n, uint32_t uid)
{
	size_t from = 0;

	while (from < n) {
		size_t mid = from + (n - from) / 2;

		if (e[mid].uid <= uid)
			from = mid + 1;
		else
			n = mid;
	}
	return from;
}

const struct sidecar_entry *
shelf_told_entry(const struct sidecar_entry *e, size_t n, uint32_t uid)
{
	size_t at = uid > 0 ? shelf_told_above(e, n, uid - 1) : n;

	return at < n && e[at].uid == uid && !e[at].removed ? &e[at] : NULL;
}

size_t
shelf_told_count(const struct sidecar_entry *e, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += !e[i].removed;
	return count;
}

bool
shelf_page_room(const struct msg_page *p)
{
	return p->len < PAGE_MSGS && p->arena.used_bytes <= p->arena.max_bytes / 2;
}

/* A damaged line still is a message: what can be told of it is told. */
static void
told_msg(struct shelf_base *b, struct sidecar_index *x, const struct sidecar_entry *e,
    struct arena *a, struct msg *m)
{
	struct sidecar_line line;
	struct err why = { 0 };

	*m = (struct msg){ .uid = e->uid, .flags.keywords = "" };
	if (sidecar_index_line(x, e, a, &line, &why) < 0) {
		if (!shelf_unread(b, &why))
			shelf_note(b, EV_FILE_DAMAGED, LEVEL_WARNING, e->uid, "%s", why.text);
		return;
	}
	*m = (struct msg){ .uid = e->uid,
		.size_known = line.msg.size_known,
		.size = line.msg.size,
		.date = line.msg.date,
		.raw_date = line.msg.raw_date,
		.flags = line.msg.flags,
		.gm_msgid = line.msg.gm_msgid,
		.gm_thrid = line.msg.gm_thrid };
}

bool
shelf_told_list(struct shelf_base *b, struct sidecar_index *x, const struct sidecar_entry *e,
    size_t n, uint32_t after, struct msg_page *page)
{
	size_t i = shelf_told_above(e, n, after);

	for (; i < n && shelf_page_room(page); i++) {
		if (!e[i].removed)
			told_msg(b, x, &e[i], &page->arena, &page->msg[page->len++]);
	}
	return i == n && shelf_page_room(page);
}

void
shelf_body_failed(struct shelf_body *ret, struct arena *a, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const char *why = arena_copy(a, slice_str(text));
	*ret = (struct shelf_body){ .verdict = VERDICT_FAILED,
		.absent = ret->absent,
		.unread = ret->unread,
		.reason = why != NULL ? why : "it cannot be read" };
}

void
shelf_body_told(struct shelf_body *ret, const struct sidecar_line *l)
{
	ret->good = l->msg.verdict;
	ret->sha256 = l->sha256_known ? l->msg.sha256 : NULL;
	ret->rebuilt = l->rebuilt;
}
