#include "app/crowd/enlist.h"

#include <stdlib.h>

#include "app/job/checked.h"
#include "app/job/destined.h"
#include "base/mem.h"
#include "mail/names.h"

enum { ROWS_ARENA = 1024 * 1024 * 1024 };

/* ---- the queue ---- */

static int
row_record(const struct user_row *row, struct account_rec *ret, struct arena *a, struct err *err)
{
	AUTO(buf_done) struct buf dir;

	buf_init(&dir, 4096);
	account_dir(slice_str(row->login), row->server, row->port, &dir);
	*ret = (struct account_rec){ .login = row->login, .host = row->server,
		.port = row->port, .dir = arena_copy(a, buf_slice(&dir)),
		.name = arena_printf(a, "%s@%s", row->login, row->server) };
	if (ret->dir == NULL || ret->name == NULL)
		return err_set(err, ERR_CONFIG, "too many accounts in one list");
	return 0;
}

static int
queue_rows(struct migration *m, struct account_rec *rec, struct arena *a, struct err *err)
{
	size_t n = m->list->len;

	for (size_t i = 0; i < n; i++)
		if (row_record(&m->list->row[i], &rec[i], a, err) < 0)
			return -1;
	if (checked_take(m->run.state, rec, n, err) < 0)
		return -1;
	return state_account_queue(m->run.state, rec, n, a, err);
}

/* What cannot be kept is told by the account that begins next. */
void
enlist_again(const struct migration *m, const bool *which)
{
	struct account_rec *rec = mem_new((m->list->len + 1) * sizeof(*rec));
	struct err ignored;
	struct arena a;
	size_t n = 0;
	int rc = 0;

	arena_init(&a, ROWS_ARENA);
	for (size_t i = 0; rc == 0 && i < m->list->len; i++)
		if (which[i])
			rc = row_record(&m->list->row[i], &rec[n++], &a, &ignored);
	if (rc == 0)
		(void)!state_account_queue(m->run.state, rec, n, &a, &ignored);
	arena_done(&a);
	free(rec);
}

static int
newest_order(const void *account, const void *newest)
{
	int64_t x = *(const int64_t *)account, y = ((const struct newest *)newest)->account;

	return (x > y) - (x < y);
}

/* Only when it is asked for: it looks at every folder. */
static int
know_newest(struct migration *m, const struct account_rec *rec, struct arena *a, struct err *err)
{
	struct newest *list;
	size_t n;

	if (m->o->order != SCHEDULE_NEWEST)
		return 0;
	if (state_newest(m->run.state, a, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; n > 0 && i < m->list->len; i++) {
		const struct newest *found = bsearch(&rec[i].id, list, n, sizeof(*list), newest_order);

		m->row[i].newest = found ? found->date : 0;
	}
	return 0;
}

static void
know_rows(struct migration *m, const struct account_rec *rec)
{
	for (size_t i = 0; i < m->list->len; i++) {
		m->row[i].account = rec[i].id;
		m->row[i].bytes_known = rec[i].bytes_known;
	}
}

/* They are queued, and their options kept, by the process that began the run. */
static int
enlist_joined(struct migration *m, struct err *err)
{
	struct account_rec *now;
	struct arena a;
	size_t n;

	know_rows(m, m->joined);
	arena_init(&a, ROWS_ARENA);
	int rc = know_newest(m, m->joined, &a, err);
	if (rc == 0)
		rc = state_accounts(m->run.state, &a, &now, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (now[i].round > m->joined[0].round)
			rc = err_set(err, ERR_BUSY, "another run has begun meanwhile");
	arena_done(&a);
	return rc;
}

static int
enlist_queue(struct migration *m, struct err *err)
{
	struct account_rec *rec = mem_new((m->list->len + 1) * sizeof(*rec));
	struct arena a;
	int rc;

	arena_init(&a, ROWS_ARENA);
	rc = queue_rows(m, rec, &a, err);
	if (rc == 0)
		rc = know_newest(m, rec, &a, err);
	if (rc == 0)
		know_rows(m, rec);
	arena_done(&a);
	free(rec);
	return rc;
}

/* ---- options and destinations ---- */

struct enlisting {
	struct stored *known;
	struct destined to;
	struct job_note *note;
	size_t n;
	struct arena arena;
};

static int
note_options(struct enlisting *e, const struct migration *m, size_t at, const struct imap_url *url,
    struct err *err)
{
	struct options o = *m->o;
	int rc;

	if (stored_has(e->known, url))
		return 0;
	arena_init(&o.arena, 1024 * 1024);
	rc = migration_options(m, at, &o, err);
	if (rc == 0)
		rc = stored_note(url, m->list->row[at].source, &o, &e->arena, &e->note[e->n], err);
	arena_done(&o.arena);
	e->n += rc == 0;
	return rc;
}

/* One that is kept and differs is left: its account says so when it begins. */
static int
note_dest(struct enlisting *e, const struct migration *m, size_t at, const struct imap_url *url,
    struct err *err)
{
	const struct user_row *row = &m->list->row[at];
	const char *dest = row->dest ? row->dest : m->into ? m->into->dest : NULL;

	if (!m->own_dests || !dest ||
	    destined_url(&e->to, url->user, url->host, url->port, &e->arena) != NULL)
		return 0;
	if (!destined_note(url, dest, &e->arena, &e->note[e->n]))
		return err_set(err, ERR_CONFIG, "too many accounts in one list");
	e->n++;
	return 0;
}

static int
note_rows(struct enlisting *e, const struct migration *m, struct err *err)
{
	if (m->into && e->to.dest == NULL)
		e->note[e->n++] =
		    (struct job_note){ "dest", m->own_dests ? "" : m->into->dest };
	for (size_t i = 0; i < m->list->len; i++) {
		struct imap_url url;

		if (imap_url_parse(m->list->row[i].source, &e->arena, &url, err) < 0 ||
		    note_options(e, m, i, &url, err) < 0 || note_dest(e, m, i, &url, err) < 0)
			return -1;
	}
	return 0;
}

static int
enlist_notes(struct migration *m, struct err *err)
{
	struct enlisting e = { .note = mem_resize(NULL, 2 * m->list->len + 1, sizeof(*e.note)) };
	struct state *t = m->run.state;
	int rc;

	arena_init(&e.arena, ROWS_ARENA);
	rc = stored_read(&e.known, t, err);
	if (rc == 0)
		rc = destined_read(&e.to, t, &e.arena, err);
	if (rc == 0)
		rc = note_rows(&e, m, err);
	if (rc == 0 && e.n > 0)
		rc = state_notes_set(t, e.note, e.n, err);
	stored_free(&e.known);
	arena_done(&e.arena);
	free(e.note);
	return rc;
}

int
enlist(struct migration *m, struct err *err)
{
	if (m->joined)
		return enlist_joined(m, err);
	return enlist_queue(m, err) < 0 ? -1 : enlist_notes(m, err);
}
