/* imex check: everything a run would find out before the first body, and one body to see which form
 * works. Nothing on the server is changed: a form that sets \Seen is tried on a message that has it
 * already, or not at all. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/job.h"
#include "engine/select.h"
#include "imap/body.h"
#include "imap/search.h"
#include "mail/names.h"

enum { CHECK_ARENA = 256 * 1024 * 1024, PROBES = 3, SAMPLE_MAX = 50 };

struct probe {
	struct sess *s;
	struct check_result *ret;
	uint32_t uid; /* message to try on; 0: none yet */
	bool seen;
	uint64_t size;
	uint32_t refused; /* bit per form */
	unsigned ended; /* connections, in a folder of its own each */
	enum form not_tried; /* would set \Seen; FORM_NONE */
	struct buf refused_names;
};

void
check_result_done(struct check_result *r)
{
	arena_done(&r->arena);
}

static const char *
keep(struct check_result *r, const char *text)
{
	char *copy = arena_copy(&r->arena, slice_str(text));

	return copy ? copy : "";
}

/* ---- server ---- */

static void
describe_namespaces(const struct sess *s, struct check_result *r)
{
	struct buf out;

	buf_init(&out, 8192);
	for (const struct ns_entry *e = s->ns; e != NULL; e = e->next) {
		const char *kind = e->kind == FOLDER_SHARED        ? "shared"
				   : e->kind == FOLDER_OTHER_USERS ? "other users"
								   : "personal";

		buf_printf(&out, "%s%s \"%.*s\"", out.len ? ", " : "", kind, SLICE_ARG(e->prefix));
	}
	r->namespaces = keep(r, out.data ? out.data : "");
	buf_done(&out);
}

static void
describe_server(const struct sess *s, const struct plan *plan, struct check_result *r)
{
	struct buf text;

	r->greeting = keep(r, s->greeting);
	r->product = keep(r, s->product ? s->product : s->greeting);
	r->level = level_name(s->level);
	r->capabilities = keep(r, s->caps.text.data);
	buf_init(&text, 1024);
	caps_useful(&s->caps, true, &text);
	r->useful = keep(r, text.data);
	buf_reset(&text);
	caps_useful(&s->caps, false, &text);
	r->missing = keep(r, text.data);
	buf_done(&text);
	r->delim = plan->list.delim;
	r->tls = s->tls_on;
	r->tls_facts = s->tls;
	describe_namespaces(s, r);
}

