/* The search key of a user (--search), in the words of RFC 3501 6.4.4. What it means is the server's
 * business; here it is only seen to that it stays one argument of one command: no control
 * characters, quotes and parentheses in balance, no literal of its own. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/session.h"
#include "imap/uidset.h"

enum { SEARCH_KEY_MAX = 800 }; /* octets: the command fits into Exchange's line */

/* What is wrong with the key, as the end of "not accepted; "; NULL: nothing. */
const char *search_key_fault(const char *key);
/* UIDs in the open folder that the server finds; *ret is filled anew. Nothing may be unanswered.
 * Strings that are not ASCII go as synchronising literals, with CHARSET UTF-8. ERR_FOLDER with key
 * and answer when the server refuses it, or says OK and nothing else: nobody knows then what it
 * would have found. `key` is one that has no fault. */
int sess_search(struct sess *s, const char *key, struct uidset *ret, struct err *err) WARN_UNUSED;

#endif
