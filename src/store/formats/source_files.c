/* Files as a source: a shelf, driven as the engine drives a server. Nothing has to be kept busy, so
 * an ask is a list of UIDs that waits until next comes by, and a body is read from its file at that
 * moment. What is put aside are messages whose file failed in the middle: they come last, with
 * metadata, as failed.
 *
 * What the sidecar tells of a message's digest goes with the offer; the engine compares. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "store/shelf.h"
#include "store/source.h"

enum { REASONS_MAX = 16 * 1024 * 1024, FOLDER_TEXT_MAX = 256 * 1024 * 1024 };

struct ask {
	struct ask *next;
	bool rest;
	size_t len, at;
	uint32_t uid[];
};

struct aside {
	uint32_t uid;
	const char *reason;
};

struct source {
	const struct shelf_ops *ops;
	struct shelf *shelf;
	struct server_facts facts;
	bool found; /* the folders of the place are known to the shelf */
	/* of the folder at hand */
	struct folder_head head;
	char *folder;
	uint32_t after; /* listed up to here */
	uint64_t listed;
	struct ask *first, **end;
	struct aside *aside;
	size_t n_aside, cap_aside;
	struct arena reasons;
	struct msg_page *page; /* metadata of what was put aside */
	/* of the message at hand; 0: none */
	uint32_t uid;
};

static void
files_forget(struct source *s)
{
	while (s->first != NULL) {
		struct ask *a = s->first;

		s->first = a->next;
		free(a);
	}
	s->end = &s->first;
	s->n_aside = 0;
	s->after = s->uid = 0;
	s->listed = 0;
	s->page->len = 0;
	arena_reset(&s->reasons);
	free(s->folder);
	s->folder = NULL;
}

static void
files_close(struct source **ref)
{
	struct source *s = *ref;

	if (s == NULL)
		return;
	files_forget(s);
	s->ops->close(&s->shelf);
	msg_page_free(s->page);
	arena_done(&s->reasons);
	free(s->aside);
	free(s);
	*ref = NULL;
}

static int
files_open(struct source **ret, const struct source_place *at, struct cancel *stop, struct err *err)
{
	const struct shelf_ops *ops = at->shelf != NULL ? format_shelf(at->shelf->format) : NULL;
	struct shelf *shelf = NULL;

	*ret = NULL;
	if (ops == NULL)
		return err_set(err, ERR_USAGE, "there is no way to read this kind of files");
	if (ops->open(&shelf, at->shelf, stop, err) < 0)
		return -1;
	struct source *s = mem_new(sizeof *s);
	s->ops = ops;
	s->shelf = shelf;
	s->page = msg_page_new();
	arena_init(&s->reasons, REASONS_MAX);
	files_forget(s);
	*ret = s;
	return 0;
}

static int
files_folders(struct source *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	if (s->ops->folders(s->shelf, a, ret, err) < 0)
		return -1;
	/* It may be another when the folder is opened (shelf_uidvalidity_made). */
	for (size_t i = 0; i < ret->len; i++)
		ret->folder[i].counts.uidvalidity = 0;
	s->found = true;
	return 0;
}

/* A further lane enters folders that the first one has listed: its own shelf must find them, too.
 * What there is to tell the first lane has told. */
static int
files_find(struct source *s, struct err *err)
{
	struct folder_list list = { .len = 0 };
	struct arena a;

	arena_init(&a, FOLDER_TEXT_MAX);
	int done = files_folders(s, &a, &list, err);
	folder_list_done(&list);
	arena_done(&a);
	notes_clear(s->ops->notes(s->shelf));
	return done;
}

/* Files cannot tell what has changed: `since` asks in vain. */
static int
files_enter(struct source *s, const struct folder *f, const struct since *since,
    struct folder_head *ret, struct err *err)
{
	(void)since;
	files_forget(s);
	if (!s->found && files_find(s, err) < 0)
		return -1;
	if (s->ops->enter(s->shelf, f, &s->head, err) < 0)
		return -1;
	s->folder = strndup(f->name.data, f->name.len);
	if (s->folder == NULL)
		mem_out();
	*ret = s->head;
	return 0;
}

