/* The files of a set that belong to no account alone (exchange-migration 3, 4.5 and 6): packing
 * list, directory file, user list. Each is replaced as a whole; the packing list last, and only
 * when every file it names is there, so that a set without its list is one that was not finished
 * (EM-30).
 *
 * Run 1 writes imex.PKL and DIRECTORY.PRI, run n imex-n.PKL, which names what that run wrote, and
 * DIRECTORY-n.PRI with the accounts that are new; Imapusr.csv always lists all that it is given. */
#ifndef STORE_EXCHANGE_SET_H
#define STORE_EXCHANGE_SET_H

#include "base/err.h"
#include "mail/codepage.h"
#include "store/exchange/text.h"

enum { EXSET_NAME_MAX = 32, EXSET_FILE_MAX = 256 * 1024 * 1024 };

struct exset_account {
	unsigned number; /* of its files, from 1: 00000001.PRI */
	unsigned secs; /* secondary files; 0: no message, none was written */
	bool known; /* it was in the directory file of an earlier run */
	const char *login, *host;
	const char *port; /* "", NULL: left out */
	bool tls; /* IMAP_SSL: from the first octet */
	const char *smtp_address; /* "", NULL: login@host stands for it */
	const char *display; /* display name, "", NULL: the address */
	const char *alias; /* of the mailbox, "", NULL: the address up to its @ */
};

struct exset {
	unsigned run; /* from 1 */
	unsigned codepage;
	const struct exset_account *account; /* of this run, in the order of the list */
	size_t n_accounts;
	const struct exset_account *user; /* of the user list; NULL: the accounts */
	size_t n_users;
};

/* dir: where the set lies. *io_notes: what the code page lacks in names. ERR_NO_INPUT names a file
 * that is not there: nothing is written then. */
int
exset_write(int dir, const struct exset *s, struct exnotes *io_notes, struct err *err) WARN_UNUSED;

/* File names: 00000001.PRI; 00000001.SEC, then 00000001-2.SEC, 00000001-3.SEC ... (part from 1). */
void exset_pri_name(unsigned number, char ret[EXSET_NAME_MAX]);
void exset_sec_name(unsigned number, unsigned part, char ret[EXSET_NAME_MAX]);
void exset_list_name(unsigned run, char ret[EXSET_NAME_MAX]); /* imex.PKL */
void exset_directory_name(unsigned run, char ret[EXSET_NAME_MAX]); /* DIRECTORY.PRI */

/* The texts alone, appended to `out`; false: out is full. */
bool exset_list_text(const struct exset *s, struct buf *out);
/* Directory of the accounts that are not known. Common-Name is 7-bit, from the alias, and made
 * different from those before it ("ana", "ana-2"). */
bool exset_directory_text(
    const struct exset *s, struct codepage *page, struct buf *out, struct exnotes *io);
bool
exset_users_text(const struct exset *s, struct codepage *page, struct buf *out, struct exnotes *io);

#endif
