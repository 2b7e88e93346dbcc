/* The folders of the server that mail goes to, and the table of the sink. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/names.h"
#include "store/to_imap/imap_sink.h"

enum { NAMES_MAX = 256 * 1024 * 1024 };

/* ---- errors and notes ---- */

int
dest_failed(struct sink *s, struct err *err)
{
	if (err->kind == ERR_BYE && !s->broken)
		dest_note(s, EV_REFUSED, s->begun || s->care != CARE_NONE ? s->now.uid : 0, NULL,
		    s->s->reply, false, "the destination closed the session");
	if (err->scope == SCOPE_SESSION || err->kind == ERR_THROTTLED)
		s->broken = true;
	if (err->scope == SCOPE_SESSION && strncmp(err->text, "destination", 11) != 0)
		err_wrap(err, "destination %s", s->to->server->host);
	return -1;
}

void
dest_note(struct sink *s, enum event_no no, uint32_t uid, const char *command, const char *reply,
    bool standing, const char *fmt, ...)
{
	struct event e = { .no = no,
		.level = event_default_level(no) == LEVEL_INFO ? LEVEL_INFO : LEVEL_WARNING,
		.uid = uid,
		.command = command,
		.folder = s->at != NULL ? s->at->name : NULL };
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (reply != NULL)
		e.reply = slice_str(reply);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	notes_add(&s->notes, &e, standing, "%s", text);
}

static int
imap_open(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	struct sink *s = mem_new(sizeof(*s));
	AUTO(file_close) int dir = -1;

	s->to = at->dest;
	s->known = at->known;
	s->n_known = at->n_known;
	s->stop = stop;
	s->end = &s->first;
	arena_init(&s->names, NAMES_MAX);
	arena_init(&s->now_arena, 1024 * 1024);
	notes_init(&s->notes);
	buf_init(&s->wire, 2 * GROUP_OCTETS + APPEND_GROUP_MAX * 64 * 1024);
	s->identity = identity_new();
	*ret = s;
	if (file_open_dir(AT_FDCWD, s->to->spool_dir, &dir, err) < 0)
		return -1;
	s->body = spool_new(dir, SPOOL_MEMORY);
	s->repaired = spool_new(dir, SPOOL_MEMORY);
	return dest_connect(s, err);
}

static void
folder_at_free(struct folder_at *at)
{
	free(at->name);
	free(at->cand);
	free(at->odd);
	buf_done(&at->perm);
	buf_done(&at->mark);
	uidset_done(&at->claimed);
	uidset_done(&at->known);
	uidset_done(&at->went);
	free(at);
}

static void
imap_close(struct sink **sp)
{
	struct sink *s = *sp;

	if (s == NULL)
		return;
	dest_drop_session(s);
	dest_drop_groups(s);
	while (s->folders != NULL) {
		struct folder_at *at = s->folders;

		s->folders = at->next;
		folder_at_free(at);
	}
	for (size_t i = 0; i < s->n_accepted; i++)
		free(s->accepted[i]);
	free(s->accepted);
	dest_labels_done(s);
	folder_list_done(&s->list);
	arena_done(&s->names);
	arena_done(&s->now_arena);
	notes_done(&s->notes);
	buf_done(&s->wire);
	spool_free(&s->body);
	spool_free(&s->repaired);
	identity_free(s->identity);
	free(s);
	*sp = NULL;
}

/* ---- folders ---- */

static void
take_permanent(struct folder_at *at, struct slice flags)
{
	at->perm_known = true;
	buf_reset(&at->perm);
	if (flags.len >= 2 && flags.data[0] == '(')
		flags = (struct slice){ flags.data + 1, flags.len - 2 };
	buf_add(&at->perm, flags.data, flags.len);
	at->perm_any = flags.len >= 2 && strstr(at->perm.data, "\\*") != NULL;
}

static void
take_code(struct folder_at *at, const struct resp *r)
{
	switch (r->code) {
	case CODE_UIDVALIDITY:
		at->uidvalidity = (uint32_t)r->code_num;
		break;
	case CODE_UIDNEXT:
		at->uidnext = (uint32_t)r->code_num;
		break;
	case CODE_PERMANENTFLAGS:
		take_permanent(at, r->code_text);
		break;
	case CODE_READ_ONLY:
		at->read_only = true;
		break;
	default:
		break;
	}
}