static int
files_list(struct source *s, struct msg_page *ret, struct err *err)
{
	if (s->ops->list(s->shelf, s->after, ret, err) < 0)
		return -1;
	if (ret->len > 0)
		s->after = ret->msg[ret->len - 1].uid;
	s->listed += ret->len;
	return 0;
}

static int
files_relist(struct source *s, struct err *err)
{
	(void)err;
	s->after = 0;
	s->listed = 0;
	return 0;
}

/* 1: it cannot be had, or not as a whole. */
static int
digest_one(struct source *s, struct header *io, struct digest *d, struct err *err)
{
	uint8_t sha256[SHA256_LEN];
	struct shelf_body body;
	struct slice part;

	if (s->ops->begin(s->shelf, io->uid, &body, err) < 0)
		return -1;
	if (body.verdict != VERDICT_NONE || (body.good != VERDICT_NONE && body.good != VERDICT_STORED))
		return 1;
	digest_start(d);
	do {
		if (s->ops->read(s->shelf, &part, err) < 0) {
			bool alone = err->kind == ERR_MESSAGE;

			if (alone)
				*err = (struct err){ 0 };
			return alone ? 1 : -1;
		}
		digest_add(d, part.data, part.len);
	} while (part.len > 0);
	digest_end(d, sha256);
	memcpy(io->head, sha256, HEAD_LEN);
	return 0;
}

static int
files_digests(struct source *s, struct header *io, size_t n, struct err *err)
{
	struct digest *d = digest_new();
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = digest_one(s, &io[i], d, err);
		io[i].known = rc == 0;
	}
	digest_free(d);
	return rc < 0 ? -1 : 0;
}

static struct ask *
ask_new(struct source *s, size_t n)
{
	struct ask *a = mem_new(sizeof *a + n * sizeof a->uid[0]);

	a->len = n;
	*s->end = a;
	s->end = &a->next;
	return a;
}

static int
files_ask(struct source *s, const struct want *want, size_t n, struct err *err)
{
	struct ask *a = ask_new(s, n);

	(void)err;
	for (size_t i = 0; i < n; i++)
		a->uid[i] = want[i].uid;
	return 0;
}

static int
files_ask_rest(struct source *s, struct err *err)
{
	(void)err;
	ask_new(s, 0)->rest = true;
	return 0;
}

/* ---- offers ---- */

static int
offer_asked(struct source *s, uint32_t uid, struct offer *ret, struct err *err)
{
	struct shelf_body body;

	*ret = (struct offer){ .uid = uid };
	if (s->ops->begin(s->shelf, uid, &body, err) < 0)
		return -1;
	ret->verdict = body.verdict;
	ret->reason = body.reason;
	if (body.verdict != VERDICT_NONE)
		return 0;
	ret->good = body.good != VERDICT_NONE ? body.good : VERDICT_STORED;
	if (ret->good != VERDICT_STORED && ret->reason == NULL)
		ret->reason = "so it was when it was extracted";
	ret->sha256 = body.sha256;
	ret->rebuilt = body.rebuilt;
	s->uid = uid;
	return 0;
}

static const struct msg *
page_find(const struct msg_page *p, uint32_t uid)
{
	for (size_t i = 0; i < p->len; i++) {
		if (p->msg[i].uid == uid)
			return &p->msg[i];
	}
	return NULL;
}

static int
offer_aside(struct source *s, const struct aside *a, struct offer *ret, struct err *err)
{
	const struct msg *m = page_find(s->page, a->uid);

	if (m == NULL) {
		if (s->ops->list(s->shelf, a->uid - 1, s->page, err) < 0)
			return -1;
		m = page_find(s->page, a->uid);
	}
	*ret = (struct offer){ .uid = a->uid, .verdict = VERDICT_FAILED, .reason = a->reason };
	if (m != NULL) {
		ret->has_meta = true;
		ret->msg = *m;
	}
	return 0;
}

