/* --mirror: what the source has expunged goes from the copy, too. A message is gone when its row was
 * marked so by a listing that is proved complete now; of each folder at most EXTRA_CEILING_PERCENT of
 * the messages go in a run, and none when there are more. Only what imex itself has put there goes:
 * a file, or a message on a server, that has the digest of its row. Its octets and a line about it are
 * durable before (removed.h).
 *
 * The row stays, with the verdict gone (batch_mirrored). Killed between the removal and that commit, the
 * next run finds the copy gone and has nothing but the row to write. A folder that is gone from the
 * source, or has another UIDVALIDITY, is left as it is: of its messages nobody has told that they are
 * gone.
 *
 * Inside the engine only, but for lane_mirror (copy.h). */
#ifndef ENGINE_MIRROR_H
#define ENGINE_MIRROR_H

#include "engine/removal.h"

/* A row whose copy may go. */
struct mirror_row {
	uint32_t uid, dest_uid; /* dest_uid 0: files */
	uint8_t sha256[SHA256_LEN];
	bool own;
};

struct mirror {
	struct removal r;
	/* of the folder */
	struct mirror_row *row; /* by UID, of the source */
	size_t n, cap;
	uint64_t copies; /* rows that have one, gone from the source or not */
	struct uidset named; /* copies on a server that messages of the source have now */
	/* what stays, and the first of each by its UID on the source */
	struct mirror_left {
		uint64_t n;
		uint32_t first;
	} foreign, changed, still;
	uint64_t behind; /* copies under older UIDVALIDITYs */
	/* files */
	const struct shelf_ops *shelf_ops;
	struct shelf *shelf;
	struct arena shelf_arena;
	struct folder_list folders;
};

void mirror_stays(struct mirror_left *kind, uint32_t uid);
/* The copy is gone: the row says so with the next flush. */
void mirror_gone(struct mirror *m, const struct folder_rec *rec, const struct mirror_row *row);
/* Of one folder, whose rows are in m->row. */
int mirror_files(struct mirror *m, struct planned *p, const struct folder_rec *rec, struct err *err) WARN_UNUSED;
int mirror_dest(struct mirror *m, struct planned *p, const struct folder_rec *rec, struct err *err) WARN_UNUSED;
void mirror_files_done(struct mirror *m);

#endif
