/* What lies in a directory tree, by content: how many of each kind, and the first of it. */
#ifndef STORE_FORMATS_SHELF_SURVEY_H
#define STORE_FORMATS_SHELF_SURVEY_H

#include "base/err.h"
#include "base/slice.h"
#include "store/format.h"

enum { SURVEY_PATH_MAX = 512 };

struct survey {
	size_t found[FORMATS]; /* Maildirs, mbox files, eml files, packing lists */
	char first[FORMATS][SURVEY_PATH_MAX]; /* below the directory, may be cut */
	size_t sidecars; /* folder.jsonl */
	size_t others; /* files that are none of these */
	bool sidecar_here; /* one lies in the directory itself */
	size_t accounts, dirs; /* directories in it, and those whose name has an '@' */
};

int survey_tree(const char *path, struct survey *ret, struct err *err) WARN_UNUSED;
/* The kind of a file by its first octets and name; false: none. `empty`: it has none. */
bool survey_file(int dir, const char *name, enum format *ret, bool *ret_empty);
/* The same of an open file that was named by itself: a message needs no ".eml", an mbox may have
 * something before its first message. */
bool survey_content(int fd, const char *name, enum format *ret, bool *ret_empty);

#endif
