#include "engine/select.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/names.h"

enum { PLAN_ARENA = 256 * 1024 * 1024 };

void
plan_init(struct plan *p)
{
	*p = (struct plan){ 0 };
	arena_init(&p->arena, PLAN_ARENA);
}

void
plan_done(struct plan *p)
{
	folder_list_done(&p->list);
	arena_done(&p->arena);
}

bool
pattern_matches(const char *pattern, const char *display)
{
	if (strcasecmp(pattern, "INBOX") == 0)
		return strcasecmp(display, "INBOX") == 0;
	return fnmatch(pattern, display, 0) == 0;
}

static bool
matches_any(const char *const *pattern, size_t n, const char *display)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_matches(pattern[i], display))
			return true;
	return false;
}

bool
selection_takes(const struct selection *sel, const char *display, bool subscribed)
{
	return !matches_any(sel->excludes, sel->n_excludes, display) &&
	       (sel->n_folders == 0 || matches_any(sel->folders, sel->n_folders, display)) &&
	       (!sel->subscribed || subscribed);
}

static const char *
excluded_why(const struct selection *sel, const struct planned *one)
{
	unsigned attrs = one->folder.attrs;

	if ((attrs & FOLDER_OTHER_USERS) && !sel->other_users)
		return "another user's namespace (--namespace other adds it)";
	if ((attrs & FOLDER_SHARED) && !sel->shared)
		return "a shared namespace (--namespace shared adds it)";
	if (matches_any(sel->excludes, sel->n_excludes, one->display))
		return "--exclude";
	if (sel->n_folders > 0 && !matches_any(sel->folders, sel->n_folders, one->display))
		return "not named by --folder";
	if (sel->subscribed && !(attrs & FOLDER_SUBSCRIBED))
		return "not subscribed";
	return NULL;
}

/* The pattern of --priority-folders that comes first; behind all of them when none matches. */
static size_t
priority(const struct selection *sel, const struct planned *f)
{
	size_t i = 0;

	while (i < sel->n_first && !pattern_matches(sel->first[i], f->display))
		i++;
	return i;
}

/* Folders of one pattern, and those of none, keep their order. */
static void
plan_order(struct plan *p, const struct selection *sel)
{
	struct planned *sorted;
	size_t n = 0;

	if (sel->n_first == 0)
		return;
	sorted = mem_resize(NULL, p->len + 1, sizeof(*sorted));
	for (size_t rank = 0; rank <= sel->n_first; rank++)
		for (size_t i = 0; i < p->len; i++)
			if (priority(sel, &p->folder[i]) == rank)
				sorted[n++] = p->folder[i];
	memcpy(p->folder, sorted, n * sizeof(*sorted));
	free(sorted);
}

int
plan_make(struct plan *p, const struct selection *sel, struct folder_list *list, struct err *err)
{
	struct buf name;
	int rc = -1;

	buf_init(&name, LEX_STRING_MAX * 4);
	p->list = *list;
	*list = (struct folder_list){ 0 };
	if (sel->subscribed && p->list.lsub_refused) {
		err_set(err, ERR_FOLDER,
		    "the server refuses to say which folders are subscribed (LSUB), and --subscribed "
		    "takes no others; leave it out, or name folders with --folder");
		goto out;
	}
	p->folder = arena_take(&p->arena, (p->list.len + 1) * sizeof(*p->folder));
	if (p->folder == NULL)
		goto full;
	for (size_t i = 0; i < p->list.len; i++) {
		struct planned *one = &p->folder[p->len];

		if (p->list.folder[i].attrs & FOLDER_NOSELECT)
			continue;
		one->folder = p->list.folder[i];
		buf_reset(&name);
		folder_display(one->folder.name, &name);
		one->display = arena_copy(&p->arena, buf_slice(&name));
		if (one->display == NULL)
			goto full;
		one->why = excluded_why(sel, one);
		one->excluded = one->why != NULL;
		p->len++;
	}
	plan_order(p, sel);
	rc = 0;
	goto out;
full:
	err_set(err, ERR_PROTOCOL, "the server lists more folder names than fit into memory");
out:
	buf_done(&name);
	return rc;
}

int
plan_whole(const struct plan *p, struct err *err)
{
	if (p->list.unparsed > 0)
		return err_set(err, ERR_FOLDER,
		    "%u lines of the folder list could not be read: folders may be missing", p->list.unparsed);
	if (p->list.refused)
		return err_set(err, ERR_FOLDER,
		    "the server refuses to list a part of its folders, or has too many levels: folders may be "
		    "missing");
	if (p->list.silent)
		return err_set(err, ERR_FOLDER,
		    "the server lists no folder at all, not even INBOX, which has mail: folders may be missing");
	return 0;
}

bool
plan_unmatched(const struct plan *p, const struct selection *sel, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < sel->n_folders; i++) {
		bool found = false;

		for (size_t k = 0; k < p->len && !found; k++)
			found = pattern_matches(sel->folders[i], p->folder[k].display);
		if (!found)
			(void)buf_printf(out, "%s'%s'", any ? ", " : "no folder matches --folder ",
			    sel->folders[i]);
		any |= !found;
	}
	return any;
}

/* "before --since 2003-11-07T00:00:00Z" */
static bool
out_of_window(const char *words, int64_t limit, char *ret_why)
{
	char at[ISO_MAX];

	clock_iso(limit * SEC, at);
	snprintf(ret_why, EXCLUDED_WHY_MAX, "%s %.19sZ", words, at);
	return true;
}

static bool
excluded_by_date(const struct selection *sel, const struct date *d, char *ret_why)
{
	if (!d->known)
		return false;
	if (sel->has_since && d->epoch < sel->since)
		return out_of_window("before --since", sel->since, ret_why);
	if (sel->has_before && d->epoch >= sel->before)
		return out_of_window("not before --before", sel->before, ret_why);
	return false;
}

static bool
excluded_by_size(const struct selection *sel, const struct msg *m, char *ret_why)
{
	if (!m->size_known)
		return false;
	if (m->size < sel->min_size)
		snprintf(ret_why, EXCLUDED_WHY_MAX, "smaller than --min-size %" PRIu64, sel->min_size);
	else if (sel->max_size > 0 && m->size > sel->max_size)
		snprintf(ret_why, EXCLUDED_WHY_MAX, "larger than --max-size %" PRIu64, sel->max_size);
	else
		return false;
	return true;
}

bool
selection_excludes(const struct selection *sel, const struct msg *m, char ret_why[EXCLUDED_WHY_MAX])
{
	const char *flag = sel->skip_deleted && (m->flags.system & FLAG_DELETED) ? "flagged \\Deleted"
			   : sel->unseen && (m->flags.system & FLAG_SEEN)	 ? "seen (--unseen)"
										 : NULL;

	if (flag == NULL)
		return excluded_by_date(sel, &m->date, ret_why) || excluded_by_size(sel, m, ret_why);
	snprintf(ret_why, EXCLUDED_WHY_MAX, "%s", flag);
	return true;
}
