/* One message as migration files hold it: a data line for the .PRI, records for the .SEC, and what
 * was lost on the way (exchange-migration 4.4, 5.4, 10). Knows nothing of batches and marks. */
#ifndef STORE_EXCHANGE_COMPOSE_H
#define STORE_EXCHANGE_COMPOSE_H

#include "base/digest.h"
#include "base/spool.h"
#include "mail/codepage.h"
#include "mail/msg.h"
#include "store/loss.h"

/* A secondary file at its end. `put` takes all octets or fails. */
struct exsec {
	const char *name;	/* for pointers */
	uint64_t at;		/* its length so far; raised by what is put */
	int (*put)(void *arg, struct slice octets, struct err *err);
	void *arg;
};

struct excompose;

struct excompose_how {
	struct codepage *page;	/* borrowed */
	bool full_source;	/* the message itself is the last attachment, message.eml */
	int dir;		/* for the spools of large parts */
};

struct excompose *excompose_new(const struct excompose_how *how);
void excompose_free(struct excompose **c);
/* `folder` is the name of folders.h; drafts: its special use says so (EM-05). The records go to `sec`,
 * the line is appended to `pri`; ret_sha256 is the digest of both. -1: errors of the disk alone; what
 * was put into sec then belongs to nobody. */
int excompose_message(struct excompose *c, struct spool *message, const struct msg *m,
    const char *folder, bool drafts, struct exsec *sec, struct buf *pri, struct loss_book *losses,
    uint8_t ret_sha256[SHA256_LEN], struct err *err) WARN_UNUSED;

enum { EXCOMPOSE_LINE_MAX = 16 * 1024 };
#define EXCOMPOSE_SOURCE "message.eml"	/* name of the attachment of --full-source */

#endif