/* Median of three NOOPs. */
static int
measure_rtt(struct sess *s, struct check_result *r, struct err *err)
{
	int64_t us[PROBES];

	for (int i = 0; i < PROBES; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		if (sess_run(s, err, "NOOP") < 0)
			return -1;
		clock_gettime(CLOCK_MONOTONIC, &b);
		us[i] = (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
		for (int k = i; k > 0 && us[k] < us[k - 1]; k--) {
			int64_t swap = us[k];

			us[k] = us[k - 1];
			us[k - 1] = swap;
		}
	}
	r->rtt_us = us[PROBES / 2];
	return 0;
}

/* ---- folders ---- */

/* By number, so that a large folder costs little; old servers refuse UID as an item, and give it with
 * UID FETCH. Where there are no UIDs the number stands for it: nothing else is asked in between. */
static int
ask_sample(struct sess *s, uint32_t from, uint32_t to, uint32_t *ret_tag, struct err *err)
{
	if (s->level == LEVEL_IMAP4)
		return sess_send(s, 0, ret_tag, err, "UID FETCH 1:* (FLAGS RFC822.SIZE)");
	return sess_send(s, 0, ret_tag, err, "FETCH %u:%u (%sFLAGS RFC822.SIZE)", from, to,
	    s->numbered ? "" : "UID ");
}

/* Flags and sizes of the newest messages: a sample for the size of the folder, and a message to try
 * the form on. */
static int
sample_folder(struct probe *p, uint32_t exists, uint64_t *ret_mean, struct err *err)
{
	uint64_t sum = 0, n = 0;
	uint32_t tag, from = exists > SAMPLE_MAX ? exists - SAMPLE_MAX + 1 : 1;
	struct resp r;

	if (ask_sample(p->s, from, exists, &tag, err) < 0)
		return -1;
	do {
		if (sess_next(p->s, &r, NULL, err) < 0)
			return -1;
		while (r.more) {
			if (r.fetch.body == BODY_LITERAL &&
			    sess_skip_body(p->s, r.fetch.octets, err) < 0)
				return -1;
			if (sess_more(p->s, &r, err) < 0)
				return -1;
		}
		if (p->s->numbered)
			r.fetch.uid = r.fetch.seq;
		if (r.kind != RESP_FETCH || r.fetch.uid == 0 || !r.fetch.has_size)
			continue;

		bool seen = r.fetch.flags.system & FLAG_SEEN;

		sum += r.fetch.size;
		n++;
		if (p->uid == 0 || (seen && !p->seen)) {
			p->uid = r.fetch.uid;
			p->seen = seen;
			p->size = r.fetch.size;
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret_mean = n ? sum / n : 0;
	return 0;
}

/* Read one body and throw it away. True in *ret_whole when it was one. */
static int
try_form(struct probe *p, enum form f, bool *ret_whole, struct err *err)
{
	uint32_t tag;
	struct resp r;
	uint64_t octets = 0;

	*ret_whole = false;
	if (sess_send(p->s, 0, &tag, err, "%sFETCH %u (%s)", p->s->numbered ? "" : "UID ", p->uid,
		form_items(f)) < 0)
		return -1;
	do {
		if (sess_next(p->s, &r, NULL, err) < 0)
			return -1;
		while (r.more) {
			octets += r.fetch.body == BODY_NIL ? 0 : r.fetch.octets;
			if (r.fetch.body == BODY_LITERAL &&
			    sess_skip_body(p->s, r.fetch.octets, err) < 0)
				return -1;
			if (sess_more(p->s, &r, err) < 0)
				return -1;
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret_whole = octets > 0 && r.state == STATE_OK;
	if (!*ret_whole)
		quirk_add(&p->s->seen,
		    r.state == STATE_OK ? QUIRK_FORM_EMPTY : QUIRK_FORM_REFUSED);
	return 0;
}

static int
find_form(struct probe *p, const struct job *job, struct err *err)
{
	struct ladder l = { .level = p->s->level,
		.quirks = p->s->quirks,
		.no_source_writes = job->no_source_writes };

	for (;;) {
		l.refused = p->refused;

		enum form f = ladder_first(&l, FORMS_SLICED, true);
		int64_t began = clock_mono_ms();
		bool whole;

		if (f == FORM_NONE) {
			p->ret->form = "none works";
			return 0;
		}
		if (form_sets_seen(f) && !p->seen) {
			/* Another folder may have a message that is \Seen already. */
			p->not_tried = f;
			p->uid = 0;
			return 0;
		}
		if (try_form(p, f, &whole, err) < 0)
			return -1;
		if (whole) {
			int64_t ms = clock_mono_ms() - began - p->ret->rtt_us / 1000;

			p->ret->form = form_items(f);
			/* A small message says nothing about the rate. */
			if (p->size > 256 * 1024 && ms > 0)
				p->ret->rate_bytes_s = p->size * 1000 / (uint64_t)ms;
			return 0;
		}
		p->refused |= 1u << f;
		buf_printf(
		    &p->refused_names, "%s%s", p->refused_names.len ? ", " : "", form_items(f));
	}
}

/* With a folder open that has messages: the first of them is found, or SEARCH is none. */
static int
try_search(struct probe *p, struct err *err)
{
	if (sess_run(p->s, err, p->s->numbered ? "SEARCH ALL" : "UID SEARCH 1") < 0)
		return -1;
	if (p->s->last.state != STATE_OK && p->s->last.code == CODE_NONE)
		quirk_add(&p->s->seen, QUIRK_NO_SEARCH);
	return 0;
}

static int
look_into(struct probe *p, struct check_folder *c, bool *ret_estimated, struct err *err)
{
	struct folder_head head;
	struct err refused = { 0 };
	uint64_t mean;

	if (sess_folder_sayable(&c->folder, &refused) < 0 ||
	    sess_examine(p->s, c->folder.name, &head, &refused) < 0) {
		if (refused.scope >= SCOPE_SESSION) {
			*err = refused;
			return -1;
		}
		c->trouble = keep(p->ret, refused.text);
		return 0;
	}
	if (head.uidnext == 0)
		quirk_add(&p->s->seen, QUIRK_NO_UIDNEXT);
	if (!(c->folder.attrs & FOLDER_COUNTED)) {
		c->folder.counts.messages = head.exists;
		c->folder.attrs |= FOLDER_COUNTED;
	}
	if (head.exists == 0) {
		c->folder.counts.bytes_known = true;
		return 0;
	}
	if (c->folder.counts.bytes_known && p->uid != 0)
		return 0;
	if (sample_folder(p, head.exists, &mean, err) < 0)
		return -1;
	if (!c->folder.counts.bytes_known) {
		c->folder.counts.bytes = mean * head.exists;
		*ret_estimated = true;
	}
	return 0;
}

/* Of a folder that is open: as many as the user's search finds, with their share of the octets. */
static int
count_found(struct probe *p, const char *key, struct check_folder *c, bool *ret_estimated,
    struct err *err)
{
	struct folder_counts *n = &c->folder.counts;
	struct uidset found = { 0 };
	struct err refused = { 0 };
	int rc = 0;

	if (c->trouble != NULL || n->messages == 0)
		return 0;
	if (sess_search(p->s, key, &found, &refused) < 0) {
		c->trouble = keep(p->ret, refused.text);
		if (refused.scope >= SCOPE_SESSION) {
			*err = refused;
			rc = -1;
		}
	} else if (uidset_count(&found) < n->messages) {
		n->bytes = (uint64_t)((double)n->bytes * (double)uidset_count(&found) / n->messages);
		n->messages = (uint32_t)uidset_count(&found);
		*ret_estimated = true;
	}
	uidset_done(&found);
	return rc;
}

/* What is known of the folder that was counted: sizes, a message to try, whether SEARCH works. */
static int
probe_folder(struct probe *p, const struct job *job, struct check_folder *c, bool *ret_estimated, struct err *err)
{
	const char *search = job->selection.search;
	bool had = p->uid != 0;

	if (look_into(p, c, ret_estimated, err) < 0 ||
	    (search != NULL && count_found(p, search, c, ret_estimated, err) < 0))
		return -1;
	if (p->ret->form == NULL && p->uid != 0 && !had)
		return try_search(p, err) < 0 ? -1 : find_form(p, job, err);
	return 0;
}

/* A message that the server cannot read ends the connection: that is told of its folder, and the others are looked
 * at. */
static int
probe_or_tell(struct probe *p, const struct job *job, struct check_folder *c, bool *ret_estimated, struct err *err)
{
	enum { ENDED_MAX = 20 };
	struct err why = { 0 };
	bool had = p->uid != 0;

	if (probe_folder(p, job, c, ret_estimated, &why) == 0)
		return 0;
	if ((why.kind != ERR_CUT && why.kind != ERR_BYE) || ++p->ended > ENDED_MAX) {
		*err = why;
		return -1;
	}
	c->trouble = keep(p->ret, why.text);
	if (!had)
		p->uid = 0;
	sess_close(&p->s);
	return sess_open(&p->s, &job->source, job->stop, err);
}

static int
describe_folders(struct probe *p, const struct job *job, const struct plan *plan, struct err *err)
{
	struct check_result *r = p->ret;
	const char *search = job->selection.search;
	struct buf path;
	int rc = -1;

	buf_init(&path, 4096);
	r->folder = arena_take(&r->arena, (plan->len + 1) * sizeof(*r->folder));
	for (size_t i = 0; i < plan->len && r->folder != NULL; i++) {
		const struct planned *f = &plan->folder[i];
		struct check_folder *c = &r->folder[r->n_folders++];
		bool estimated = false;

		c->folder = f->folder;
		c->name = f->display;
		c->excluded = f->excluded;
		buf_reset(&path);
		c->mapped = maildir_name(f->folder.name, f->folder.delim, f->folder.prefix, &path);
		c->path = keep(r, path.data);
		if (c->excluded)
			continue;
		/* Opened only when its counts are not known already, or no message has been found
		 * to try. */
		if (!(c->folder.attrs & FOLDER_COUNTED) || !c->folder.counts.bytes_known ||
		    r->form == NULL || search != NULL) {
			if (probe_or_tell(p, job, c, &estimated, err) < 0)
				goto out;
		}
		r->bytes_estimated |= estimated;
		r->messages += c->folder.counts.messages;
		r->bytes += c->folder.counts.bytes;
	}
	rc = 0;
out:
	buf_done(&path);
	return rc;
}

static void
estimate(struct check_result *r)
{
	/* A window of 8 MiB in flight over one round trip bounds the rate; without a measured one
	 * assume 10 MiB/s. */
	uint64_t rate = r->rate_bytes_s ? r->rate_bytes_s : UINT64_C(10) << 20;
	int64_t folders = 0;

	for (size_t i = 0; i < r->n_folders; i++)
		folders += !r->folder[i].excluded;
	r->estimate_s = r->bytes == 0 && r->messages > 0
			    ? -1
			    : (int64_t)(r->bytes / rate) + (int64_t)(r->messages / 20000) +
				  folders * 3 * r->rtt_us / 1000000 + 1;
}

int
job_check(const struct job *job, struct check_result *ret, struct err *err)
{
	struct check_result r = { 0 };
	struct probe p = { .ret = &r, .not_tried = FORM_NONE };
	struct folder_list list = { 0 };
	struct plan plan;
	struct err trouble;
	int rc = -1;

	arena_init(&r.arena, CHECK_ARENA);
	buf_init(&p.refused_names, 1024);
	plan_init(&plan);
	if (sess_open(&p.s, &job->source, job->stop, err) < 0 ||
	    sess_folders(p.s, true, &plan.arena, &list, err) < 0 ||
	    plan_make(&plan, &job->selection, &list, err) < 0 || measure_rtt(p.s, &r, err) < 0)
		goto out;
	describe_server(p.s, &plan, &r);
	r.list_trouble = plan_whole(&plan, &trouble) < 0 ? keep(&r, trouble.text) : NULL;
	if (describe_folders(&p, job, &plan, err) < 0)
		goto out;
	if (r.form == NULL)
		r.form = p.not_tried == FORM_NONE
			     ? "no message to try"
			     : arena_printf(&r.arena, "%s: would set \\Seen, not tried",
				   form_items(p.not_tried));
	r.form_refused = keep(&r, p.refused_names.data ? p.refused_names.data : "");
	r.quirks = p.s->quirks | p.s->seen;
	estimate(&r);
	rc = 0;
out:
	sess_close(&p.s);
	folder_list_done(&list);
	buf_done(&p.refused_names);
	if (rc == 0) {
		/* Names and prefixes are the plan's: it goes with the result. */
		for (size_t i = 0; i < r.n_folders; i++) {
			struct folder *f = &r.folder[i].folder;
			char *name = arena_copy(&r.arena, f->name);

			r.folder[i].name = keep(&r, r.folder[i].name);
			f->name = slice_str(name);
			f->special_use = f->special_use ? keep(&r, f->special_use) : NULL;
			f->prefix = (struct slice){ "", 0 };
		}
		*ret = r;
	} else {
		arena_done(&r.arena);
	}
	plan_done(&plan);
	return rc;
}
