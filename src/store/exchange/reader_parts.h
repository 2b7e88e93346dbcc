/* Inside of the reader: what its files know of each other. */
#ifndef STORE_EXCHANGE_READER_PARTS_H
#define STORE_EXCHANGE_READER_PARTS_H

#include <glib.h>

#include "store/exchange/reader.h"

enum {
	PRI_FOLDER,
	PRI_SENDER,
	PRI_TO,
	PRI_CC,
	PRI_BCC,
	PRI_SUBJECT,
	PRI_SENT,
	PRI_RECEIVED,
	PRI_PRIORITY,
	PRI_UNREAD,
	PRI_UNSENT,
	PRI_BODY,
	PRI_FIELDS
};

enum {
	SEC_OPEN_MAX = 16,
	SEC_MARKS = 8192,
	SEC_HEAD_MAX = 4096 /* octets of a header line */,
	SEC_FIELDS = 7
};

/* An open secondary file, and the starts of records that a walk from its beginning has found: every
 * stride-th of them, the furthest, and the one that was asked for last. */
struct sec {
	int fd;
	uint32_t file;
	uint64_t size, heading; /* heading: length of the row of column names */
	uint64_t used; /* to find the one that was not used for the longest time */
	uint64_t *mark;
	size_t n_marks, cap_marks; /* at most SEC_MARKS */
	uint64_t stride, found, furthest, recent;
	uint64_t window_at;
	size_t window_len;
	char *window; /* SEC_HEAD_MAX */
};

struct exsection {
	uint32_t file;
	uint32_t next; /* of the same owner: index + 1; 0: none */
	uint64_t line, at, end; /* first line behind the column names; octet behind the last */
};

struct exown {
	uint32_t first, last; /* section index + 1 */
};

struct exread {
	int dir;
	char *list; /* name of the packing list */
	struct codepage *page;
	struct arena arena;
	struct exfile *file;
	size_t n_files, cap_files;
	GHashTable *on_disk; /* name in lower case -> name */
	GHashTable *by_exact; /* listed name -> file index + 1 */
	GHashTable *by_name; /* listed name in lower case -> file index + 1 */
	GHashTable *by_disk; /* name on disk -> file index + 1 */
	struct exfault *problem;
	size_t n_problems, cap_problems;
	uint64_t problems;
	struct exowner *owner;
	struct exown *own; /* beside `owner` */
	size_t n_owners, cap_owners;
	GHashTable *by_owner; /* address in lower case -> owner index + 1 */
	struct exsection *section;
	size_t n_sections, cap_sections;
	struct extotals totals;
	/* the line that was read last */
	struct buf text, scratch, other;
	struct arena item;
	/* exread_next */
	uint32_t now_section; /* index + 1 */
	struct explace now; /* line 0: at the start of the section */
	struct exlex *lex;
	int fd;
	uint32_t lex_file;
	struct sec sec[SEC_OPEN_MAX];
	uint64_t clock;
	uint64_t steps; /* of walks over headers */
};

/* reader.c */
void read_problem(struct exread *r, const struct exfault *at, enum event_no event, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
struct slice read_name(const struct exread *r, uint32_t file);
/* Open file i for reading. False: *ret says why, at the place that it holds. */
bool
read_open(struct exread *r, uint32_t file, int *ret_fd, uint64_t *ret_size, const char **ret_why);

/* pack.c */
int pack_read(struct exread *r, unsigned codepage, struct err *err) WARN_UNUSED;
/* File that a pointer names, -1: none that could be one. */
int64_t pack_find(struct exread *r, struct slice name);

/* section.c */
void section_scan(struct exread *r);

/* item.c */
void item_read(struct exread *r, uint32_t file, const struct exline *line, struct exitem *ret);

/* sec.c */
struct sec_head {
	enum exrecord_type type;
	uint64_t at, data, length; /* of header and data; data is behind the header line */
	bool last, last_known;
	size_t line_len; /* of the header without its end */
};
void sec_close_all(struct exread *r);
void sec_fault(struct exread *r, uint32_t file, uint64_t at, enum event_no event,
    struct exfault *ret, const char *fmt, ...) PRINTF_LIKE(6, 7);
struct sec *sec_open(struct exread *r, uint32_t file, const char **ret_why);
ssize_t sec_pread(const struct sec *s, uint64_t at, char *to, size_t len);
bool sec_skip(struct sec *s, uint64_t at, uint64_t *ret);
size_t sec_cut(struct slice line, struct slice raw[SEC_FIELDS]);
const char *sec_line(struct sec *s, uint64_t at, char line[SEC_HEAD_MAX], struct sec_head *ret);
const char *sec_parse(const char *line, struct sec_head *io);
const char *sec_head(struct sec *s, uint64_t at, struct sec_head *ret);
bool sec_whole(const struct sec *s, const struct sec_head *h);
bool
sec_check(struct exread *r, const struct sec *s, const struct sec_head *h, struct exfault *ret);
bool sec_follow(struct sec *s, const struct sec_head *h, struct sec_head *ret);
struct sec *sec_lead(
    struct exread *r, const struct expointer *p, struct sec_head *ret_head, struct exfault *ret);

/* msg.c */
/* Text of the record of type Other at the pointer, raw, into `out`. */
bool sec_other(struct exread *r, const struct expointer *p, struct buf *out, struct exfault *ret);

#endif
