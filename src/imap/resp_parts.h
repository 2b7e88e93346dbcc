/* Insides of the response reader, shared by resp.c and the files resp_*.c. */
#ifndef IMAP_RESP_PARTS_H
#define IMAP_RESP_PARTS_H

#include "imap/resp.h"

int resp_no_room(struct err *err) WARN_UNUSED;
int resp_uid_number(struct lex *l, uint32_t *ret, struct err *err) WARN_UNUSED;
/* A word that is a state; a tagged response has OK, NO or BAD. */
bool resp_state_word(struct slice word, bool tagged, enum resp_state *ret);
/* The rest of the line: code and text. */
int resp_status_text(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_mailbox(struct lex *l, struct resp *ret, struct err *err);
int resp_read_list(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_counts(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_acl(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_myrights(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_metadata(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_quota(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_fetch_items(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;
int resp_read_fetch(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED; /* of resp->number */
/* UIDFETCH of RFC 9586 3.3: the number is the UID. */
int resp_read_uidfetch(struct lex *l, struct resp *ret, struct err *err) WARN_UNUSED;

#endif
