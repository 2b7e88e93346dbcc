/* Reading the sidecars of a folder (sidecar.h): folder.jsonl, folder.jsonl.2 ... as one text, in
 * the order of their numbers. The last line of a UID counts, with the flags and keywords of a later
 * line that has no "file"; the last folder line is the current one. In memory is an index of 16
 * octets a message, 32 for one whose flags changed; a line is parsed as JSON only when asked for.
 *
 * Nothing in them is trusted: a line that is no JSON object, or lacks what it must have, is noted
 * with file and line, and the rest is read; what comes after the last LF of a file was being
 * written when the run ended, and is ignored. */
#ifndef STORE_SIDECAR_READ_H
#define STORE_SIDECAR_READ_H

#include "base/cancel.h"
#include "imap/notes.h"
#include "mail/msg.h"
#include "store/sidecar.h"

enum {
	SIDECAR_LINE_MAX = 1024 * 1024, /* a longer one is damaged */
	SIDECAR_OLDER_MAX = 4096 /* UIDVALIDITYs of one folder */
};

/* The current folder line; texts live as long as the index. */
struct sidecar_folder {
	bool known; /* false: no folder line could be read */
	struct slice name; /* octets of the wire */
	char delim;
	uint32_t uidvalidity; /* without a folder line: of the last message line */
	const char *special_use;
	bool subscribed;
};

enum sidecar_eol { SIDECAR_EOL_NONE, SIDECAR_EOL_LF, SIDECAR_EOL_WIRE };

/* One message line. msg has uid, size, date, raw_date, flags, verdict, wire_bytes, file_bytes and
 * sha256. */
struct sidecar_line {
	struct msg msg;
	uint32_t uidvalidity;
	const char *file;	/* a plain name; NULL: none, or one that is not plain */
	bool at_known, sha256_known, stored_sha256_known, full_source, rebuilt;
	uint64_t at;
	enum sidecar_eol eol;
	uint8_t stored_sha256[SHA256_LEN];
	uint64_t status_at, status_len; /* len 0: nothing was inserted */
};

struct sidecar_entry {
	uint32_t uid;
	uint16_t older; /* number of its UIDVALIDITY */
	uint16_t file : 14; /* number of the sidecar; 1: folder.jsonl */
	uint16_t removed : 1;
	uint16_t amends : 1; /* the index's own */
	uint64_t at; /* octet of its line */
};

struct sidecar_index;

/* *ret NULL: there is no sidecar. `shown` is the folder's path, for notes (NULL: nothing is
 * noted). ERR_FOLDER: more lines
 * than SHELF_MESSAGES_MAX messages, or a read error. */
int sidecar_index_read(struct sidecar_index **ret, int folder, const char *shown,
    struct cancel *stop, struct notes *notes, struct err *err) WARN_UNUSED;
void sidecar_index_free(struct sidecar_index **x);
const struct sidecar_folder *sidecar_index_folder(const struct sidecar_index *x);

/* Entries of one UIDVALIDITY by ascending UID, removed ones too; NULL and 0: none. */
const struct sidecar_entry *
sidecar_index_of(const struct sidecar_index *x, uint32_t uidvalidity, size_t *ret_len);
const struct sidecar_entry *
sidecar_index_find(const struct sidecar_index *x, uint32_t uidvalidity, uint32_t uid);
/* The number of messages that are not removed; of them the highest UID. */
size_t
sidecar_index_count(const struct sidecar_index *x, uint32_t uidvalidity, uint32_t *ret_highest);
/* The i-th UIDVALIDITY that is not the current one; false: no more. Some have no message left. */
bool sidecar_index_older(const struct sidecar_index *x, size_t i, uint32_t *ret);

/* Parse the line of an entry; texts in `a`. ERR_MESSAGE: it is damaged, or the arena is full. */
int sidecar_index_line(struct sidecar_index *x, const struct sidecar_entry *e, struct arena *a,
    struct sidecar_line *ret, struct err *err) WARN_UNUSED;

/* Every line that tells where in a file octets lie, overwritten and removed ones too, in the order
 * of the sidecars. Returns early with what `see` returns when that is not 0. */
int sidecar_index_places(struct sidecar_index *x, struct cancel *stop,
    int (*see)(void *arg, struct slice file, uint64_t at, uint64_t stored), void *arg,
    struct err *err) WARN_UNUSED;

#endif
