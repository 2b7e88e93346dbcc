/* Reads a set of migration files that anybody may have written (exchange-migration 2 to 5). Nothing
 *in a file is an error of the reader: what is wrong becomes a struct exfault, either a problem of
 *the set (exread_problem) or one of a message, and reading goes on with the next line. Errors
 *(struct err) are those of the machine: the directory cannot be read, the disk fails.
 *
 * Files are opened below the directory of the packing list only, never through a symbolic link, and
 *only regular ones; names are found whatever their case. Memory: some 100 octets per file and
 *section, one logical line, one recipient list: independent of the sizes of files. One thread.
 *Dates are in the process's time zone (date14.h).
 *
 *	exread_open; for each owner: exread_start, (exread_next, exmsg_begin, (exmsg_next,
 *	exmsg_read*)*)*; exread_close. Lines can be read again at their place with exread_again.
 *
 * Problems and faults are worth one event each: fault.event says which. */
#ifndef STORE_EXCHANGE_READER_H
#define STORE_EXCHANGE_READER_H

#include "base/arena.h"
#include "base/err.h"
#include "store/exchange/fault.h"
#include "store/exchange/lex.h"
#include "store/exchange/text.h"

enum {
	EXREAD_PROBLEMS_MAX = 1000, /* that are kept; all are counted */
	EXREAD_FILES_MAX = 200000, /* entries of a packing list; names of its directory */
	EXREAD_SECTIONS_MAX = 200000, /* of all primary files, and owners */
	EXREAD_RECIPS_MAX = 100000, /* of one field; the rest is left out, with a warning */
	EXREAD_OTHER_MAX = 4 * 1024 * 1024, /* octets of a record of type Other */
	EXREAD_WARNINGS_MAX = 8, /* of a line that are kept */
	EXREAD_RECORDS_MAX = 10000, /* of one message */
	EXREAD_CODEPAGE = 1252 /* of a list that names none */
};

struct exread;

/* path: the packing list. codepage: instead of the number it states; 0: that number. Reads all
 * primary files once. ERR_NO_INPUT: not there; ERR_MALFORMED: not a packing list (neither a code
 * page nor the row "Filename,Filetype"), in UTF-16, or its code page cannot be used (the text says
 * what to do). */
int
exread_open(struct exread **ret, const char *path, unsigned codepage, struct err *err) WARN_UNUSED;
void exread_close(struct exread **r);
unsigned exread_codepage(const struct exread *r);

/* A file of the packing list, in its order; files that only a pointer names come behind. */
struct exfile {
	const char
	    *name; /* on disk; NULL: it is not there or cannot be used (a problem says why) */
	const char *listed; /* in the packing list, UTF-8; NULL: not listed */
	bool primary;
	bool said; /* the reader's own */
};
size_t exread_files(const struct exread *r);
const struct exfile *exread_file(const struct exread *r, size_t i); /* until a message is read */

/* What is wrong with the set, in the order it was found; more may come while it is read. */
size_t
exread_problems(const struct exread *r, uint64_t *ret_all); /* ret_all: also those not kept */
const struct exfault *exread_problem(const struct exread *r, size_t i);

struct extotals {
	uint64_t mail_sections, mail_lines;
	uint64_t pab_sections, pab_entries;
	uint64_t directory_objects, directory_faults;
	uint64_t skipped_lines; /* of bad sections */
};
const struct extotals *exread_totals(const struct exread *r);
/* Walk through every secondary file that is listed: headers only. Where a walk cannot go on, the
 * rest of the file is a problem (EV_EX_REST): nobody but a pointer reaches what lies there. */
void exread_survey(struct exread *r, uint64_t *ret_records);

/* Whose mail it is: all sections with that address, MIGRATE: or not, in any case of letters. */
struct exowner {
	const char *address; /* "SMTP:ana@example.org", as first written, without MIGRATE:; of
			      * public folders "PublicMessages" */
	bool is_public;
	bool migrate; /* the first heading has MIGRATE: */
	uint64_t lines; /* data lines, damaged ones too */
	uint64_t sections;
};
size_t exread_owners(const struct exread *r);
const struct exowner *exread_owner(const struct exread *r, size_t i);
/* Does a section of owner i lie in that file? */
bool exread_owner_in(const struct exread *r, size_t i, uint32_t file);

