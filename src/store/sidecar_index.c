/* What an index of sidecars answers. Lines are read through a window of the file, for a page of the
 * listing wants neighbours. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/shelf_dir.h"
#include "store/sidecar_index.h"
#include "store/sidecar_json.h"

enum { WINDOW = 64 * 1024 };

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
	if (x->fd < 0) {
		int sys = errno;
		(void)err_set(err, ERR_MESSAGE, "cannot read '%s/%s': %s", x->shown, name,
		    shelf_file_words(sys));
		err->sys = sys;
		return -1;
	}
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
			    "the line at octet %" PRIu64
			    " of the sidecar in '%s' is not there any more",
			    at, x->shown);
		if (index_window(x, at, want, err) < 0)
			return -1;
	}
}

/* The line that amends an entry; NULL: none. */
static const struct sidecar_entry *
index_amend_of(const struct sidecar_index *x, const struct sidecar_entry *e)
{
	size_t from = 0, to = x->n_amend;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		const struct sidecar_entry *m = &x->amend[mid];

		if (sidecar_entry_same(m, e))
			return m;
		if (m->older < e->older || (m->older == e->older && m->uid < e->uid))
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static int
index_line_text(
    struct sidecar_index *x, const struct sidecar_entry *e, struct slice *ret, struct err *err)
{
	return index_open(x, e->file, err) < 0 ? -1 : index_line_at(x, e->at, ret, err);
}

int
sidecar_index_line(struct sidecar_index *x, const struct sidecar_entry *e, struct arena *a,
    struct sidecar_line *ret, struct err *err)
{
	const struct sidecar_entry *amend = index_amend_of(x, e);
	char name[SIDECAR_NAME_MAX];
	struct sidecar_line l;
	struct slice line;

	if (index_line_text(x, e, &line, err) < 0)
		return -1;
	bool good = sidecar_json_line(line, a, &l) && l.msg.uid == e->uid;
	if (good && amend != NULL) {
		if (index_line_text(x, amend, &line, err) < 0)
			return -1;
		good = sidecar_json_flags(line, a, &l.msg.flags);
	}
	if (good) {
		*ret = l;
		return 0;
	}
	sidecar_name(e->file, name);
	return err_set(err, ERR_MESSAGE,
	    "'%s/%s' at octet %" PRIu64 ": the line of UID %" PRIu32 " is damaged", x->shown, name,
	    e->at, e->uid);
}
