/* The migration files of one account while they are written: the .PRI, the .SEC that is current, and
 * the thread that takes messages apart beside the one that receives them. Everything is appended; what
 * is behind the marks is cut off by the next run (grown.h). */
#ifndef STORE_EXCHANGE_WRITER_H
#define STORE_EXCHANGE_WRITER_H

#include "base/digest.h"
#include "base/spool.h"
#include "mail/msg.h"
#include "store/grown.h"
#include "store/loss.h"
#include "store/sink.h"

struct exwriter;

/* `spools`: directory for them. Marks NULL: nothing was committed. ERR_CONFIG: another program changed
 * a file of the set. */
int exwriter_open(struct exwriter **ret, const struct exchange_place *at, int spools,
    const struct grown_mark *pri, const struct grown_mark *sec, bool unclean, struct err *err)
    WARN_UNUSED;
void exwriter_close(struct exwriter **w);	/* waits for the thread; what was not sealed is lost */

/* An empty spool for the next message: waits until one is free. -1: the thread has failed. */
int exwriter_spool(struct exwriter *w, struct spool **ret, struct err *err) WARN_UNUSED;
void exwriter_give_back(struct exwriter *w, struct spool *spool);
/* A message is whole. Takes the spool, copies the texts of m; `tag` is the caller's. */
void exwriter_put(struct exwriter *w, struct spool *spool, const struct msg *m, const char *folder,
    bool drafts, void *tag);

/* A message that is in the files; in the order of exwriter_put. */
struct exwritten {
	struct msg msg;		/* with its texts; valid until the next call */
	void *tag;
	uint64_t at, octets;	/* of its line in the .PRI; in both files */
	uint8_t sha256[SHA256_LEN];	/* of them */
	struct loss_book *losses;
};
/* Wait until every message that was put is in the files, written but not synced. */
int exwriter_drain(struct exwriter *w, struct err *err) WARN_UNUSED;
/* The next message that is in the files, false: none now. To be asked before each exwriter_put, and
 * after a drain until there is none. */
bool exwriter_next(struct exwriter *w, struct exwritten *ret);
/* After a drain: a file that was written to since it was last given, or the directory in which one was
 * made, as a descriptor to be synced and closed by the caller; *ret_fd -1: no more. */
int exwriter_dirty(struct exwriter *w, int *ret_fd, struct err *err) WARN_UNUSED;
/* A comment line in the .PRI ("! folder X empty"); between messages. */
void exwriter_comment(struct exwriter *w, const char *text);
/* Make the files if there are none yet: an account without messages has a section too. */
int exwriter_begin_files(struct exwriter *w, struct err *err) WARN_UNUSED;
bool exwriter_has_files(const struct exwriter *w);	/* as of the last drain */
const char *exwriter_pri_name(const struct exwriter *w);
/* As of the last drain, lines for a mark: "priN MARK" and "secN MARK", N the number of the files; none
 * while there are no files. */
void exwriter_marks(const struct exwriter *w, struct buf *out);

#endif