/* Where a data line begins. Worth keeping: 24 octets a message. */
struct explace {
	uint32_t file; /* of exread_file */
	uint64_t line, at;
};

struct exrecips {
	struct exrecip *recip; /* type is "SMTP" and so on; empty with the address */
	size_t len;
};

/* A data line of MAILMESSAGE. All texts UTF-8, valid until the next line is read. */
struct exitem {
	struct explace place;
	const char *file;
	/* `fault` says what is wrong with the line as a whole (field count, quotes, no body). The
	 * fields are then as far as they could be read; with has_body the message can still be
	 * reached, but where quotes are wrong its fields may be mixed up. */
	bool damaged;
	struct exfault fault;
	/* A field that could not be used is empty, or its default. */
	struct exfault warning[EXREAD_WARNINGS_MAX];
	size_t n_warnings;
	uint64_t warnings; /* all of them */
	size_t fields; /* found in the line; 12 or more are right */
	struct slice folder; /* levels separated by '\'; empty: the Inbox */
	struct exrecip sender; /* all empty: none */
	struct exrecips to, cc, bcc;
	struct slice subject; /* from a record of type Other it may have line breaks */
	struct date sent, received;
	int priority; /* -1, 0, 1 */
	bool priority_known;
	bool unread, unsent;
	bool has_body;
	struct expointer body;
};

/* Before the first line of owner i. */
int exread_start(struct exread *r, size_t i, struct err *err) WARN_UNUSED;
/* The next line of that owner. EXSTEP_ERR: the file cannot be read on; the next call goes on with
 * the owner's next section. */
enum exstep exread_next(struct exread *r, struct exitem *ret, struct err *err) WARN_UNUSED;
/* The line at a place that an earlier item had; does not move exread_next. */
int exread_again(
    struct exread *r, const struct explace *place, struct exitem *ret, struct err *err) WARN_UNUSED;

/* A recipient from its text: Display[TYPE:address], with a blank before the bracket or not;
 * SMTP:address alone; else a display name. Borrows from `text`. */
struct exrecip exrecip_read(struct slice text);

/* The records of one message. */
struct exmsg {
	uint32_t file;
	uint64_t at; /* of the next header */
	unsigned n, unnamed;
	bool done;
	uint64_t before; /* header of the record that was read last */
	char name[1024];
};

struct expart {
	struct exrecord head; /* name: UTF-8, valid until the next exmsg_next; cut at 1 KiB */
	uint64_t at, data_at; /* octets in the file of header and data */
	uint32_t file;
	bool name_made; /* it had none and got one; EV_EX_NO_NAME */
	bool name_cut, position_bad; /* position is -1 then */
	bool end_odd; /* behind the data is neither a line end nor a header nor the end of the file:
		       * the Length is probably wrong, the data cut or too long. EV_EX_REST */
};

/* Position on the first record, to which the field Body points. False: *ret_fault says why the
 * message cannot be read. */
bool exmsg_begin(struct exread *r, const struct expointer *body, struct exmsg *ret,
    struct exfault *ret_fault) WARN_UNUSED;
/* The next record; its length was checked against the file. EXSTEP_ERR: *ret_fault; what came
 * before is good, the message is not whole. Only lengths count: nothing is looked for inside data
 * (EM-13). */
enum exstep exmsg_next(
    struct exread *r, struct exmsg *m, struct expart *ret, struct exfault *ret_fault) WARN_UNUSED;
/* Up to `len` octets of the data from `from` on; *ret_len 0: the end. */
bool exmsg_read(struct exread *r, const struct expart *p, uint64_t from, void *data, size_t len,
    size_t *ret_len, struct exfault *ret_fault) WARN_UNUSED;
/* Where the file itself lies in the data of a record with head.macbinary; all of the data where
 * they are no MacBinary. */
void
exmsg_macbinary(struct exread *r, const struct expart *p, uint64_t *ret_from, uint64_t *ret_len);

#endif
