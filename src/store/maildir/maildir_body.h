/* The octets of one message on their way into tmp/: kept as LF where that can be undone, else as
 * they came (rules.md 3.4). A small message is collected and written at once; a larger one streams
 * through one buffer, and when it turns out late that its line ends cannot be undone, what is in
 * the file is made wide again in place. */
#ifndef STORE_MAILDIR_MAILDIR_BODY_H
#define STORE_MAILDIR_MAILDIR_BODY_H

#include "base/err.h"
#include "mail/eol.h"
#include "store/maildir/maildir.h"

enum { BODY_BUFFER = 64 * 1024 };

struct body {
	int tmp;			/* directory, borrowed */
	const char *where;		/* its name for errors: "tmp" unless set after body_init */
	int fd;				/* -1: nothing is in a file yet */
	char name[MAILDIR_NAME_MAX];	/* of the file, once there is one */
	char *out;			/* stored form that is not in the file yet */
	size_t len;
	char *wide;			/* room to make `out` wide; made when first needed */
	bool raw;			/* kept as it comes */
	struct eol eol;
	uint64_t in_file, wire;
};

void body_init(struct body *b);
void body_done(struct body *b);
void body_start(struct body *b, int tmp, const char *name, bool keep_crlf);
int body_write(struct body *b, struct slice wire, struct err *err) WARN_UNUSED;
/* Nothing more comes: *ret_stored is the size that the file will have. */
int body_whole(struct body *b, uint64_t *ret_stored, struct err *err) WARN_UNUSED;
/* It goes elsewhere; there must be no file yet (fd -1). */
void body_move(struct body *b, int dir, const char *name);
/* After body_whole: all is in the file, created by now; *ret_fd is the caller's. */
int body_end(struct body *b, int *ret_fd, struct err *err) WARN_UNUSED;
/* Takes the file away again; nothing started: nothing. */
void body_abandon(struct body *b);

#endif
