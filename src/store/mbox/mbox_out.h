/* Messages on their way into an mbox file (mboxrd; rules.md 3.4): a From_ line, the message with LF
 * where that can be undone, else as it came, one `>` more before every line that is `>`* and "From ",
 * a line end where the last one lacks it, and an empty line. With keep_crlf all line ends are CRLF, the
 * message as it came.
 *
 * Octets of any number of messages wait in one buffer and are written when it is full or flushed. When
 * it turns out late that line ends cannot be undone, what is in the file of the message is made wide in
 * place (pio.h). The file must be as long as this object left it, or it is not written to: another
 * program, a mail delivery for example, may have appended to it. */
#ifndef STORE_MBOX_MBOX_OUT_H
#define STORE_MBOX_MBOX_OUT_H

#include "base/err.h"
#include "base/slice.h"
#include "mail/eol.h"
#include "mail/msg.h"

enum { MBOX_BUFFER = 256 * 1024, MBOX_STEP = 32 * 1024, MBOX_STATUS_MAX = 4096 };

#define MBOX_FROM "From MAILER-DAEMON "

/* Where a message lies, as the sidecar tells it. */
struct mbox_place {
	uint64_t at;			/* of the From_ line */
	uint64_t stored;		/* octets behind that line, quoted */
	uint64_t status_at, status_len;	/* of those, the Status fields; 0, 0: none */
	bool lf;			/* LF stands for CRLF */
};

struct mbox_out {
	int fd;				/* borrowed, without O_APPEND; -1: none */
	uint64_t in_file;		/* octets of the file */
	uint64_t torn_to;		/* there may be more, up to here: a write failed; else 0 */
	char *out;			/* what comes behind them */
	size_t len;
	char *step, *room;		/* for converting and for making wide */
	/* the message */
	uint64_t at, body;		/* its From_ line and its first octet */
	bool raw, crlf;			/* kept as it comes; and the lines around it end in CRLF */
	bool header;			/* Status fields are to come, at the end of its header */
	unsigned quote;			/* how much of ">*From " the line matches */
	char last;			/* the octet put last */
	struct eol eol;
	uint64_t dropped;		/* CRs left out so far, with one that is held */
	uint64_t header_lfs;		/* line ends before the Status fields */
	char status[MBOX_STATUS_MAX];	/* with LF */
	size_t status_lfs;
	struct mbox_place place;
};

void mbox_out_init(struct mbox_out *o);
void mbox_out_done(struct mbox_out *o);
/* Work on this file, which has `len` octets. Nothing may wait for another. */
void mbox_out_file(struct mbox_out *o, int fd, uint64_t len);
/* status: write the flags of m as Status, X-Status and X-Keywords behind the header's own fields;
 * keywords that do not fit into MBOX_STATUS_MAX are left out. */
int mbox_out_begin(struct mbox_out *o, const struct msg *m, bool keep_crlf, bool status,
    struct err *err) WARN_UNUSED;
int mbox_out_write(struct mbox_out *o, struct slice wire, struct err *err) WARN_UNUSED;
int mbox_out_end(struct mbox_out *o, struct mbox_place *ret, struct err *err) WARN_UNUSED;
/* Back to where the last begin found the file, also after end. */
void mbox_out_abandon(struct mbox_out *o);
int mbox_out_flush(struct mbox_out *o, struct err *err) WARN_UNUSED;
/* Length of the file once it is flushed, and the most that this object may have written into it. */
uint64_t mbox_out_len(const struct mbox_out *o);
uint64_t mbox_out_written(const struct mbox_out *o);

#endif
