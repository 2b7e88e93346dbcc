/* Insides of the lexer, shared by lex.c (words) and lex_tail.c (the end of what was read). */
#ifndef IMAP_LEX_PARTS_H
#define IMAP_LEX_PARTS_H

#include "imap/lex.h"

#define LEX_LITERAL_MAX ((uint64_t)LITERAL_MIB_MAX * LIMIT_MIB)

/* What was taken since the last time goes to the tape, the tail and the count of the line. */
void lex_commit(struct lex *l);
int lex_too_large(struct lex *l, struct err *err); /* -1 */

#endif
