/* Which folders are copied, and under which name. */
#ifndef ENGINE_SELECT_H
#define ENGINE_SELECT_H

#include "engine/job.h"
#include "imap/session.h"

enum { NO_FOLDER_MAX = 8192 }; /* octets of the sentence */

struct planned {
	struct folder folder;
	const char *display; /* UTF-8, INBOX in capitals */
	bool excluded; /* by the selection; why says which part of it */
	const char *why;
	bool renewed; /* UIDVALIDITY, of the source or of the target, has changed in this run */
	uint32_t uidvalidity; /* of the source, when it was last entered in this run */
	unsigned validities; /* how many there have been */
	/* Its record, made with those of the other folders in one commit; taken by the first who
	 * enters it. */
	struct folder_rec *rec;
};

struct plan {
	struct planned
	    *folder; /* in the order of the list; folders that cannot be selected are left out */
	size_t len;
	struct arena arena;
	struct folder_list list; /* all, as the source gave them */
};

void plan_init(struct plan *p);
void plan_done(struct plan *p);
/* Takes over *list (its names are in p->arena already). */
int plan_make(struct plan *p, const struct selection *sel, struct folder_list *list,
    struct err *err) WARN_UNUSED;
/* Does the list have all folders, as far as can be seen? */
static inline bool
plan_lists_all(const struct plan *p)
{
	return p->list.unparsed == 0 && !p->list.silent && !p->list.refused;
}

/* -1: it has not, and *err says why folders may be missing. */
int plan_whole(const struct plan *p, struct err *err) WARN_UNUSED;
/* Patterns of --folder that no folder of the plan has, as one sentence; false: none. A mistyped name
 * must not look like an account without mail. */
bool plan_unmatched(const struct plan *p, const struct selection *sel, struct buf *out);
bool pattern_matches(const char *pattern, const char *display);
/* Does the selection take a folder that is known by its record alone? */
bool selection_takes(const struct selection *sel, const char *display, bool subscribed);
/* Does the selection leave a listed message out? Then ret_why says by which part of it. */
enum { EXCLUDED_WHY_MAX = 64 };
bool selection_excludes(
    const struct selection *sel, const struct msg *m, char ret_why[EXCLUDED_WHY_MAX]);

#endif
