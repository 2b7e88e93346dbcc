/* See sidecar_read.h. Entries are appended as lines are met; when the array is full it is sorted
 * and what was overwritten leaves it before it may grow, so that its size follows the messages and
 * not the flag changes of years. Rejected: a hash table of UIDs, which takes three times the
 * memory. */
#include "store/sidecar_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/line_reader.h"
#include "store/shelf.h"
#include "store/shelf_dir.h"
#include "store/sidecar_index.h"
#include "store/sidecar_json.h"
#include "store/sidecar_scan.h"

enum { NUMBER_MAX = 9999, ENTRIES_FIRST = 256, NOTED_MAX = 20, STOP_EVERY = 4096 };

/* ---- notes ---- */

static void
index_note(
    struct sidecar_index *x, struct notes *notes, unsigned number, uint64_t line, const char *what)
{
	const struct event e = { .no = EV_FILE_DAMAGED, .level = LEVEL_WARNING };
	char name[SIDECAR_NAME_MAX];

	x->damaged++;
	if (notes == NULL || x->noted++ >= NOTED_MAX)
		return;
	sidecar_name(number, name);
	notes_add(notes, &e, true,
	    "'%s%s%s' line %" PRIu64 ": %s; it is passed over, the rest is read", x->shown,
	    *x->shown != '\0' ? "/" : "", name, line, what);
}

/* ---- entries ---- */

