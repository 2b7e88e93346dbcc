/* Where each folder of a source would go on the server it is to be copied into: both are looked at,
 * nothing is changed. */
#include <string.h>

#include "base/mem.h"
#include "engine/forecast.h"
#include "engine/map.h"
#include "engine/same.h"
#include "engine/select.h"
#include "imap/append.h"
#include "imap/quota.h"
#include "mail/names.h"
#include "store/source.h"

enum { MAP_ARENA = 256 * 1024 * 1024 };

struct map {
	const struct job *job;
	struct map_result *ret;
	struct plan plan;
	struct sess *dest;
	struct folder_list list; /* of the destination */
	struct mapped *mapped; /* one for each of plan.list */
};

void
map_result_done(struct map_result *r)
{
	arena_done(&r->arena);
}

static const char *
shown(struct map *m, struct slice wire)
{
	struct buf text;
	const char *copy;

	buf_init(&text, LEX_STRING_MAX);
	folder_display(wire, &text);
	copy = arena_copy(&m->ret->arena, buf_slice(&text));
	buf_done(&text);
	return copy != NULL ? copy : "";
}

static int
look_at_source(struct map *m, struct err *err)
{
	const struct source_ops *ops = m->job->from != NULL ? &source_files : &source_imap;
	const struct source_place place = { .server = &m->job->source,
		.shelf = m->job->from,
		.sizes = !selection_picks(&m->job->selection) };
	struct folder_list list = { 0 };
	struct source *s = NULL;
	int rc = ops->open(&s, &place, m->job->stop, err);

	if (rc == 0 && ops->extras_offered != NULL)
		m->ret->source_extras = ops->extras_offered(s);
	if (rc == 0)
		rc = ops->folders(s, &m->plan.arena, &list, err);
	if (rc == 0)
		rc = plan_make(&m->plan, &m->job->selection, &list, err);
	ops->close(&s);
	return rc;
}

/* Capabilities that make a difference to whoever writes. */
static void
describe(struct map *m)
{
	static const struct {
		enum cap cap;
		const char *words;
	} all[] = {
		{ CAP_UIDPLUS, "UIDPLUS" },
		{ CAP_MULTIAPPEND, "MULTIAPPEND" },
		{ CAP_LITERAL_PLUS, "LITERAL+" },
		{ CAP_CREATE_SPECIAL_USE, "CREATE-SPECIAL-USE" },
		{ CAP_LIST_STATUS, "LIST-STATUS" },
		{ CAP_QUOTA, "QUOTA" },
	};
	struct map_result *r = m->ret;
	struct buf have, lack;

	buf_init(&have, 512);
	buf_init(&lack, 512);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct buf *to = caps_has(&m->dest->caps, all[i].cap) ? &have : &lack;

		buf_printf(to, "%s%s", to->len > 0 ? " " : "", all[i].words);
	}
	r->useful = arena_copy(&r->arena, buf_slice(&have));
	r->missing = arena_copy(&r->arena, buf_slice(&lack));
	r->product = arena_copy(&r->arena,
	    slice_str(m->dest->product ? m->dest->product : m->dest->greeting));
	r->append_limit = append_limit(&m->dest->caps);
	r->dest_extras = extras_offered(&m->dest->caps);
	if (!quota_may_set(&m->dest->caps))
		r->dest_extras &= ~(unsigned)EXTRA_QUOTA;
	buf_done(&have);
	buf_done(&lack);
}

static int
look_at_dest(struct map *m, struct err *err)
{
	struct quota quota;

	if (sess_open(&m->dest, &m->job->dest->server, m->job->stop, err) < 0 ||
	    sess_folders(m->dest, false, &m->plan.arena, &m->list, err) < 0 ||
	    quota_get(m->dest, &quota, err) < 0)
		return err_wrap(err, "destination");
	m->ret->quota_used = quota.used;
	m->ret->quota_limit = quota.limit;
	describe(m);
	return 0;
}

static const struct folder *
dest_folder(const struct map *m, const char *name)
{
	for (size_t i = 0; i < m->list.len; i++)
		if (slice_eq(m->list.folder[i].name, name))
			return &m->list.folder[i];
	return NULL;
}

static const struct planned *
planned(const struct map *m, struct slice name)
{
	for (size_t i = 0; i < m->plan.len; i++)
		if (m->plan.folder[i].folder.name.len == name.len &&
		    memcmp(m->plan.folder[i].folder.name.data, name.data, name.len) == 0)
			return &m->plan.folder[i];
	return NULL;
}

