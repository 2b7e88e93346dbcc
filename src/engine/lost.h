/* Copies that verify found to be lost: the message was stored, and what lies in its place is another, or
 * nothing does. They are collected while sides are compared, with the state open for reading only, and noted
 * afterwards, with the job to oneself: each row is then looked at once more beside its copy, since a run may have
 * come between, and only rows that are as they were change.
 *
 * A row that is noted has the verdict failed and keeps its digest (msg_lost). So it is what any run asks the
 * source for again, and what no report calls complete. Found again to be as it was stored, as when somebody has
 * put a copy back, it is stored once more. */
#ifndef ENGINE_LOST_H
#define ENGINE_LOST_H

#include "engine/job.h"
#include "store/tree.h"

#define LOST_REASON "its copy is lost"
#define LOST_BEYOND "the source no longer has it" /* behind it */
/* The row of a lost copy (msg_lost): does its reason say LOST_BEYOND? */
bool lost_beyond(const struct msg *row);
/* Into `b`: it is failed, and asked for again. */
void lost_note(struct batch *b, int64_t folder, const struct msg *row);

/* From threads of several accounts. dest_uid: of a copy on a server; 0: in files. l may be NULL. */
void lost_found(struct lost_list *l, int64_t folder, uint32_t uid, uint32_t dest_uid);

/* What lies in the place of a message, against its row. COPY_UNTOLD: no line of the sidecar tells where it is, so
 * that the octets may be there all the same; COPY_UNREAD: the system did not give them. */
enum copy_is { COPY_GOOD, COPY_GONE, COPY_OTHER, COPY_UNTOLD, COPY_UNREAD };
enum copy_is copy_is(const struct msg *row, const struct stored *s);
/* Can a run store it again where it was? An Exchange set is not changed, and in an mbox a message that only the
 * sidecar lost would lie twice. */
bool copy_mends(enum format format, enum copy_is is);
/* A folder of a tree cannot be entered: is that since its directory is gone, and can a run make it anew? Where the
 * sidecar alone is, it is not begun again: it told what there was. */
bool folder_mends(enum format format, const struct err *why);

#endif