static int
entry_cmp(const void *a, const void *b)
{
	const struct sidecar_entry *x = a, *y = b;

	if (x->older != y->older)
		return x->older < y->older ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

bool
sidecar_entry_same(const struct sidecar_entry *a, const struct sidecar_entry *b)
{
	return a->uid == b->uid && a->older == b->older;
}

/* In order; of each UID the last line, and behind it the last one that amends it. */
static void
index_compact(struct sidecar_index *x)
{
	struct sidecar_entry *out = x->entry;

	size_t sorted = 1; /* as a rule they are */

	while (sorted < x->len && entry_cmp(&x->entry[sorted - 1], &x->entry[sorted]) < 0)
		sorted++;
	if (sorted < x->len)
		qsort(x->entry, x->len, sizeof *x->entry, entry_cmp);
	for (size_t i = 0; i < x->len; i++) {
		const struct sidecar_entry e = x->entry[i];
		bool later = out > x->entry && sidecar_entry_same(&out[-1], &e);

		if (later && e.amends && out[-1].removed)
			continue;
		if (later && e.amends && out[-1].amends)
			out--;
		while (!e.amends && out > x->entry && sidecar_entry_same(&out[-1], &e))
			out--;
		*out++ = e;
	}
	x->len = (size_t)(out - x->entry);
}

/* Amending lines leave the array; those that amend nothing are returned as a number. */
static size_t
index_part(struct sidecar_index *x)
{
	size_t kept = 0, n = 0, orphans = 0;

	for (size_t i = 0; i < x->len; i++)
		n += x->entry[i].amends;
	x->amend = mem_resize(NULL, n + 1, sizeof *x->amend);
	for (size_t i = 0; i < x->len; i++) {
		const struct sidecar_entry e = x->entry[i];

		if (!e.amends)
			x->entry[kept++] = e;
		else if (kept > 0 && sidecar_entry_same(&x->entry[kept - 1], &e))
			x->amend[x->n_amend++] = e;
		else
			orphans++;
	}
	x->len = kept;
	return orphans;
}

static int
index_add(struct sidecar_index *x, const struct sidecar_entry *e, struct err *err)
{
	if (x->len == x->cap) {
		index_compact(x);
		if (x->len / 2 > SHELF_MESSAGES_MAX)
			return err_set(err, ERR_FOLDER,
			    "'%s': the sidecar tells of more than %d messages", x->shown,
			    SHELF_MESSAGES_MAX);
		if (x->len > x->cap / 2 || x->cap == 0) {
			x->cap = x->cap > 0 ? 2 * x->cap : ENTRIES_FIRST;
			x->entry = mem_resize(x->entry, x->cap, sizeof *x->entry);
		}
	}
	x->entry[x->len++] = *e;
	return 0;
}

/* Number of a UIDVALIDITY; SIDECAR_OLDER_MAX: there are too many. */
static size_t
index_older(struct sidecar_index *x, uint32_t uidvalidity)
{
	if (x->n_older > 0 && x->older[x->last_older] == uidvalidity)
		return x->last_older;
	for (size_t i = 0; i < x->n_older; i++) {
		if (x->older[i] == uidvalidity)
			return x->last_older = i;
	}
	if (x->n_older == SIDECAR_OLDER_MAX)
		return SIDECAR_OLDER_MAX;
	x->older = mem_resize(x->older, x->n_older + 1, sizeof *x->older);
	x->older[x->n_older] = uidvalidity;
	return x->last_older = x->n_older++;
}

/* ---- reading ---- */

static void
index_take_folder(struct sidecar_index *x, struct notes *notes, unsigned number, uint64_t at_line,
    struct slice line)
{
	struct sidecar_folder f;

	if (!sidecar_json_folder(line, &x->arena, &f)) {
		index_note(x, notes, number, at_line, "the folder line cannot be read");
		return;
	}
	x->folder = f;
	x->last_uidvalidity = f.uidvalidity;
}

static int
index_take(struct sidecar_index *x, struct notes *notes, unsigned number, uint64_t at_line,
    uint64_t at, struct slice line, struct err *err)
{
	struct sidecar_scanned s;

	sidecar_scan(line, &s);
	if (s.kind == SIDECAR_BAD) {
		index_note(
		    x, notes, number, at_line, "it is no JSON object with \"uid\" or \"folder\"");
		return 0;
	}
	if (s.kind == SIDECAR_FOLDER) {
		index_take_folder(x, notes, number, at_line, line);
		return 0;
	}
	struct flags ignored;
	arena_reset(&x->scratch);
	if (s.kind == SIDECAR_AMENDED && !sidecar_json_flags(line, &x->scratch, &ignored)) {
		index_note(x, notes, number, at_line, "its flags cannot be read");
		return 0;
	}
	if (s.uidvalidity_known)
		x->last_uidvalidity = s.uidvalidity;
	size_t older = index_older(x, x->last_uidvalidity);
	if (older == SIDECAR_OLDER_MAX) {
		index_note(
		    x, notes, number, at_line, "the folder had too many UIDVALIDITYs before");
		return 0;
	}
	const struct sidecar_entry e = { .uid = s.uid,
		.older = (uint16_t)older,
		.file = (uint16_t)(number & 0x3fff),
		.removed = s.kind == SIDECAR_REMOVED,
		.amends = s.kind == SIDECAR_AMENDED,
		.at = at };
	return index_add(x, &e, err);
}

/* Called for each whole line of a file. */
typedef int (*index_see)(struct sidecar_index *x, void *arg, unsigned number, uint64_t at_line,
    uint64_t at, struct slice line, struct err *err);

struct index_pass {
	index_see see;
	void *arg;
	struct notes *notes; /* NULL: long lines are not told of */
	struct cancel *stop;
	bool first;
};

static int
index_read_lines(struct sidecar_index *x, const struct index_pass *p, unsigned number,
    struct line_reader *r, struct err *err)
{
	struct slice line;
	uint64_t at;

	for (;;) {
		enum line_step step = line_next(r, &line, &at, err);

		if (step == LINE_ERR)
			return -1;
		if (step == LINE_END || step == LINE_TORN)
			return 0;
		if (r->number % STOP_EVERY == 0 && cancel_raised(p->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (step == LINE_LONG)
			index_note(
			    x, p->notes, number, r->number, "it is longer than a line may be");
		if (step != LINE_WHOLE)
			continue;
		int done = p->see(x, p->arg, number, r->number, at, line, err);
		if (done != 0)
			return done;
	}
}

static int
index_read_file(struct sidecar_index *x, const struct index_pass *p, unsigned number,
    bool *ret_there, struct err *err)
{
	char name[SIDECAR_NAME_MAX];
	struct line_reader r;
	struct stat st;

	sidecar_name(number, name);
	AUTO(file_close) int fd = shelf_file_open(x->dir, name, &st);
	*ret_there = fd >= 0 || errno != ENOENT;
	if (fd < 0 && !*ret_there)
		return 0;
	if (fd < 0) {
		int sys = errno;

		(void)err_set(err, ERR_FOLDER, "cannot read '%s/%s': %s", x->shown, name,
		    shelf_file_words(sys));
		err->sys = sys;
		return -1;
	}
	line_reader_init(&r, fd, SIDECAR_LINE_MAX);
	int done = index_read_lines(x, p, number, &r, err);
	line_reader_done(&r);
	return done < 0 ? err_wrap(err, "'%s/%s'", x->shown, name) : done;
}

/* folder.jsonl may be missing when folder.jsonl.2 is there: somebody moved it away. */
static int
index_read_all(struct sidecar_index *x, const struct index_pass *p, struct err *err)
{
	bool there = true;

	for (unsigned n = 1; n <= NUMBER_MAX && (there || n == 2); n++) {
		int done = index_read_file(x, p, n, &there, err);

		if (done != 0)
			return done;
		x->numbers += there && p->first;
	}
	return 0;
}

static int
index_see_entry(struct sidecar_index *x, void *arg, unsigned number, uint64_t at_line, uint64_t at,
    struct slice line, struct err *err)
{
	return index_take(x, arg, number, at_line, at, line, err);
}

static void
index_end(struct sidecar_index *x, struct notes *notes)
{
	const struct event e = { .no = EV_FILE_DAMAGED, .level = LEVEL_WARNING };

	index_compact(x);
	size_t orphans = index_part(x);
	if (notes != NULL && orphans > 0)
		notes_add(notes, &e, true,
		    "'%s': %zu lines of the sidecar change the flags of messages that no line "
		    "tells of",
		    x->shown, orphans);
	if (!x->folder.known)
		x->folder.uidvalidity = x->last_uidvalidity;
	if (notes != NULL && x->damaged > NOTED_MAX)
		notes_add(notes, &e, true,
		    "'%s': %" PRIu64 " lines of the sidecar are damaged; the first %d are told of",
		    x->shown, x->damaged, NOTED_MAX);
}

int
sidecar_index_read(struct sidecar_index **ret, int folder, const char *shown, struct cancel *stop,
    struct notes *notes, struct err *err)
{
	struct sidecar_index *x = mem_new(sizeof *x);
	const struct index_pass pass = { index_see_entry, notes, notes, stop, true };

	x->dir = x->fd = -1;
	x->shown = mem_copy_str(shown);
	x->folder = (struct sidecar_folder){ .name = { "", 0 } };
	arena_init(&x->arena, 64 * 1024 * 1024);
	arena_init(&x->scratch, 4 * SIDECAR_LINE_MAX);
	*ret = NULL;
	int done = shelf_dir_open(folder, "", &x->dir, err);
	if (done == 0)
		done = index_read_all(x, &pass, err);
	if (done == 0)
		index_end(x, notes);
	if (done < 0 || x->numbers == 0)
		sidecar_index_free(&x);
	*ret = x;
	return done;
}

void
sidecar_index_free(struct sidecar_index **ref)
{
	struct sidecar_index *x = *ref;

	if (x == NULL)
		return;
	file_close(&x->fd);
	file_close(&x->dir);
	arena_done(&x->arena);
	arena_done(&x->scratch);
	free(x->shown);
	free(x->entry);
	free(x->amend);
	free(x->older);
	free(x->window);
	free(x);
	*ref = NULL;
}

/* ---- places ---- */

struct places {
	int (*see)(void *arg, struct slice file, uint64_t at, uint64_t stored);
	void *arg;
};

static int
index_see_place(struct sidecar_index *x, void *arg, unsigned number, uint64_t at_line, uint64_t at,
    struct slice line, struct err *err)
{
	const struct places *p = arg;
	struct sidecar_scanned s;

	(void)x;
	(void)number;
	(void)at_line;
	(void)at;
	(void)err;
	sidecar_scan(line, &s);
	if (s.kind != SIDECAR_MESSAGE || !s.at_known)
		return 0;
	return p->see(p->arg, s.file, s.at, s.stored);
}

int
sidecar_index_places(struct sidecar_index *x, struct cancel *stop,
    int (*see)(void *arg, struct slice file, uint64_t at, uint64_t stored), void *arg,
    struct err *err)
{
	struct places p = { see, arg };
	const struct index_pass pass = { index_see_place, &p, NULL, stop, false };

	return index_read_all(x, &pass, err);
}
