/* Durable files. Everything imex writes goes through here: modes 0600/0700, O_CLOEXEC, O_NOFOLLOW,
 * short writes finished, and one place that knows how a sync is done (rules.md 4.1, 4.2). Paths are
 * relative to a directory descriptor (AT_FDCWD for none). Errors are ERR_DISK, ERR_FULL (ENOSPC,
 * EDQUOT) or, for making things, ERR_CREATE. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

void file_close(int *fd); /* for AUTO; sets -1 */
int file_make_dir(
    int dir, const char *path, struct err *err) WARN_UNUSED; /* existing directory is fine */
int file_make_dirs(const char *path, struct err *err) WARN_UNUSED; /* and parents, all durable */
/* The same for what a sync of the whole file system makes durable later, where there is one. */
int file_make_dirs_for_system(const char *path, struct err *err) WARN_UNUSED;
/* The same for one that was durable before: when it is there nothing is synced. */
int file_have_dirs(const char *path, struct err *err) WARN_UNUSED;
int file_open_dir(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED;
int file_create(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED; /* O_TRUNC */
/* Nothing may have the name; 1: something has it. */
int file_create_exclusive(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED;
int file_open_append(int dir, const char *path, int *ret,
    struct err *err) WARN_UNUSED; /* O_CREAT|O_RDWR, at the end */
int file_write(int fd, const void *data, size_t len, struct err *err) WARN_UNUSED;
int file_rename(
    int from_dir, const char *from, int to_dir, const char *to, struct err *err) WARN_UNUSED;
/* Something has that name, a symbolic link that leads nowhere, too. False also where that cannot be told. */
bool file_there(int dir, const char *path);
int file_sync(int fd, struct err *err) WARN_UNUSED; /* fsync */
/* Both are files that can be read and hold the same octets. */
bool file_same(int dir, const char *path, int other_dir, const char *other);
/* Its times become that, in seconds since 1970 and not negative, or the nearest that the file system can hold:
 * some cut it off without a word, at 32 or 34 bits or before, others refuse it. */
int file_set_time(int fd, int64_t at, struct err *err) WARN_UNUSED;
/* Is `has` what a file has that was given `at`? */
bool file_time_is(int64_t has, int64_t at);
/* Whole small file into b (its maximum is the limit). ERR_NO_INPUT when it is not there. */
int file_read(int dir, const char *path, struct buf *b, struct err *err) WARN_UNUSED;
/* Replace: temporary file, fsync, rename, fsync of the directory. */
int file_replace(int dir, const char *path, struct slice data, struct err *err) WARN_UNUSED;
/* The same; `made` has the new file before anything is in it. NULL: nothing. */
int file_replace_as(int dir, const char *path, struct slice data,
    int (*made)(int fd, const char *path, struct err *err), struct err *err) WARN_UNUSED;

/* True when fd lies on a local file system on which syncfs is known to report errors (f_type list).
 */
bool file_can_syncfs(int fd);
bool file_is_network(int fd);
int file_sync_system(
    int fd, struct err *err) WARN_UNUSED; /* syncfs; fd opened before the first write */
/* Raise RLIMIT_NOFILE to its hard limit; returns the soft limit now. */
size_t file_raise_limit(void);

#endif
