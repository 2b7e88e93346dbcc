/* What migration files consist of, written to the octet (exchange-migration 2, 4 and 5): fields,
 *data lines and section heads of .PRI, record headers of .SEC, values of DIRECTORY. All texts come
 *as UTF-8 and leave in the code page. Nothing here touches a file. Functions that return bool say
 *false when `out` is full; otherwise they always give something, and what was lost on the way is
 *counted in struct exnotes.
 *
 * How a sink writes a message:
 *	exfield_text, exfield_recips for folder, sender, to, cc, bcc, subject;
 *	offset = size of the .SEC (50 when it is new: exsec_heading);
 *	body and attachments: exrecord_head, then exactly `length` octets, then "\r\n" each; the
 *last one with `last`; then for every field with `apart`: its offset, exrecord_head of
 *EXRECORD_OTHER with length field.data.len and `last`, field.data, "\r\n", and exfield_point(field,
 *name, offset); expri_line into the .PRI. A .PRI begins with expri_comment, expri_heading; an
 *account without messages has those alone. */
#ifndef STORE_EXCHANGE_TEXT_H
#define STORE_EXCHANGE_TEXT_H

#include "base/buf.h"
#include "mail/codepage.h"
#include "store/exchange/date14.h"

enum {
	/* Octets of a field in a data line; a longer one goes to a record of its own (10.22). A
	 * line then stays below 10 KiB, which every known reader takes. */
	EXFIELD_MAX = 1000,
	EXFIELD_DATA_MAX = 4 * 1024 * 1024, /* octets of such a record; the rest is left out */
	EXOWNER_MAX = 1024,
	EXSEC_HEADING_LEN = 50
};

/* What became of a text. Added to; zero it before. */
struct exnotes {
	struct codepage_lacks lacks;
	uint64_t blanks; /* CR, LF, CRLF, NUL and other controls that became blanks */
	uint64_t left; /* recipients, or the end of a text, left out over EXFIELD_DATA_MAX */
};

/* One recipient; texts in UTF-8. */
struct exrecip {
	struct slice display;
	struct slice type; /* empty: SMTP */
	struct slice address; /* empty: only a display name is known */
};

/* A field in the making; used again and again. */
struct exfield {
	struct buf cell; /* as it stands in the line, quoted where the must-quote set asks for it */
	struct buf data; /* as it stands in a record of type Other */
	bool apart; /* over EXFIELD_MAX, or has line breaks, which only the record keeps. May also
		     * be set by the caller */
	struct exnotes notes;
	struct buf raw, one; /* scratch */
};

void exfield_init(struct exfield *f);
void exfield_done(struct exfield *f);
/* A field with one value: folder ("A\B"), subject. Replaces what was there, notes too. */
void exfield_text(struct exfield *f, struct codepage *page, struct slice utf8);
/* Display[SMTP:address] separated by ';'. Without a display name the address stands for it, so that
 * it is seen; recipients with neither are passed over. Also for Sender, with n 0 or 1. */
void exfield_recips(struct exfield *f, struct codepage *page, const struct exrecip *list, size_t n);
/* The field is what lies at `offset` of the file `sec`. */
void exfield_point(struct exfield *f, const char *sec, uint64_t offset);
/* #NAME(offset) */
bool expointer_write(const char *sec, uint64_t offset, struct buf *out);

/* A data line, with CRLF. Cells as exfield made them; empty where there is nothing. */
struct expri {
	struct slice folder, sender, to, cc, bcc, subject;
	const char *sent, *received; /* date14_write, "" */
	const char *priority; /* "-1", "0", "1", "" */
	bool unread, unsent;
	struct slice body; /* expointer_write */
};
bool expri_line(const struct expri *l, struct buf *out);

/* "! extracted 2000-04-14 08:00:00 from HOST, user LOGIN", local time, and if zone is not NULL or
 * "" a second line "! times are in the zone ZONE". */
bool expri_comment(struct codepage *page, int64_t time, const char *host, const char *login,
    const char *zone, struct buf *out, struct exnotes *io);
/* "MAILMESSAGE,OWNER" and the row of column names. Owner: exowner_name; the reader refuses one over
 * EXOWNER_MAX octets. */
bool expri_heading(struct codepage *page, struct slice owner, struct buf *out, struct exnotes *io);
/* SMTP:ADDRESS; without an address (NULL, "") SMTP:login@host. */
bool exowner_name(const char *smtp_address, const char *login, const char *host, struct buf *out);

enum exrecord_type {
	EXRECORD_BODY,
	EXRECORD_ATTACHMENT,
	EXRECORD_SCHEDULE,
	EXRECORD_DOCUMENT,
	EXRECORD_OTHER,
	EXRECORD_TYPES
};
const char *exrecord_type_name(enum exrecord_type t); /* "Attachment" */

struct exrecord {
	enum exrecord_type type;
	uint64_t length; /* octets of data, without the CRLF behind them */
	bool last; /* no further record belongs to this message */
	struct slice name; /* UTF-8; of Attachment, Schedule and Document; see exrecord_name */
	int64_t position; /* attachments: octet of the body, -1: at its end */
	bool macbinary; /* reading only */
};
/* The row of a new secondary file, 48 octets and CRLF. */
bool exsec_heading(struct buf *out);
/* The header line with CRLF; the next record is at offset + its length + r->length + 2. */
bool
exrecord_head(const struct exrecord *r, struct codepage *page, struct buf *out, struct exnotes *io);
/* "attachment-1.bin": of the n-th attachment of a message, from 1, that has no name (EM-19). */
void exrecord_name(unsigned n, char ret[32]);

/* A value of a DIRECTORY line: quoted where needed, `\` doubled, CR and LF as \r and \n. */
bool
exdirectory_value(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io);
/* The same for a name in 7 bits: letters without their accents, else blanks (1.8). */
bool exdirectory_ascii(struct slice utf8, struct buf *out);
/* A plain field with one value and no length limit, as in Imapusr.csv. */
bool excell(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io);

#endif
