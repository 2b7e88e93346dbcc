/* Files and directories of mail, made as base/file.h makes them, and handed to the mail user (--owner,
 * --mode; rules.md 3.10) before anything is in them. State, log, reports and quarantine are not mail.
 *
 * To whom is the process's business, like its time zone: settled before there are threads, and the same
 * for all sinks. What is there already under that name is handed over too, as a kill may have come in
 * between; but for a file that has other names, as it may be somebody else's. */
#ifndef STORE_HANDED_H
#define STORE_HANDED_H

#include "base/file.h"

struct handing {
	bool owned, moded; /* what of the rest is given */
	uid_t uid;
	gid_t gid;
	mode_t files; /* directories get x where they have r */
};

void handing_set(const struct handing *h);
mode_t handing_dir_mode(mode_t files);

int handed_create(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED;
/* The same, but a file that has other names, too, loses this one, and is not written to. */
int handed_create_new(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED;
int handed_open_append(int dir, const char *path, int *ret, struct err *err) WARN_UNUSED;
int handed_make_dir(int dir, const char *path, struct err *err) WARN_UNUSED;
/* The last of them alone is handed over. */
int handed_make_dirs(const char *path, struct err *err) WARN_UNUSED;
int handed_make_dirs_for_system(const char *path, struct err *err) WARN_UNUSED;
int handed_have_dirs(const char *path, struct err *err) WARN_UNUSED; /* as file_have_dirs */
int handed_replace(int dir, const char *path, struct slice data, struct err *err) WARN_UNUSED;

#endif
