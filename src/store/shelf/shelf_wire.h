/* The octets of one message, from a run of a file to the form of the wire: fields that the sink
 * inserted left out, mboxrd quoting taken back, line ends made CRLF. Streams through three buffers;
 * no line is ever held.
 *
 * Line ends of files that imex did not write (WIRE_TOLD): the first line end of the message tells.
 * A lone LF: the store keeps LF for CRLF, so every lone LF becomes CRLF; where CRLFs are found
 * among them they stay and the message counts as mixed. It is what an IMAP server gives of such a
 * file; leaving the lone LFs would make a message whose header no server accepts. A CRLF: the file
 * is the wire form, and every octet stays as it is, lone LFs too (mixed again): they cannot have
 * been made by the store. So a file of one kind comes out right whatever its kind, and of a mixed
 * one no octet is lost but the count of CRs, which is told. */
#ifndef STORE_SHELF_SHELF_WIRE_H
#define STORE_SHELF_SHELF_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum wire_form {
	WIRE_AS_IS,
	WIRE_LF, /* each LF stands for CRLF */
	WIRE_TOLD /* as the first line end tells */
};

struct wire_run {
	int fd; /* borrowed */
	uint64_t at, end; /* octets of the file */
	uint64_t hole_at, hole_len; /* left out, from the start of the run; len 0: none */
	enum wire_form form;
	bool unquote; /* ">+From " at the start of a line loses one '>' */
};

struct wire {
	struct wire_run run;
	char *in, *mid, *out;
	uint64_t start;
	/* quoting */
	bool line_start, held; /* a '>' is held back */
	unsigned matched; /* octets of "From " behind it */
	/* line ends */
	bool told, watch, cr, lone, paired; /* `cr`: the last octet was CR; seen: lone LF, CRLF */
};

void wire_init(struct wire *w);
void wire_done(struct wire *w);
void wire_start(struct wire *w, const struct wire_run *run);
/* len 0: the end. ERR_MESSAGE: the file cannot be read or is shorter than the run. */
int wire_read(struct wire *w, struct slice *ret, struct err *err) WARN_UNUSED;
/* Both kinds of line ends were seen, of a WIRE_TOLD run. */
bool wire_mixed(const struct wire *w);
const char *wire_words(const struct wire *w); /* what was done then */

#endif
