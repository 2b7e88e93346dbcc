/* Directories of a place that mail is read from, without leaving it: no symbolic link is followed
 * below the place, nothing but a regular file is opened, and an open never waits (a FIFO). */
#ifndef STORE_SHELF_DIR_H
#define STORE_SHELF_DIR_H

#include <sys/stat.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/slice.h"

enum dir_kind { DIR_FILE = 'f', DIR_DIR = 'd', DIR_LINK = 'l', DIR_OTHER = 'o' };

/* Names of a directory, sorted by octets, without "." and "..". */
struct dir_list {
	char *text; /* kind and name, NUL between */
	size_t text_len, text_cap;
	uint64_t *at; /* of each kind octet in text */
	size_t len, cap;
};

/* `path` below `at` may have several levels; "" is `at` itself. ERR_FOLDER with err->sys. */
int shelf_dir_open(int at, const char *path, int *ret, struct err *err) WARN_UNUSED;
/* A regular file or -1 with errno: ELOOP for a link, EINVAL for what is no regular file. */
int shelf_file_open(int dir, const char *name, struct stat *ret);
/* "a symbolic link, which is not followed" and so on, for the errno of shelf_file_open. */
const char *shelf_file_words(int sys);

/* Appends to *io (zeroed at first). ERR_FOLDER: it cannot be read, or has more than
 * SHELF_MESSAGES_MAX names. */
int shelf_dir_read(int dir, struct dir_list *io, struct cancel *stop, struct err *err) WARN_UNUSED;
void shelf_dir_sort(struct dir_list *l);
void shelf_dir_done(struct dir_list *l);
const char *shelf_dir_name(const struct dir_list *l, size_t i);
enum dir_kind shelf_dir_kind(const struct dir_list *l, size_t i);
/* The kind of a name in a sorted list; 0: not there. */
enum dir_kind shelf_dir_has(const struct dir_list *l, const char *name);
/* One more name (for what was renamed meanwhile); its number. */
size_t shelf_dir_add(struct dir_list *l, enum dir_kind kind, const char *name);

/* One component that leads nowhere else: not "", ".", "..", without '/' and NUL, up to 255 octets.
 */
bool shelf_name_plain(struct slice name);
/* As people count: "2.eml" before "10.eml"; equal only when all octets are. */
int shelf_name_natural(const char *a, const char *b);
bool shelf_name_ends(const char *name, const char *suffix); /* any case */

#endif
