/* What imex takes away from a server is kept first: the octets in
 * DIR/removed/ACCOUNT/FOLDER/UIDVALIDITY.UID.eml, and a line that tells of it in DIR/removed.jsonl. Both
 * are durable before the server is asked to remove anything. A line without its removal is possible
 * after a kill; a removal without its line is not. */
#ifndef ENGINE_REMOVED_H
#define ENGINE_REMOVED_H

#include "base/spool.h"
#include "mail/folder.h"
#include "store/sink.h"

struct removed {
	const char *job_dir, *account; /* account: login, for people */
	const char *destination; /* user@host */
	const char *folder; /* there; UTF-8 */
	uint32_t uidvalidity;
	char *sub; /* removed/ACCOUNT/FOLDER, below job_dir */
	int dir; /* that one; -1: not open */
	struct buf lines; /* of what was saved since the last commit */
	bool no_subjects;
};

struct header_facts;

/* Makes the directory. account_dir: as below mail/. Texts are borrowed. */
int removed_open(struct removed *r, const char *account_dir, const struct folder *source,
    struct err *err) WARN_UNUSED;
void removed_done(struct removed *r); /* of one that is zeroed with dir -1, too */
/* The octets are a file; the line waits for removed_commit. ret_file: path below job_dir, from `a`. */
int removed_save(struct removed *r, uint32_t uid, const struct kept_copy *copy,
    const struct header_facts *head, struct spool *body, struct arena *a, const char **ret_file,
    struct err *err) WARN_UNUSED;
/* All that was saved survives a power cut. */
int removed_commit(struct removed *r, struct err *err) WARN_UNUSED;

#endif
