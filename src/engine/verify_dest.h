/* What the files of verify_dest share. Inside the engine only. */
#ifndef ENGINE_VERIFY_DEST_H
#define ENGINE_VERIFY_DEST_H

#include "engine/rewrite.h"
#include "engine/verify.h"

enum { EXTRAS_TOLD = 100 }; /* of a folder, one by one */

/* A row that has a copy. */
struct copy {
	uint32_t dest_uid, uid;
	uint32_t rec; /* index of its record */
	bool old; /* the source no longer has it */
	bool seen;
};

struct dest_verify {
	struct verify v;
	struct source *target;
	struct rewrite *rewrite;
	struct copy *copy; /* of the path at hand, ascending by dest_uid */
	size_t n, cap;
	const char *path; /* on the wire */
	struct folder_list list; /* of the target, once it was `listed` */
	bool listed;
	struct buf shown; /* for people */
	uint64_t extras; /* messages there that are no copies */
	bool deep, with_source;
	struct warning *warning; /* that stand for the account; sorted */
	size_t n_warnings;
	bool *done; /* records whose path was looked at */
};

/* Make the record and its source folder those that differences are told of. */
void dest_show(struct dest_verify *d, size_t rec);

/* verify_copy.c */
/* By folder, UID, event. */
void warnings_sort(struct warning *w, size_t n);
/* Index of the first that is not before the key (event 0: all of a message). */
size_t warnings_from(const struct warning *w, size_t n, const struct warning *key);
/* What the target lists, against the row. *ret_look: its octets are needed to say more. */
int copy_listed(struct dest_verify *d, struct copy *c, const struct msg *now, bool *ret_look,
    struct err *err) WARN_UNUSED;
/* The octets that were offered; c NULL: of nobody, they are dropped. */
int copy_octets(struct dest_verify *d, const struct copy *c, const struct offer *o,
    struct err *err) WARN_UNUSED;

#endif
