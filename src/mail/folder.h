/* A folder as the source names it. Numbers of 0 mean "unknown" (quirks.md row 43), never "none". */
#ifndef MAIL_FOLDER_H
#define MAIL_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

enum folder_attr {
	FOLDER_NOSELECT = 1,	/* \Noselect or \NonExistent */
	FOLDER_NOINFERIORS = 2,
	FOLDER_SUBSCRIBED = 4,
	FOLDER_OTHER_USERS = 8,	/* lies in an other-users namespace */
	FOLDER_SHARED = 16,	/* lies in a shared namespace */
	FOLDER_COUNTED = 32,	/* counts come from STATUS */
	FOLDER_UNSAYABLE = 64,	/* the name on the wire has a NUL in it; `name` stands for it */
};

struct folder_counts {
	uint32_t messages;	/* valid when FOLDER_COUNTED, also when 0 */
	uint32_t uidnext, uidvalidity;
	uint64_t highestmodseq;
	uint64_t bytes;
	bool bytes_known;
	uint64_t append_limit;	/* octets of the largest message it takes (RFC 7889); 0: none told */
};

enum { MAILBOX_ID_MAX = 255 };

struct folder {
	struct slice name;	/* octets of the wire, modified UTF-7 as a rule; in the arena of the list */
	char delim;		/* 0: flat */
	unsigned attrs;		/* enum folder_attr */
	const char *special_use;	/* "\\Sent" or several with a blank between; NULL: none */
	struct slice prefix;	/* of the account's personal namespace, also when `name` does not start with it
				 * (maildir_name then keeps "shared.x" and "INBOX.shared.x" apart); may be empty */
	struct folder_counts counts;
	const char *mailbox_id;	/* OBJECTID (RFC 8474): the same whatever the folder is called; NULL: none told */
};

/* What EXAMINE said. */
struct folder_head {
	uint32_t exists, uidvalidity, uidnext;	/* uidnext 0: the server has none */
	uint64_t highestmodseq;
	bool read_only;
	char mailbox_id[MAILBOX_ID_MAX + 1];	/* "": none told */
	bool since;	/* of a source that was told what is known: it gives what has changed and what is new */
};

/* The comparison of rules.md 1.6 for one folder. */
struct folder_proof {
	bool proved;
	bool searched_known;	/* a SEARCH answered */
	uint32_t exists, searched, fetched;	/* below uidnext, corrected by EXPUNGE */
	uint32_t uidnext;	/* complete up to this UIDNEXT ... */
	int64_t at_ms;		/* ... at this wall time */
	uint32_t late;		/* messages that arrived during the run and were taken */
	bool flags_untold;	/* of some messages: nothing is known to be unchanged since */
	bool carried;		/* carried over from the last run */
	const char *why;	/* reason when not proved, or remark; static or arena text; may be NULL */
};

/* In any case (RFC 3501 5.1). */
static inline bool
folder_is_inbox(struct slice name)
{
	return slice_eq_nocase(name, "INBOX");
}

#endif
