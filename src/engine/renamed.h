/* A folder that has another name on the source than at the last run keeps its record, its messages and
 * their copies: nothing of it is fetched again.
 *
 * IMAP does not tell of a RENAME; the folder is gone, and another is there. The two are one when all of
 * this holds: the old name is not listed (or has another UIDVALIDITY); the new one has no record, or one that
 * tells only that a selection left it out, or one whose folder has another name by now, too; UIDVALIDITY is the
 * same and UIDNEXT has not gone back; each message listed under the new name has the size and the internal date
 * of its row, and one that has no row is new; a sample of them, the first, the last and one between, are
 * fetched and have the SHA-256 of their rows. A server with OBJECTID (RFC 8474) gives each folder an id that
 * it keeps under another name. EXAMINE tells it for the record; the ids of new folders are asked for when one
 * is gone: the one with the id and the UIDVALIDITY of the record is it, without being looked into, and one
 * with another id is not, whatever its UIDs are. Where two folders match one, none does: it is copied as a
 * new one, which costs time and loses nothing.
 *
 * On a Maildir the directory is renamed too, since a client shows its name. First a note
 * of its path is in the state, then the record has the new name; then the directory is moved; then the
 * record has the path, and the note goes. A run that begins looks for notes first, so that after a kill
 * record and directory agree again before anything is read. Elsewhere the files stay where they are:
 * below a directory of mbox and eml lie those of its sub-folders, and what a folder is called is told by
 * its sidecar.
 *
 * On a destination server the folder is renamed in the same way, note first, so that users find it by its new
 * name: if imex made it, and nothing lies below it but folders that imex made, none of which the source
 * still has under its old name, and no other account of the job has copies in it. These go along with
 * it, and so do their records; a folder waits for one above it. A new name that is taken, a refusal, names that
 * were swapped: the folder keeps its name, which is told. The note of what was refused stays, and each run tries it once
 * more, those above first, and none below one that has kept its name. */
#ifndef ENGINE_RENAMED_H
#define ENGINE_RENAMED_H

#include "engine/run.h"

enum { RENAMED_TRIES = 4 }; /* folders that are looked into for one that is gone; more: none is it */

/* Finish what an earlier run has begun, then find and take over what was renamed. After the plan is
 * made, before any name is asked for. r->known is as the state is then. */
int run_renamed(struct run *r, struct lane *l, struct err *err) WARN_UNUSED;

/* Insides. Is the folder of the record listed under its name? Another one may have that now, with numbers of its own. */
bool renamed_is_listed(const struct run *r, const struct folder_rec *rec);

/* renamed_move.c */
/* Its name is all that is known of it: a selection has left it out since it is there. */
bool renamed_is_bare(const struct folder_rec *rec);
bool renamed_path_is_taken(const struct run *r, const struct folder_rec *rec, const char *path);
/* Durable: the directories of the record are to have this path, once it has that name. */
int renamed_note_move(struct run *r, const struct folder_rec *rec, const char *path, const char *name,
    struct err *err) WARN_UNUSED;
/* The directory follows the note; repeated after a kill. It stays when something is in its way. */
int renamed_move(struct run *r, struct lane *l, struct folder_rec *rec, const char *path, struct err *err) WARN_UNUSED;
/* What folders would be called on a server, by the rules. */
void renamed_survey_dest(struct run *r, struct lane *l);
/* What a run that was killed has begun, and what a server has refused before. */
int renamed_finish_moves(struct run *r, struct lane *l, struct err *err) WARN_UNUSED;
/* Every record of the name has this path from now on, also in r->known. */
int renamed_set_path(struct run *r, const struct folder_rec *rec, const char *path, struct err *err) WARN_UNUSED;

/* renamed_dest.c: may imex give the folder on the server that name? Whether it is free is not looked at. */
int renamed_dest_may(const struct run *r, const struct lane *l, const struct folder_rec *rec, const char *path, bool *ret,
    struct err *err) WARN_UNUSED;
/* Records of what lay below follow, where the server has taken it along. Repeated after a kill. */
int renamed_dest_follow(struct run *r, struct lane *l, const char *from, const char *to, struct err *err) WARN_UNUSED;
bool renamed_dest_is_below(const struct lane *l, const char *path, const char *top);

/* renamed_probe.c: is `f` the folder of this record? Opens it; scope FOLDER never leaves it. */
int renamed_probe(struct lane *l, struct planned *f, const struct folder_rec *rec, bool *ret,
    struct err *err) WARN_UNUSED;

#endif