int
dest_select(struct sink *s, struct folder_at *at, struct err *err)
{
	struct resp r;
	struct asked a;
	uint32_t tag;

	at->uidvalidity = at->uidnext = 0;
	at->read_only = at->perm_known = at->perm_any = false;
	if (sess_send_named(s->s, DEST_OTHER, &tag, "SELECT", slice_str(at->name), "", err) < 0)
		return dest_failed(s, err);
	s->s->exists = 0;
	s->s->exists_known = false;
	do {
		if (dest_pump(s, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_STATUS || (r.kind == RESP_TAGGED && r.tag == tag))
			take_code(at, &r);
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (r.state != STATE_OK) {
		sess_refused(s->s, &r, "SELECT on the destination", err);
		if (err->kind != ERR_THROTTLED)
			err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER, err->retry = RETRY_LATER;
		return -1;
	}
	if (at->read_only)
		return err_set(err, ERR_FOLDER,
		    "the folder '%s' of the destination is read-only for this login", at->name);
	at->exists = s->s->exists;
	at->added_before = at->added;
	return 0;
}

/* UIDNEXT that the server did not tell: behind the highest UID there is. What has a lower one is never imex's own,
 * so that all must be named. */
static int
find_uidnext(struct sink *s, struct folder_at *at, struct err *err)
{
	struct uidset all;
	int rc;

	at->uidnext = 1;
	if (at->exists == 0 && s->s->exists_known)
		return 0;
	uidset_init(&all);
	rc = dest_uids(s, at, &all, err);
	if (rc == 0)
		at->uidnext = uidset_last(&all) < UINT32_MAX ? uidset_last(&all) + 1 : UINT32_MAX;
	uidset_done(&all);
	return rc;
}

/* In this run, by whatever name it is called. */
static bool
is_made_now(const struct sink *s, const char *name)
{
	for (size_t i = 0; s->mapped != NULL && i < s->n_source; i++)
		if (s->made[i] && strcmp(s->mapped[i].name, name) == 0)
			return true;
	return false;
}

/* What was known of the folder, beside what it is now: void_from, was and top, and UIDNEXT if it was not told. */
static int
compare_mark(struct sink *s, struct folder_at *at, const struct folder_rec *rec, struct dest_mark *ret, struct err *err)
{
	dest_mark_read(rec->mark, ret);
	at->was = ret->uidvalidity;
	at->void_from = ret->uidvalidity != 0 && ret->uidvalidity != at->uidvalidity;
	at->void_told = false;
	at->top = ret->uidvalidity == at->uidvalidity ? dest_top(rec) : 0;
	if (at->uidnext == 0)
		return find_uidnext(s, at, err);
	if (dest_find_anew(s, at, err) < 0)
		return -1;
	if (at->top >= at->uidnext)
		at->top = at->void_from == 1 ? 0 : at->uidnext - 1;
	return 0;
}

static int
open_at(struct sink *s, struct folder_at *at, const struct folder_rec *rec, struct err *err)
{
	struct dest_mark was;

	if (dest_select(s, at, err) < 0 || compare_mark(s, at, rec, &was, err) < 0)
		return -1;
	at->born = at->uidnext;
	if (was.uidvalidity == at->uidvalidity && at->void_from != 1 && was.born != 0 && was.born < at->uidnext)
		at->born = was.born;
	at->made = (was.made && at->void_from != 1) || is_made_now(s, at->name);
	at->marked = at->void_from != 0 || was.uidvalidity != at->uidvalidity || was.born != at->born ||
		     was.made != at->made || !was.top_known;
	dest_mark_write(at);
	at->looked = at->accepted = false;
	at->n_cands = 0;
	at->n_odd = 0;
	at->waited_ms = 0;
	at->full[0] = '\0';
	at->moved_at = at->uidnext;
	at->begun_with = at->exists;
	at->first = at->uidnext;
	at->doubt_from = 0;
	at->added = at->added_before = at->told = 0;
	uidset_clear(&at->claimed);
	uidset_clear(&at->known);
	uidset_clear(&at->went);
	return 0;
}

static struct folder_at *
folder_find(struct sink *s, int64_t id)
{
	struct folder_at *at = s->folders;

	while (at != NULL && at->id != id)
		at = at->next;
	return at;
}

static const char *
refused_why(const struct sink *s, const char *path)
{
	for (size_t i = 0; s->mapped != NULL && i < s->n_source; i++)
		if (s->refused[i] != NULL && strcmp(s->mapped[i].name, path) == 0)
			return s->refused[i];
	return NULL;
}

/* The largest message that the folder takes; one that this sink has not opened yet (STATUS of a
 * selected folder is not to be asked). */
static int
find_limit(struct sink *s, const char *name, uint64_t *ret, struct err *err)
{
	*ret = s->limit;
	if (s->limit != 0 || !s->limit_by_folder)
		return 0;
	/* The answers of what is under way are taken by the sink alone. */
	if (dest_drain(s, err) < 0)
		return -1;
	return append_folder_limit(s->s, slice_str(name), ret, err) < 0 ? dest_failed(s, err) : 0;
}

static int
imap_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err)
{
	struct folder_at *at = folder_find(s, rec->id);
	const char *why = refused_why(s, rec->path);

	*ret_aside = 0;
	if (why != NULL)
		return err_set(err, ERR_FOLDER,
		    "the destination refuses to make the folder '%s': %s", rec->path, why);
	if (at == NULL) {
		uint64_t limit;

		if (find_limit(s, rec->path, &limit, err) < 0)
			return -1;
		at = mem_new(sizeof(*at));
		at->id = rec->id;
		at->name = mem_copy_str(rec->path);
		at->limit = limit;
		buf_init(&at->perm, 64 * 1024);
		buf_init(&at->mark, 64);
		at->next = s->folders;
		s->folders = at;
	}
	at->rows = *rows;
	at->has_rows = rec->listed + rec->expunged > 0;
	s->at = at;
	*ret = at;
	return open_at(s, at, rec, err);
}

static bool
imap_holds(struct sink *s, const struct folder_rec *rec)
{
	struct dest_mark mark;

	dest_mark_read(rec->mark, &mark);
	for (size_t i = 0; i < s->list.len; i++) {
		const struct folder *f = &s->list.folder[i];

		if (slice_eq(f->name, rec->path) && f->counts.uidvalidity != 0)
			return mark.uidvalidity == f->counts.uidvalidity &&
			       (f->counts.uidnext == 0 || f->counts.uidnext > dest_top(rec));
	}
	/* What cannot be told from here is seen when it is opened. */
	return false;
}

static const char *
imap_first_mark(struct sink *s, const struct folder *f)
{
	size_t i = dest_source_index(s, f->name);

	return s->made != NULL && i < s->n_source && s->made[i] ? "made" : "";
}

static bool
imap_made(const struct folder_rec *rec)
{
	struct dest_mark mark;

	dest_mark_read(rec->mark, &mark);
	return mark.made;
}

static bool
imap_has_copies_of(const struct folder_at *at, const struct folder_rec *old)
{
	struct dest_mark mark;

	dest_mark_read(old->mark, &mark);
	/* One record goes on from the mark of another: its top is below only if the folder was made anew since. */
	return mark.uidvalidity != 0 && mark.uidvalidity == at->uidvalidity && strcmp(old->path, at->name) == 0 &&
	       at->void_from == 0 && mark.top <= at->top;
}

static void
imap_keep_for_adopting(struct folder_at *at, const struct uidset *copies)
{
	(void)uidset_join(copies, &at->claimed);
	uidset_sort(&at->claimed);
}

static void
imap_head(const struct folder_at *at, struct dest_head *ret)
{
	*ret = (struct dest_head){ .uidvalidity = at->uidvalidity,
		.uidnext = at->uidnext,
		.was = at->void_from != 0 ? at->was : 0 };
}

static void
imap_doubt_from(struct folder_at *at, uint32_t uid)
{
	at->doubt_from = uid;
}

static void
imap_notes(const struct folder_at *at, struct folder_notes *ret)
{
	(void)at;
	*ret = (struct folder_notes){ 0 };
}

static void
imap_expect(struct sink *s, struct folder_at *at, const struct msg *m)
{
	(void)s;
	(void)at;
	(void)m;
}

/* ---- intents ---- */

static int
imap_care(struct sink *s, struct folder_at *at, enum care how, struct err *err)
{
	if (dest_drain(s, err) < 0)
		return -1;
	s->care = how;
	return how == CARE_NONE ? 0 : dest_look(s, at, err);
}

static void
tell_outcome(struct sink *s, struct flight *f, struct arena *a, struct outcome *ret)
{
	struct err ignored = { 0 };

	*ret = (struct outcome){
		.kind = f->kind, .msg = f->msg, .reason = f->reason, .reply = f->reply
	};
	ret->msg.dest_own = f->own;
	if (f->kind == OUTCOME_STORED) {
		if (s->at != NULL)
			dest_top_rises(s->at, f->msg.dest_uid);
		dest_remarks(f, a, ret);
		return;
	}
	ret->msg.dest_uid = 0;
	if ((f->kind == OUTCOME_REFUSED || f->kind == OUTCOME_ASIDE) && f->msg.uid == s->now.uid &&
	    spool_read(s->body, 0, HEADER_MAX, &ret->header, &ignored) < 0)
		ret->header = (struct slice){ 0 };
}

static int
imap_outcome(struct sink *s, bool wait, struct outcome *ret, bool *ret_end, struct err *err)
{
	bool idle = false;

	for (;;) {
		struct group *g = s->first;

		*ret_end = false;
		while (g != NULL && g->state == GROUP_DONE && g->given == g->n) {
			s->first = g->next;
			if (s->first == NULL)
				s->end = &s->first;
			dest_group_free(g);
			g = s->first;
		}
		if (g != NULL && g->state == GROUP_DONE) {
			tell_outcome(s, &g->flight[g->given++], &g->arena, ret);
			return 0;
		}
		*ret_end = true;
		if (s->broken)
			return 0;
		if (!wait)
			return dest_read_back_if_many(s, err);
		if (idle || g == NULL)
			return 0;
		if (dest_advance(s, &idle, err) < 0)
			return -1;
	}
}

static void
imap_in_doubt(const struct sink *s, struct uidset *ret)
{
	uidset_clear(ret);
	for (const struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; g->state != GROUP_FILLING && g->state != GROUP_DONE && i < g->n;
		     i++)
			uidset_add(ret, g->flight[i].msg.uid, g->flight[i].msg.uid);
	uidset_sort(ret);
}

static bool
imap_went_out(struct folder_at *at, uint32_t uid)
{
	uidset_sort(&at->went);
	return uidset_has(&at->went, uid);
}

static int
imap_moved(struct sink *s, struct folder_at *at, bool *ret, struct err *err)
{
	/* A server that tells no EXISTS may show in one SELECT what was there at it, and no more. */
	if (dest_select_again(s, err) < 0 || dest_look(s, at, err) < 0)
		return -1;
	*ret = at->uidnext != at->moved_at;
	at->moved_at = at->uidnext;
	return 0;
}

static bool
imap_broken(const struct sink *s)
{
	return s->broken || s->s == NULL;
}

static const struct folder_list *
imap_listed(const struct sink *s)
{
	return &s->list;
}

static struct notes *
imap_said(struct sink *s)
{
	if (s->s != NULL)
		dest_keep_notes(s);
	return &s->notes;
}

const struct sink_ops sink_imap = {
	.name = "imap",
	.traits = SINK_INTENT | SINK_AMENDS,
	.open = imap_open,
	.survey = dest_survey,
	.name_folder = dest_name_folder,
	.move_folder = dest_move_folder,
	.folder = imap_folder,
	.notes = imap_notes,
	.expect = imap_expect,
	.begin = dest_begin,
	.write = dest_write,
	.end = dest_end,
	.abandon = dest_abandon,
	.amend = dest_amend,
	.remove = dest_remove,
	.adopt = dest_adopt,
	.has_copies_of = imap_has_copies_of,
	.keep_for_adopting = imap_keep_for_adopting,
	.full = dest_full,
	.seal = dest_seal,
	.finish = dest_finish,
	.finish_account = dest_finish_account,
	.close = imap_close,
	.prepare = dest_prepare,
	.marker = dest_marker,
	.quota = dest_quota,
	.raise_quota = dest_raise_quota,
	.extras_offered = dest_extras_offered,
	.extras = dest_extras,
	.holds = imap_holds,
	.plain_name = dest_plain_name,
	.first_mark = imap_first_mark,
	.made = imap_made,
	.head = imap_head,
	.doubt_from = imap_doubt_from,
	.care = imap_care,
	.outcome = imap_outcome,
	.in_doubt = imap_in_doubt,
	.went_out = imap_went_out,
	.moved = imap_moved,
	.surplus = dest_surplus,
	.drop_surplus = dest_drop_surplus,
	.removes = dest_removes,
	.uids = dest_uids,
	.keep = dest_keep,
	.expunge = dest_expunge,
	.listed = imap_listed,
	.broken = imap_broken,
	.connect = dest_connect,
	.said = imap_said,
};
