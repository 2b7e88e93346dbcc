/* What the shelves have in common: the place, the list of its folders with their names, the notes.
 * A shelf holds one as its first part; it walks the place with shelf_walk and adds what it finds.
 */
#ifndef STORE_SHELF_SHELF_BASE_H
#define STORE_SHELF_SHELF_BASE_H

#include "imap/uidset.h"
#include "store/shelf.h"
#include "store/shelf/shelf_wire.h"
#include "store/shelf_dir.h"
#include "store/sidecar_read.h"

struct shelf_folder {
	struct slice name; /* octets of the wire */
	const char *path; /* directory below the place; "" the place itself */
	const char *file; /* the folder is this file in it; NULL: the directory */
	char delim;
	unsigned attrs;
	const char *special_use;
	bool ours; /* has a sidecar */
	bool is_older; /* what is left of an older UIDVALIDITY, which is that in counts */
	const char *unread; /* why it cannot be entered; NULL: it can */
	struct folder_counts counts;
};

struct shelf_base {
	const char *path; /* of the place, for people; in the arena */
	const char *file; /* the place is this file in root; NULL: a directory */
	int root;
	bool ours;
	struct cancel *stop;
	struct err unread; /* see shelf_unread; kind ERR_NONE: none */
	struct notes notes;
	struct arena arena;
	struct shelf_folder *folder;
	size_t len, cap, walked;
	const struct shelf_folder *at; /* entered */
	char *at_name; /* its name without NUL, for notes */
};

/* Opens the directory at->path, or of a file the one it lies in. ERR_NO_INPUT. */
int shelf_base_open(struct shelf_base *b, const struct shelf_place *at, struct cancel *stop,
    struct err *err) WARN_UNUSED;
void shelf_base_done(struct shelf_base *b);
void shelf_base_clear(struct shelf_base *b); /* no folders */
/* Copies everything. ERR_FOLDER scope run over FOLDERS_MAX. */
int shelf_base_add(struct shelf_base *b, const struct shelf_folder *f, struct err *err) WARN_UNUSED;
/* What may be a folder and cannot be looked into, or whose sidecar cannot be read: it is listed, and to enter it
 * fails, so that it counts as one that could not be copied. -1: `why` passes (err_sys_passes), or is that of an
 * interruption. */
int shelf_base_add_unread(struct shelf_base *b, struct slice name, const char *path, const struct err *why,
    struct err *err) WARN_UNUSED;
/* A folder with a sidecar: the current one under the name of its head, and one for each older
 * UIDVALIDITY with messages left. `fallback` is the name when no head can be read. `present`: older
 * ones that the place itself shows no message of are left out; NULL: the sidecar alone tells. */
int shelf_base_add_ours(struct shelf_base *b, const struct sidecar_index *x, const char *path,
    struct slice fallback, const struct uidset *present, struct err *err) WARN_UNUSED;
/* Sort and make names differ, once all are added. */
int shelf_base_sort(struct shelf_base *b, struct err *err) WARN_UNUSED;
struct shelf_folder *shelf_base_named(struct shelf_base *b, struct slice name); /* NULL: none */
/* Give them, sorted. */
int shelf_base_list(
    struct shelf_base *b, struct arena *a, struct folder_list *ret, struct err *err) WARN_UNUSED;
/* The sidecars of the folder entered, NULL when there are none; notes tell its name. */
int shelf_base_index(
    struct shelf_base *b, int folder, struct sidecar_index **ret, struct err *err) WARN_UNUSED;
/* Sets b->at; ERR_FOLDER: no such folder. */
int shelf_base_enter(struct shelf_base *b, const struct folder *f, struct err *err) WARN_UNUSED;

/* A note about the folder at hand, or the place. `level` as in event.h. */
void shelf_note(struct shelf_base *b, enum event_no no, enum event_level level, uint32_t uid,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The message that `w` has read to its end had both kinds of line ends: told once a folder. */
void shelf_note_mixed(struct shelf_base *b, const struct wire *w, const char *shown, bool *io_told);
/* True: the machine's fault (err_sys_passes) kept something from being read. It is no damage to be noted: the next
 * shelf_stopped fails with it, so that nothing is copied without what could not be read. */
bool shelf_unread(struct shelf_base *b, const struct err *why);
int shelf_stopped(struct shelf_base *b, struct err *err) WARN_UNUSED; /* -1: interrupted, or unread */

/* ---- names ---- */

/* Append a level, with '/' before it unless `name` is empty. UTF-8 (other octets as U+00xx), or
 * what is modified UTF-7 already; a '/' inside is written %2F. The first level INBOX in any case is
 * INBOX. */
void shelf_level_utf8(struct slice level, struct buf *name);
void shelf_level_mutf7(struct slice level, struct buf *name);
/* A directory: percent-decoded in a place of imex (its own names), else as shelf_level_mutf7. */
void shelf_level_dir(const struct shelf_base *b, struct slice level, struct buf *name);
/* Percent-decoded; false, and nothing is added, when it is none: "%" without two digits, or an
 * octet that no name may have. */
bool shelf_percent_decode(struct slice text, struct buf *out);
/* 32 bits of a digest that is ended by it; never 0. */
uint32_t shelf_uidvalidity(struct digest *d);
/* Of a folder in which some messages have numbers that nobody has told: these may be others' the next time, when the
 * server has given its own, or what they name has changed. `d` has what they name, and is ended by it; 0: there are
 * none. Then it is what was told. */
uint32_t shelf_uidvalidity_made(uint32_t told, size_t made, struct digest *d);

/* ---- walking ---- */

enum { SHELF_DIRS_MAX = 1000000 };

struct shelf_step {
	int dir; /* open */
	const char *path; /* below the place */
	struct slice name; /* of the folder that the directory stands for; "" the place */
	unsigned depth;
	const struct dir_list *list; /* what is in it, sorted */
	void *arg;
};
/* Called for a directory; goes on with shelf_walk_into. */
typedef int (*shelf_visit)(struct shelf_base *b, struct shelf_step *at, struct err *err);

int shelf_walk(struct shelf_base *b, shelf_visit visit, void *arg, struct err *err) WARN_UNUSED;
/* The directory `child` of the one at hand stands for `name`. One that cannot be read is added by
 * shelf_base_add_unread; one that is gone meanwhile, or lies deeper than SHELF_DEPTH_MAX, is noted and passed over; the
 * SHELF_DIRS_MAX-th of a walk is ERR_FOLDER. Of a deep one at->dir is another descriptor afterwards. */
int shelf_walk_into(struct shelf_base *b, struct shelf_step *at, const char *child,
    struct slice name, shelf_visit visit, struct err *err) WARN_UNUSED;
/* The path of a name in the directory at hand, in `out`. */
void shelf_path_join(const char *path, const char *name, struct buf *out);

#endif
