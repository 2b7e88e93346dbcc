/* Lines, fields and values of packing lists and primary files (exchange-migration 2 and 2.1). Lines
 * are split on octets, everything else works on the line decoded to UTF-8, so that the second octet
 * of a character in 932 is never taken for a backslash. Nothing here is allocated per field. */
#ifndef STORE_EXCHANGE_LEX_H
#define STORE_EXCHANGE_LEX_H

#include "base/buf.h"
#include "base/err.h"
#include "mail/codepage.h"

enum {
	EXLEX_LINE_MAX = 4 * 1024 * 1024, /* octets of a logical line; the rest is skipped */
	EXLEX_BREAKS_MAX = 4, /* line breaks inside quotes that are put together */
	EXLEX_BREAKS_OCTETS = 64 * 1024
};

enum exstep { EXSTEP_ERR = -1, EXSTEP_ITEM, EXSTEP_END };

enum exline_kind { EXLINE_TEXT, EXLINE_BLANK, EXLINE_COMMENT };

/* A logical line. */
struct exline {
	enum exline_kind kind;
	struct slice text; /* octets of the file without line ends; until the next call */
	uint64_t line, last; /* physical lines, from 1 */
	uint64_t at; /* octet of its start in the file */
	bool too_long; /* cut at EXLEX_LINE_MAX */
	bool unended; /* the file ends without a line end */
	bool rejoined; /* a line break inside quotes was taken for a blank */
	bool odd; /* holds NUL or a CR of its own */
};

struct exlex;

/* fd: a regular file, borrowed, read with pread; page: borrowed, for the end of lines in pages of
 * several octets; NULL: one octet a character. An octet order mark of UTF-8 is passed over. */
struct exlex *exlex_new(int fd, const char *name, struct codepage *page);
void exlex_free(struct exlex **l);
/* Go on at octet `at`, the start of physical line `line`. */
void exlex_seek(struct exlex *l, uint64_t at, uint64_t line);
void exlex_tell(const struct exlex *l, uint64_t *ret_at, uint64_t *ret_line);
/* Next line. join: the section allows "\\" at the end of a line and is read leniently where a line
 * breaks inside quotes (not in DIRECTORY, packing lists). A break inside quotes is mended only if
 * the whole then has its quotes in order; else the line is given as it stands. EXSTEP_ERR: the file
 * cannot be read, `name` is in the text. Ctrl-Z alone at the end of the file is the end. */
enum exstep exlex_next(struct exlex *l, bool join, struct exline *ret, struct err *err) WARN_UNUSED;

/* Cuts decoded text at a separator outside quotes. */
struct excut {
	struct slice text;
	size_t at;
	char separator;
	bool done;
	size_t stray; /* octet (from 0) of the first text behind a closing quote ... */
	bool is_stray; /* ... if there was any */
	bool open; /* a quote was not closed */
};
void excut_init(struct excut *c, struct slice text, char separator);
/* False: no more; an empty text has one empty piece. Goes on behind a fault. */
bool excut_next(struct excut *c, struct slice *ret);
/* Characters up to octet `at`, from 1: for people. */
size_t excut_column(struct slice text, size_t at);

/* One string in quotes, and nothing else? */
bool exlex_quoted(struct slice raw);
/* Value of a field with one value: unquoted if exlex_quoted, else as it is. */
bool exlex_value(struct slice raw, struct buf *out);
/* Values of a list: cut ret with excut_next and take exlex_value of each piece, which empty ones do
 * not have. `scratch` holds the text of a list that is quoted as a whole; it must outlive *ret. */
bool exlex_list(struct slice raw, struct buf *scratch, struct excut *ret);

struct expointer {
	struct slice name; /* "00000001.SEC", in the raw text */
	uint64_t offset;
};
enum expointer_is { EXPOINTER_NOT, EXPOINTER_GOOD, EXPOINTER_BAD };
/* #NAME.SEC(offset), not in quotes. BAD: begins with # but is none: with a path, a sign, blanks,
 * 2^63 and more. */
enum expointer_is exlex_pointer(struct slice raw, struct expointer *ret);
/* May a file of a set have this name? Not empty, "." or "..", none of # ( ) ; , \ / : * ? " < > |
 * and no control characters, at most 255 octets. */
bool exlex_name_ok(struct slice name);

/* DIRECTORY: \r, \n and \\ in a value stand for CR, LF and \; *ret_bad counts other single
 * backslashes, which are kept. */
bool exlex_directory(struct slice value, struct buf *out, size_t *ret_bad);
/* TRUE, FALSE, case-insensitive, blanks around; false: something else. */
bool exlex_truth(struct slice raw, bool *ret);
/* Without blanks (space, tab) at both ends. */
struct slice exlex_trim(struct slice text);

#endif
