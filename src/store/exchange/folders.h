/* Folders as migration files name them (exchange-migration 4.4): levels separated by '\'; INBOX is
 * "Inbox", and where special use says so "Sent Items" and "Deleted Items"; what lies below those keeps
 * its name. No escape exists: a '\' in a name becomes '_', and of names that would meet
 * all but one get " (2)", " (3)" ... in the order of their wire names. Names that differ in the case of
 * letters alone stay, and count as changed: Exchange takes them for one folder. */
#ifndef STORE_EXCHANGE_FOLDERS_H
#define STORE_EXCHANGE_FOLDERS_H

#include "base/err.h"
#include "mail/folder.h"

struct exfolders;

struct exfolders *exfolders_new(void);
void exfolders_free(struct exfolders **f);
/* All folders of the account; replaces what an earlier call told. */
void exfolders_survey(struct exfolders *f, const struct folder *list, size_t n);
/* The name in UTF-8, of a folder of the survey or another; lives until the next survey. *ret_changed:
 * it is not the plain name. */
const char *exfolders_name(struct exfolders *f, const char *wire_name, char delim,
    const char *special_use, bool *ret_changed);

#endif
