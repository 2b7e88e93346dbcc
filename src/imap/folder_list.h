/* Folders as a server lists them. */
#ifndef IMAP_FOLDER_LIST_H
#define IMAP_FOLDER_LIST_H

#include "base/arena.h"
#include "base/err.h"
#include "mail/folder.h"

struct folder_list {
	struct folder *folder; /* freed by folder_list_done */
	size_t len, cap;
	char delim;
	unsigned
	    unparsed; /* lines of the listing that did not parse: so many folders may be missing */
	bool silent; /* no folder was named in any way, yet INBOX has mail: others may be there */
	bool refused; /* listing all was refused, and so was a part of it: others may be there */
	bool lsub_refused; /* which are subscribed is not known */
};
void folder_list_done(struct folder_list *l);
/* A copy, with its texts in `a`. */
int folder_list_add(
    struct folder_list *l, struct arena *a, const struct folder *f, struct err *err) WARN_UNUSED;
/* INBOX first, then by octets of the name, and each name once: some servers list a folder twice. */
void folder_list_order(struct folder_list *l);
struct folder *folder_list_find(struct folder_list *l, struct slice name); /* of one in order */
/* A name with a NUL becomes another one, and its folder FOLDER_UNSAYABLE; in order again. */
int folder_list_without_nul(struct folder_list *l, struct arena *a, struct err *err) WARN_UNUSED;

#endif
