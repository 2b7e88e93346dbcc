/* See sidecar_read.h. Entries are appended as lines are met; when the array is full it is sorted and
 * what was overwritten leaves it before it may grow, so that its size follows the messages and not
 * the flag changes of years. Rejected: a hash table of UIDs, which takes three times the memory. */
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
#include "store/sidecar_json.h"
#include "store/sidecar_scan.h"

enum { NUMBER_MAX = 9999, ENTRIES_FIRST = 256, NOTED_MAX = 20, STOP_EVERY = 4096, WINDOW = 64 * 1024 };

struct sidecar_index {
	int dir;
	char *shown;
	struct arena arena;
	struct sidecar_folder folder;
	struct sidecar_entry *entry;
	size_t len, cap;
	uint32_t *older;	/* UIDVALIDITYs, in the order they were met */
	size_t n_older, last_older;
	uint32_t last_uidvalidity;
	unsigned noted, numbers;
	uint64_t damaged;
	/* the file that lines are read from, and a piece of it */
	unsigned open_number;
	int fd;
	char *window;
	uint64_t window_at;
	size_t window_len;
};

/* ---- notes ---- */

static void
index_note(struct sidecar_index *x, struct notes *notes, unsigned number, uint64_t line,
    const char *what)
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

/* In order, the last line of each UID only. */
static void
index_compact(struct sidecar_index *x)
{
	size_t kept = 0;

	if (x->len > 1)
		qsort(x->entry, x->len, sizeof *x->entry, entry_cmp);
	for (size_t i = 0; i < x->len; i++) {
		if (kept > 0 && x->entry[kept - 1].uid == x->entry[i].uid &&
		    x->entry[kept - 1].older == x->entry[i].older)
			kept--;
		x->entry[kept++] = x->entry[i];
	}
	x->len = kept;
}

static int
index_add(struct sidecar_index *x, const struct sidecar_entry *e, struct err *err)
{
	if (x->len == x->cap) {
		index_compact(x);
		if (x->len > SHELF_MESSAGES_MAX)
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
		index_note(x, notes, number, at_line,
		    "it is no JSON object with \"uid\" or \"folder\"");
		return 0;
	}
	if (s.kind == SIDECAR_FOLDER) {
		index_take_folder(x, notes, number, at_line, line);
		return 0;
	}
	if (s.uidvalidity_known)
		x->last_uidvalidity = s.uidvalidity;
	size_t older = index_older(x, x->last_uidvalidity);
	if (older == SIDECAR_OLDER_MAX) {
		index_note(x, notes, number, at_line, "the folder had too many UIDVALIDITYs before");
		return 0;
	}
	const struct sidecar_entry e = { .uid = s.uid,
		.older = (uint16_t)older,
		.file = (uint16_t)(number & 0x3fff),
		.removed = s.kind == SIDECAR_REMOVED,
		.at = at };
	return index_add(x, &e, err);
}

/* Called for each whole line of a file. */
typedef int (*index_see)(struct sidecar_index *x, void *arg, unsigned number, uint64_t at_line,
    uint64_t at, struct slice line, struct err *err);

struct index_pass {
	index_see see;
	void *arg;
	struct notes *notes;	/* NULL: long lines are not told of */
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
			index_note(x, p->notes, number, r->number, "it is longer than a line may be");
		if (step != LINE_WHOLE)
			continue;
		int done = p->see(x, p->arg, number, r->number, at, line, err);
		if (done != 0)
			return done;
	}
}

static int
index_read_file(struct sidecar_index *x, const struct index_pass *p, unsigned number, bool *ret_there,
    struct err *err)
{
	char name[SIDECAR_NAME_MAX];
	struct line_reader r;
	struct stat st;

	sidecar_name(number, name);
	AUTO(file_close) int fd = shelf_file_open(x->dir, name, &st);
	*ret_there = fd >= 0 || errno != ENOENT;
	if (fd < 0 && !*ret_there)
		return 0;
	if (fd < 0)
		return err_set(err, ERR_FOLDER, "cannot read '%s/%s': %s", x->shown, name,
		    shelf_file_words(errno));
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
	free(x->shown);
	free(x->entry);
	free(x->older);
	free(x->window);
	free(x);
	*ref = NULL;
}

/* ---- asking ---- */

const struct sidecar_folder *
sidecar_index_folder(const struct sidecar_index *x)
{
	return &x->folder;
}

