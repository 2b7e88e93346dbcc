/* Line ends. A stored copy uses LF where that can be undone: every LF follows a CR and every CR precedes an LF
 * (rules.md 3.4). eol_crlf_to_lf works chunk by chunk and reports the first place where it cannot. */
#ifndef MAIL_EOL_H
#define MAIL_EOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct eol {
	bool cr_held;		/* the last chunk ended in CR, not yet written */
	bool broken;		/* not reversible: a bare CR or bare LF was seen */
};

void eol_start(struct eol *e);
/* Convert as much of `in` as is reversible into out (out has room for in.len + 1). Returns the bytes written;
 * *ret_used is what was taken of `in`: less than in.len exactly when e->broken became true, and then the bytes
 * from there on (with a held CR before them when e->cr_held) are to be kept as they are. */
size_t eol_crlf_to_lf(struct eol *e, struct slice in, char *out, size_t *ret_used);
/* At the end of the message: true when the whole was reversible. A held CR at the very end makes it false. */
bool eol_end(struct eol *e);
/* Undo: LF becomes CRLF. out has room for 2 * in.len. */
size_t eol_lf_to_crlf(struct slice in, char *out);

#endif