static void
add_row(struct map *m, size_t i)
{
	const struct folder *f = &m->plan.list.folder[i];
	const struct planned *p = planned(m, f->name);
	const struct folder *there = dest_folder(m, m->mapped[i].name);
	struct map_row *row = &m->ret->row[m->ret->n];

	/* Folders that hold no mail are made by their children. */
	if (p == NULL)
		return;
	*row = (struct map_row){ .from = p->display,
		.to = shown(m, slice_str(m->mapped[i].name)),
		.how = m->mapped[i].how,
		.why = m->mapped[i].why,
		.excluded = p->excluded,
		.exists = there != NULL,
		.messages = f->counts.messages,
		.there = there != NULL ? there->counts.messages : 0,
		.bytes = f->counts.bytes_known ? f->counts.bytes : 0 };
	row->from = arena_copy(&m->ret->arena, slice_str(p->display));
	if (row->from == NULL)
		row->from = "";
	m->ret->n++;
	if (p->excluded)
		return;
	m->ret->messages += row->messages;
	m->ret->bytes += row->bytes;
	m->ret->bytes_known &= row->messages == 0 || (f->counts.bytes_known && !selection_picks(&m->job->selection));
}

static void
tell_unmatched(struct map *m)
{
	struct buf text;

	buf_init(&text, NO_FOLDER_MAX);
	m->ret->unmatched = "";
	if (mapping_unmatched(&m->job->dest->rules, m->plan.list.folder, m->plan.list.len, &text))
		m->ret->unmatched = arena_copy(&m->ret->arena, buf_slice(&text));
	if (m->ret->unmatched == NULL)
		m->ret->unmatched = "";
	buf_done(&text);
}

static int
make_table(struct map *m, struct err *err)
{
	const struct mapping_side side = { .folder = m->list.folder,
		.n = m->list.len,
		.delim = m->list.delim,
		.prefix = m->list.len > 0 ? m->list.folder[0].prefix : (struct slice){ "", 0 } };
	size_t n = m->plan.list.len;

	if (mapping_make(&m->job->dest->rules, m->plan.list.folder, n, &side, &m->ret->arena,
		&m->mapped, err) < 0)
		return -1;
	m->ret->row = arena_take(&m->ret->arena, (n + 1) * sizeof(*m->ret->row));
	if (m->ret->row == NULL)
		return err_set(err, ERR_PROTOCOL, "the folder names do not fit into memory");
	for (size_t i = 0; i < n; i++)
		add_row(m, i);
	tell_unmatched(m);
	return 0;
}

/* Rows and folders of the list stand in one order. */
static int
count_extra(struct map *m, struct err *err)
{
	struct sess *source = NULL;
	size_t k = 0;
	int rc;

	if (!m->job->dest->delete_extra || m->job->from != NULL)
		return 0;
	rc = sess_open(&source, &m->job->source, m->job->stop, err);
	for (size_t i = 0; rc == 0 && i < m->plan.list.len && k < m->ret->n; i++) {
		const struct folder *f = &m->plan.list.folder[i];
		struct map_row *row = &m->ret->row[k];

		if (planned(m, f->name) == NULL)
			continue;
		k++;
		if (row->exists && !row->excluded && row->there > 0 && !source->numbered)
			rc = map_extra(
			    source, m->dest, f->name, slice_str(m->mapped[i].name), row, err);
	}
	sess_close(&source);
	return rc;
}

int
job_map(const struct job *job, struct map_result *ret, struct err *err)
{
	struct map m = { .job = job, .ret = ret };
	int rc;

	*ret = (struct map_result){ .bytes_known = true };
	arena_init(&ret->arena, MAP_ARENA);
	plan_init(&m.plan);
	rc = look_at_source(&m, err);
	if (rc == 0)
		rc = look_at_dest(&m, err);
	if (rc == 0 && job->from == NULL &&
	    same_account(&job->source, &m.plan.list, &job->dest->server, &m.list))
		rc = err_set(err, ERR_USAGE,
		    "source and destination are the same account: it has the same folders with the "
		    "same UIDVALIDITY and UIDNEXT under both names");
	if (rc == 0)
		rc = make_table(&m, err);
	if (rc == 0)
		rc = count_extra(&m, err);
	sess_close(&m.dest);
	folder_list_done(&m.list);
	plan_done(&m.plan);
	return rc;
}
