/* What the files of undo share. Inside the engine only. */
#ifndef ENGINE_UNDO_H
#define ENGINE_UNDO_H

#include "engine/rewrite.h"
#include "engine/verify_dest.h"
#include "imap/session.h"

enum { SET_OCTETS = 900 }; /* of a UID set; a command line of 1,000 is too long nowhere */

/* A copy of ours, of the page at hand. */
struct item {
	uint32_t dest_uid;
	const struct msg *row;
	bool there, same;
	const char *subject, *date; /* in the arena of the page */
};

struct undo {
	const struct job *job;
	const struct undo_out *out;
	struct undo_counts counts;
	bool remove;
	struct sess *s;
	struct lease lease;
	const char *account;
	const struct folder_rec *rec;
	bool read_only;
	struct buf shown; /* folder on the target, for people */
	const char *name; /* of the source, likewise */
	struct msg_page *rows;
	struct item *item; /* ascending by dest_uid */
	size_t n;
	struct uidset asked; /* dest_uid of the items */
	struct uidset good, gone,
	    deleted, doubted; /* of the folder: to be removed; not there; \Deleted already; with an intent */
	struct uidset rowed, named; /* of the folder: UIDs on the source of rows with a copy; of their copies */
	struct rewrite *rewrite;
	struct digest *digest;
	struct buf start; /* of the message that is read */
	struct arena arena, page;
	struct warning *warning; /* that stand for the account */
	size_t n_warnings;
	uint64_t matched, other; /* folders with, without the UIDVALIDITY of then */
	struct err first; /* what kept something from being removed; kind NONE: nothing */
};

/* Why something in the folder stays: logged, and the first one is the error of the run. */
void undo_leave(struct undo *u, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Ask for these items of the messages in `set`, which are u->item; `folder`: of the source, for
 * people. */
int undo_fetch(struct undo *u, const struct uidset *set, const char *items, const char *folder,
    struct err *err) WARN_UNUSED;

/* undo_doubt.c: what may be imex's besides, in the folder whose rows have been looked at, is told. */
int undo_doubts(struct undo *u, struct err *err) WARN_UNUSED;

/* undo_remove.c: remove what u->good has, forget its rows and those of what is gone. */
int undo_take_away(struct undo *u, struct err *err) WARN_UNUSED;

#endif
