/* The sidecar folder.jsonl: what a format itself cannot hold, one JSON object a line, appended in
 * the same barrier as the messages (rules.md 3.5). A line that has "folder" describes the folder,
 * the last one counts:
 *	{"folder":NAME,"name":WIRE NAME,"delim":"/","uidvalidity":V,
 *	 "special_use":["\\Sent"],"subscribed":true}
 * the others a message, the last line of a UID counts:
 *	{"uid":5,"uidvalidity":V,"file":BASE,"flags":["\\Seen"],"keywords":["$Forwarded"],
 *	 "internaldate":"17-Jul-1996 02:44:25 -0700","size":RFC822.SIZE or null,"wire":N,"stored":N,
 *	 "sha256":HEX,"verdict":"stored"}
 * Of Gmail a line also has "gmail":{"msgid":"1278455344230334865","thrid":"1266894439832287888",
 * "labels":["\\Inbox","Work"]}, the labels as the server sent them (modified UTF-7).
 * A file of many messages adds "at" (octet) and "eol"; a form that is not the octets of the wire
 * adds "stored_sha256"; "rebuilt":true marks a message that the source had in pieces only. A line
 * {"uid":5,"uidvalidity":V,"removed":true} takes the message back. "full_source":true says that the
 * message itself is an attachment of what is stored (exchange).
 *
 * Of mbox "at" is the offset of the From_ line, and "stored" octets follow that line: the message as
 * it is in the file, with its quoting, without the line end that one which does not end in LF was
 * given and the empty line behind it. "status_at" and "status_len" say which of those octets imex
 * put in (Status fields): take them out, then the quoting, then write CRLF for LF if "eol" is "lf".
 *
 * The state keeps a mark: that of grown.h, and a digest of the last folder line. A file that is not
 * as left is kept and the next of folder.jsonl.2, folder.jsonl.3 ... started. */
#ifndef STORE_SIDECAR_H
#define STORE_SIDECAR_H

#include "base/buf.h"
#include "base/err.h"
#include "mail/msg.h"
#include "state/state.h"
#include "store/grown.h"

enum {
	SIDECAR_TAIL = GROWN_TAIL,
	SIDECAR_MARK_MAX = 192,
	SIDECAR_NAME_MAX = GROWN_NAME_MAX,
	SIDECAR_HEAD_MAX = 17,
	SIDECAR_LINES_MAX = 64 * 1024 * 1024
};

struct sidecar {
	struct grown file;		/* without what is in `lines` */
	char head[SIDECAR_HEAD_MAX];	/* start of the digest of the last folder line; "" none */
	struct buf lines;		/* to be appended */
};

/* Open the file that `mark` speaks of, or a new one, and make it as long as committed. `head`: the
 * folder line, with LF, its first head_key octets tell folder and UIDVALIDITY; queued when it
 * differs from the last one written. */
int sidecar_open(struct sidecar *c, int folder, const char *mark, struct slice head,
    size_t head_key, bool unclean, int *ret_fd, enum grown_found *ret_found,
    struct err *err) WARN_UNUSED;
void sidecar_done(struct sidecar *c);
/* Queue another folder line when it differs from the last one: folders that follow one another in
 * one directory (UIDVALIDITY changed). */
void sidecar_describe(struct sidecar *c, struct slice head);
/* The folder line of a record, to be freed by the caller; *ret_key for sidecar_open. ERR_FOLDER: the name is
 * too long for a line. */
int sidecar_head(const struct folder_rec *rec, char **ret, size_t *ret_key, struct err *err) WARN_UNUSED;
/* Where a message lies: "file", and in a file of many "at" and "eol" or "stored_sha256". */
struct sidecar_at {
	const char *file;	/* its name, without what changes with the flags */
	bool in_file;		/* the file has others too: it starts at octet `at` */
	uint64_t at;
	const char *eol;	/* "lf": an LF stands for CRLF; "wire"; NULL: left out */
	const uint8_t *stored_sha256;	/* of the stored octets where they are not those of the
					 * wire; NULL: left out */
	bool full_source;		/* exchange: the message itself is attached */
	bool rebuilt;
	uint64_t status_at, status_len;	/* fields that imex put in, counted from the first octet of
					 * the stored message; status_len 0: none */
};
/* Queue the line of a message. ERR_MESSAGE over SIDECAR_LINES_MAX. */
int sidecar_add(struct sidecar *c, const struct msg *m, uint32_t uidvalidity,
    const struct sidecar_at *at, const struct flags *flags, struct err *err) WARN_UNUSED;
/* Queue the line that takes a message back: {"uid":5,"uidvalidity":V,"removed":true}. */
int sidecar_remove(struct sidecar *c, uint32_t uid, uint32_t uidvalidity, struct err *err)
    WARN_UNUSED;
/* Give away the queued lines (ret_lines uninitialised before) and count them as written; *ret_from
 * is the length that the file has before them. */
void sidecar_take(struct sidecar *c, struct buf *ret_lines, uint64_t *ret_from);
void sidecar_mark(const struct sidecar *c, char ret[SIDECAR_MARK_MAX]);
/* Is mark `a` of a later time than `b`? False when `a` is none. */
bool sidecar_mark_later(const char *a, const char *b);
/* The mark of what is there, when it has gone on since `mark` ("": none): of the last of its files, up to its
 * last whole line; else `mark` stays. */
int sidecar_mark_now(int folder, char mark[SIDECAR_MARK_MAX], struct err *err) WARN_UNUSED;
void sidecar_name(unsigned number, char ret[SIDECAR_NAME_MAX]);

/* Append the lines if the file still ends at `from`, and undo that. */
int sidecar_append(int fd, uint64_t from, struct slice lines, struct err *err) WARN_UNUSED;
void sidecar_cut(int fd, uint64_t from);

#endif
