/* Control files of the Exchange Migration Wizard, for Mode IMAP and FILE (exchange-migration.md
 * 1.4, 1.5). One "keyword,value" a line, in any order behind Mode, keywords and values in any case,
 * blanks around both not part of them; '!' begins a comment line. Every fault is told at once, with
 * line, keyword and accepted values (EM-36); a keyword that is valid never warns (EM-37). */
#ifndef APP_USERS_WIZARD_H
#define APP_USERS_WIZARD_H

#include <stdbool.h>

#include "app/cli/faults.h"
#include "app/cli/when.h"
#include "base/arena.h"

enum wizard_mode { WIZARD_IMAP, WIZARD_FILE };
enum wizard_function { WIZARD_FULL, WIZARD_EXTRACT, WIZARD_IMPORT };
enum { WIZARD_IDLE_MAX = 64 };

struct wizard {
	struct arena arena;
	const char *path;		/* of the control file */
	int mode, function;		/* enum wizard_mode, enum wizard_function */
	const char *file, *accounts;	/* paths as they can be opened; NULL: not given */
	bool secure, encrypted, email;
	struct when start, end;		/* first and last second of the window */
	/* What the import half is told; kept, since files for it are made here. */
	bool mailbox;
	int destination, nt_accounts;
	const char *container, *home_server, *template, *nt_domain, *pst_path;
	const char *idle[WIZARD_IDLE_MAX];	/* keywords that were given and have no effect here */
	size_t n_idle;
};

/* -1: the file cannot be read at all. After either, wizard_done is due. codepage as for
 * textfile_read. */
int wizard_read(struct wizard *w, const char *path, unsigned codepage, struct faults *f,
    struct err *err) WARN_UNUSED;
/* The same of text in memory, which is changed. */
void wizard_parse(struct wizard *w, const char *path, char *text, struct faults *f);
void wizard_done(struct wizard *w);
const char *wizard_function_name(int function);

#endif