static enum step
files_next(struct source *s, struct offer *ret, struct err *err)
{
	struct ask *a = s->first;
	size_t len = a == NULL ? 0 : a->rest ? s->n_aside : a->len;
	int done;

	s->uid = 0;
	if (a == NULL)
		return STEP_END;
	if (a->at == len) {
		s->first = a->next;
		if (s->first == NULL)
			s->end = &s->first;
		if (a->rest)
			s->n_aside = 0;
		free(a);
		return STEP_END;
	}
	if (a->rest)
		done = offer_aside(s, &s->aside[a->at], ret, err);
	else
		done = offer_asked(s, a->uid[a->at], ret, err);
	a->at++;
	return done < 0 ? STEP_ERR : STEP_ITEM;
}

static void
put_aside(struct source *s, const struct err *why)
{
	if (s->n_aside == s->cap_aside) {
		s->cap_aside = s->cap_aside > 0 ? 2 * s->cap_aside : 16;
		s->aside = mem_resize(s->aside, s->cap_aside, sizeof *s->aside);
	}
	const char *reason = arena_copy(&s->reasons, slice_str(why->text));
	if (reason == NULL)
		reason = "its file cannot be read";
	s->aside[s->n_aside++] = (struct aside){ s->uid, reason };
	s->uid = 0;
}

static int
files_read(struct source *s, struct slice *ret, struct err *err)
{
	if (s->ops->read(s->shelf, ret, err) < 0) {
		if (err->kind == ERR_MESSAGE && s->uid != 0)
			put_aside(s, err);
		return -1;
	}
	return 0;
}

/* ---- the end of a folder ---- */

static int
files_settle(struct source *s, bool *ret_more, struct err *err)
{
	(void)s;
	(void)err;
	*ret_more = false;
	return 0;
}

/* Files do not change their mind: the inventory is what was counted, found and listed. */
static int
files_leave(struct source *s, struct folder_proof *ret, struct err *err)
{
	uint32_t listed = s->listed > UINT32_MAX ? UINT32_MAX : (uint32_t)s->listed;

	(void)err;
	*ret = (struct folder_proof){ .proved = listed == s->head.exists,
		.searched_known = true,
		.exists = s->head.exists,
		.searched = s->head.exists,
		.fetched = listed,
		.uidnext = s->head.uidnext,
		.at_ms = clock_wall_ms() };
	if (!ret->proved)
		ret->why = "not all messages that were found were listed";
	if (s->ops->unlisted != NULL && s->ops->unlisted(s->shelf) != NULL) {
		ret->proved = false;
		ret->why = s->ops->unlisted(s->shelf);
	}
	return 0;
}

static int
files_pay(struct source *s, const struct debt *d, struct debt_result *ret, struct err *err)
{
	(void)s;
	(void)d;
	(void)ret;
	(void)err;
	return 0;
}

static struct notes *
files_notes(struct source *s)
{
	return s->ops->notes(s->shelf);
}

static const struct server_facts *
files_facts(struct source *s)
{
	return &s->facts;
}

static int64_t
files_rtt_us(const struct source *s)
{
	(void)s;
	return 0;
}

static uint32_t
files_reading(const struct source *s)
{
	return s->uid;
}

const struct source_ops source_files = {
	.name = "files",
	.traits = SOURCE_UIDS,
	.open = files_open,
	.folders = files_folders,
	.enter = files_enter,
	.relist = files_relist,
	.digests = files_digests,
	.list = files_list,
	.ask = files_ask,
	.ask_rest = files_ask_rest,
	.next = files_next,
	.read = files_read,
	.settle = files_settle,
	.leave = files_leave,
	.pay = files_pay,
	.notes = files_notes,
	.facts = files_facts,
	.rtt_us = files_rtt_us,
	.reading = files_reading,
	.close = files_close,
};