/* First entry that is not below (older, uid). */
static size_t
index_place(const struct sidecar_index *x, size_t older, uint32_t uid)
{
	size_t from = 0, to = x->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		const struct sidecar_entry *e = &x->entry[mid];

		if (e->older < older || (e->older == older && e->uid < uid))
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

const struct sidecar_entry *
sidecar_index_of(const struct sidecar_index *x, uint32_t uidvalidity, size_t *ret_len)
{
	size_t older = 0;

	*ret_len = 0;
	while (older < x->n_older && x->older[older] != uidvalidity)
		older++;
	if (older == x->n_older)
		return NULL;
	size_t from = index_place(x, older, 0);
	*ret_len = index_place(x, older + 1, 0) - from;
	return &x->entry[from];
}

const struct sidecar_entry *
sidecar_index_find(const struct sidecar_index *x, uint32_t uidvalidity, uint32_t uid)
{
	size_t n, from = 0;
	const struct sidecar_entry *e = sidecar_index_of(x, uidvalidity, &n);

	while (from < n) {
		size_t mid = from + (n - from) / 2;

		if (e[mid].uid == uid)
			return &e[mid];
		if (e[mid].uid < uid)
			from = mid + 1;
		else
			n = mid;
	}
	return NULL;
}

size_t
sidecar_index_count(const struct sidecar_index *x, uint32_t uidvalidity, uint32_t *ret_highest)
{
	size_t n, count = 0;
	const struct sidecar_entry *e = sidecar_index_of(x, uidvalidity, &n);

	*ret_highest = 0;
	for (size_t i = 0; i < n; i++) {
		if (e[i].removed)
			continue;
		count++;
		*ret_highest = e[i].uid;
	}
	return count;
}

bool
sidecar_index_older(const struct sidecar_index *x, size_t i, uint32_t *ret)
{
	size_t n = 0;

	for (size_t k = 0; k < x->n_older; k++) {
		if (x->older[k] != x->folder.uidvalidity && n++ == i) {
			*ret = x->older[k];
			return true;
		}
	}
	return false;
}

/* ---- lines ---- */

static int
index_open(struct sidecar_index *x, unsigned number, struct err *err)
{
	char name[SIDECAR_NAME_MAX];
	struct stat st;

	if (x->fd >= 0 && x->open_number == number)
		return 0;
	file_close(&x->fd);
	x->window_len = 0;
	sidecar_name(number, name);
	x->fd = shelf_file_open(x->dir, name, &st);
	if (x->fd < 0)
		return err_set(err, ERR_MESSAGE, "cannot read '%s/%s': %s", x->shown, name,
		    shelf_file_words(errno));
	x->open_number = number;
	return 0;
}

/* The window starts at `at` and has at least `want` octets, or up to the end of the file. */
static int
index_window(struct sidecar_index *x, uint64_t at, size_t want, struct err *err)
{
	ssize_t n;

	x->window = mem_resize(x->window, want, 1);
	x->window_at = at;
	x->window_len = 0;
	do {
		n = pread(x->fd, x->window + x->window_len, want - x->window_len,
		    (off_t)(at + x->window_len));
		if (n > 0)
			x->window_len += (size_t)n;
	} while ((n > 0 && x->window_len < want) || (n < 0 && errno == EINTR));
	return n < 0 ? err_set_sys(err, ERR_MESSAGE, "read the sidecar in '%s'", x->shown) : 0;
}

static int
index_line_at(struct sidecar_index *x, uint64_t at, struct slice *ret, struct err *err)
{
	for (size_t want = WINDOW;; want *= 2) {
		bool inside = at >= x->window_at && at - x->window_at < x->window_len;
		size_t skip = inside ? (size_t)(at - x->window_at) : 0;
		const char *from = inside ? x->window + skip : NULL;
		const char *lf = inside ? memchr(from, '\n', x->window_len - skip) : NULL;

		if (lf != NULL) {
			*ret = (struct slice){ from, (size_t)(lf - from) };
			return 0;
		}
		if (want > 4 * (size_t)SIDECAR_LINE_MAX)
			return err_set(err, ERR_MESSAGE,
			    "the line at octet %" PRIu64 " of the sidecar in '%s' is not there any more", at,
			    x->shown);
		if (index_window(x, at, want, err) < 0)
			return -1;
	}
}

int
sidecar_index_line(struct sidecar_index *x, const struct sidecar_entry *e, struct arena *a,
    struct sidecar_line *ret, struct err *err)
{
	char name[SIDECAR_NAME_MAX];
	struct slice line;

	if (index_open(x, e->file, err) < 0 || index_line_at(x, e->at, &line, err) < 0)
		return -1;
	if (sidecar_json_line(line, a, ret) && ret->msg.uid == e->uid)
		return 0;
	sidecar_name(e->file, name);
	return err_set(err, ERR_MESSAGE,
	    "'%s/%s' at octet %" PRIu64 ": the line of UID %" PRIu32 " is damaged", x->shown, name,
	    e->at, e->uid);
}

/* ---- places ---- */

struct places {
	const char *file;
	int (*see)(void *arg, uint64_t at, uint64_t stored);
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
	if (s.kind != SIDECAR_MESSAGE || !s.at_known || !slice_eq(s.file, p->file))
		return 0;
	return p->see(p->arg, s.at, s.stored);
}

int
sidecar_index_places(struct sidecar_index *x, const char *file,
    int (*see)(void *arg, uint64_t at, uint64_t stored), void *arg, struct err *err)
{
	struct places p = { file, see, arg };
	const struct index_pass pass = { index_see_place, &p, NULL, NULL, false };

	return index_read_all(x, &pass, err);
}
