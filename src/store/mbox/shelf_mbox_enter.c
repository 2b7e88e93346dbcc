/* Which messages an mbox folder has, and under which UIDs.
 *
 * Of imex the sidecar tells. What stands in folder.mbox behind the last message that a line covers
 * was appended by another program (imex then goes on in folder.mbox.2): those messages are found by
 * scanning and numbered behind the highest UID. So are messages between others that no line tells of, since
 * a sidecar lost some.
 *
 * Other files are scanned as a whole. When their first message has X-IMAPbase, UIDs
 * are the server's that keeps them: X-UID as long as they ascend, behind that the next numbers.
 * Else 1, 2, 3 ... The UIDVALIDITY is the server's if all have its numbers, else a digest of all octets, which are read
 * anyway: numbers that were made up may be others' when the server has given its own. So it is of imex's files, with
 * the octets of what was numbered here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/mbox/shelf_mbox.h"

enum { FROM_LINE_MAX = 4096, PLACES_MAX = 64 * 1024 * 1024, FILES_MAX = 10000 };

int
mbox_open_file(struct shelf *s, const char *name)
{
	struct stat st;

	if (s->fd >= 0 && strcmp(s->fd_name, name) == 0)
		return 0;
	file_close(&s->fd);
	s->fd = shelf_file_open(s->folder, name, &st);
	if (s->fd < 0)
		return errno;
	(void)snprintf(s->fd_name, sizeof s->fd_name, "%s", name);
	s->fd_size = (uint64_t)st.st_size;
	return 0;
}

uint32_t
mbox_from_len(struct shelf *s, uint64_t at)
{
	char text[FROM_LINE_MAX];
	ssize_t n;

	if (at >= s->fd_size)
		return 0;
	do
		n = pread(s->fd, text, sizeof text, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 6 || memcmp(text, "From ", 5) != 0)
		return 0;
	const char *lf = memchr(text, '\n', (size_t)n);
	return lf != NULL ? (uint32_t)(lf + 1 - text) : 0;
}

const struct mbox_entry *
mbox_entry_of(const struct shelf *s, uint32_t uid, const struct mbox_file **ret_file)
{
	for (size_t k = 0; k < s->n_file; k++) {
		const struct mbox_scan *scan = &s->file[k].scan;
		size_t from = 0, to = scan->len;

		while (from < to) {
			size_t mid = from + (to - from) / 2;

			if (scan->entry[mid].uid < uid)
				from = mid + 1;
			else
				to = mid;
		}
		if (from < scan->len && scan->entry[from].uid == uid) {
			*ret_file = &s->file[k];
			return &scan->entry[from];
		}
	}
	return NULL;
}

static struct mbox_file *
file_add(struct shelf *s, const char *name)
{
	s->file = mem_resize(s->file, s->n_file + 1, sizeof *s->file);
	struct mbox_file *f = &s->file[s->n_file++];

	*f = (struct mbox_file){ .covered = 0 };
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	return f;
}

/* What the scan has found out, for people. */
static void
file_notes(struct shelf *s, const struct mbox_file *f)
{
	const struct mbox_scan *scan = &f->scan;

	if (scan->junk > 0)
		shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
		    "'%s': %" PRIu64 " octets from octet %" PRIu64
		    " on stand before the first line "
		    "\"From \" and belong to no message",
		    f->name, scan->junk, scan->junk_at);
	if (scan->internal > 0)
		shelf_note(&s->base, EV_FILE_TOLD, LEVEL_INFO, 0,
		    "'%s': %" PRIu64 " pseudo message with folder internal data is left out",
		    f->name, scan->internal);
	if (scan->weak > 0)
		shelf_note(&s->base, EV_FILE_TOLD, LEVEL_INFO, 0,
		    "'%s': %" PRIu64 " lines \"From \" without a date are taken for text", f->name,
		    scan->weak);
	if (scan->len > 0)
		shelf_note(&s->base, EV_FILE_TOLD, LEVEL_INFO, 0, "'%s': %s", f->name,
		    mbox_kind_words(scan->kind));
}

static int
file_scan(struct shelf *s, struct mbox_file *f, struct digest *d, struct err *err)
{
	int sys = mbox_open_file(s, f->name);

	if (sys != 0)
		return err_set(err, ERR_FOLDER, "'%s': %s", f->name, shelf_file_words(sys));
	if (mbox_scan(s->fd, f->covered, s->fd_size, d, s->base.stop, &f->scan, err) < 0)
		return err_wrap(err, "'%s'", f->name);
	file_notes(s, f);
	return 0;
}

/* ---- of imex ---- */

struct of_file {
	struct shelf *s;
	const char *file;
};

static void
place_add(struct shelf *s, uint64_t at, uint64_t stored)
{
	if (s->n_place == PLACES_MAX)
		return;
	if (s->n_place == s->cap_place) {
		s->cap_place = s->cap_place > 0 ? 2 * s->cap_place : 256;
		s->place = mem_resize(s->place, s->cap_place, sizeof *s->place);
	}
	s->place[s->n_place++] = (struct mbox_told){ at, stored };
}

static int
see_place(void *arg, struct slice file, uint64_t at, uint64_t stored)
{
	const struct of_file *o = arg;

	if (slice_eq(file, o->file))
		place_add(o->s, at, stored);
	return 0;
}

static int
place_cmp(const void *a, const void *b)
{
	const struct mbox_told *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

int
mbox_read_places(struct shelf *s, const struct mbox_file *f, struct err *err)
{
	struct of_file o = { s, f->name };
	size_t kept = 0;

	s->n_place = 0;
	if (sidecar_index_places(s->index, s->base.stop, see_place, &o, err) < 0)
		return -1;
	for (size_t i = 0; i < f->scan.len; i++) {
		const struct mbox_entry *e = &f->scan.entry[i];

		if (e->at < f->covered)
			place_add(s, e->at, e->end - e->at - e->from_len);
	}
	if (s->n_place > 1)
		qsort(s->place, s->n_place, sizeof *s->place, place_cmp);
	for (size_t i = 0; i < s->n_place; i++) {
		if (kept == 0 || s->place[kept - 1].at != s->place[i].at)
			s->place[kept++] = s->place[i];
	}
	s->n_place = kept;
	return 0;
}

/* The last place of each file. */
static int
see_last(void *arg, struct slice file, uint64_t at, uint64_t stored)
{
	struct shelf *s = arg;

	for (size_t k = 0; k < s->n_file; k++) {
		struct mbox_file *f = &s->file[k];

		if (!slice_eq(file, f->name))
			continue;
		if (!f->told || at > f->last.at)
			f->last = (struct mbox_told){ at, stored };
		f->told = true;
		break;
	}
	return 0;
}

/* The first octet behind the last message that the sidecar tells of, and behind its blank line.
 * False: there is no message where it says. */
static bool
file_covered(struct shelf *s, struct mbox_file *f)
{
	char text[4];

	if (!f->told)
		return true;
	uint32_t from_len = mbox_from_len(s, f->last.at);
	if (from_len == 0 || f->last.stored > s->fd_size - f->last.at - from_len)
		return false;
	f->covered = f->last.at + from_len + f->last.stored;
	ssize_t n = pread(s->fd, text, sizeof text, (off_t)f->covered);
	for (ssize_t i = 0; i < n && (text[i] == '\r' || text[i] == '\n'); i++)
		f->covered++;
	return true;
}

/* The first octet from *io on that no line covers; *ret_end is where the next covered one is.
 * False: all is covered up to the octets that were scanned. */
static bool
gap_next(struct shelf *s, const struct mbox_file *f, uint64_t *io, uint64_t *ret_end)
{
	size_t i = 0;

	while (*io < f->covered) {
		while (i < s->n_place && s->place[i].at < *io)
			i++;
		uint64_t next = i < s->n_place ? s->place[i].at : f->covered;
		char text[4];
		ssize_t n = pread(s->fd, text, sizeof text, (off_t)*io);
		uint64_t blank = 0;

		while ((ssize_t)blank < n && (text[blank] == '\r' || text[blank] == '\n'))
			blank++;
		if (*io + blank < next) {
			*io += blank;
			*ret_end = next;
			return true;
		}
		uint32_t from_len = i < s->n_place ? mbox_from_len(s, next) : 0;
		if (from_len == 0)
			return false;
		*io = next + from_len + s->place[i].stored;
	}
	return false;
}

/* The messages of one run of octets that no line covers, behind those of the file that were scanned. */
static int
gap_scan(struct shelf *s, struct mbox_file *f, uint64_t from, uint64_t end, struct digest *d, struct err *err)
{
	struct mbox_scan found = { .len = 0 }, *all = &f->scan;

	if (mbox_scan(s->fd, from, end, d, s->base.stop, &found, err) < 0)
		return err_wrap(err, "'%s'", f->name);
	for (size_t i = 0; i < found.len; i++) {
		if (all->len == all->cap) {
			all->cap = all->cap > 0 ? 2 * all->cap : 16;
			all->entry = mem_resize(all->entry, all->cap, sizeof *all->entry);
		}
		all->entry[all->len] = found.entry[i];
		all->entry[all->len++].rd = true;
	}
	mbox_scan_done(&found);
	return 0;
}

/* Messages whose lines are lost. Their octets are imex's, and the From_ line has the date. */
static int
load_gaps(struct shelf *s, struct mbox_file *f, struct digest *d, struct err *err)
{
	uint64_t at = 0, end;
	size_t before = f->scan.len;

	if (mbox_read_places(s, f, err) < 0)
		return -1;
	while (gap_next(s, f, &at, &end)) {
		if (gap_scan(s, f, at, end, d, err) < 0)
			return -1;
		at = end;
	}
	if (f->scan.len > before)
		shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
		    "'%s': no line of the sidecar tells of %zu messages, the first at octet %" PRIu64
		    "; they are taken with what the file tells: flags and keywords are not known",
		    f->name, f->scan.len - before, f->scan.entry[before].at);
	return 0;
}

static int
load_tail(struct shelf *s, struct mbox_file *f, struct digest *d, struct err *err)
{
	int sys = mbox_open_file(s, f->name);

	if (sys != 0)
		return err_set(err, ERR_FOLDER, "'%s': %s", f->name, shelf_file_words(sys));
	if (!file_covered(s, f)) {
		shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "'%s': the messages are not where the sidecar says; another program rewrote "
		    "the "
		    "file. Move the sidecars folder.jsonl away to have it read as it is now",
		    f->name);
		return 0;
	}
	if (f->covered < s->fd_size && file_scan(s, f, d, err) < 0)
		return -1;
	if (f->scan.len > 0)
		shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "'%s': from octet %" PRIu64
		    " on there are %zu messages that imex did not write",
		    f->name, f->covered, f->scan.len);
	return load_gaps(s, f, d, err);
}

static int
load_tails(struct shelf *s, struct digest *d, struct err *err)
{
	struct dir_list list = { 0 };
	int done = shelf_dir_read(s->folder, &list, s->base.stop, err);

	for (size_t i = 0; done == 0 && i < list.len; i++) {
		const char *name = shelf_dir_name(&list, i);

		if (shelf_dir_kind(&list, i) != DIR_FILE || strncmp(name, "folder.mbox", 11) != 0)
			continue;
		if (s->n_file == FILES_MAX)
			done = err_set(
			    err, ERR_FOLDER, "it has more than %d files folder.mbox.N", FILES_MAX);
		else
			(void)file_add(s, name);
	}
	shelf_dir_done(&list);
	if (done == 0)
		done = sidecar_index_places(s->index, s->base.stop, see_last, s, err);
	for (size_t k = 0; done == 0 && k < s->n_file; k++)
		done = load_tail(s, &s->file[k], d, err);
	return done;
}

/* What no line covers, behind the last UID that one has. */
static int
number_scanned(struct shelf *s, struct digest *d, struct err *err)
{
	uint32_t last = s->n_entry > 0 ? s->entry[s->n_entry - 1].uid : 0;
	size_t made = 0;

	for (size_t k = 0; k < s->n_file; k++) {
		for (size_t i = 0; i < s->file[k].scan.len; i++) {
			if (last >= UINT32_MAX - 1)
				return err_set(
				    err, ERR_FOLDER, "no UIDs are left behind the highest");
			s->file[k].scan.entry[i].uid = ++last;
			digest_add(d, &last, sizeof last);
			made++;
		}
	}
	s->given = shelf_uidvalidity_made(s->uidvalidity, made, d);
	s->uidnext = last < UINT32_MAX ? last + 1 : last;
	return 0;
}

static int
load_ours(struct shelf *s, struct err *err)
{
	struct digest *d = digest_new();
	int done = 0;

	digest_start(d);
	s->uidvalidity = s->base.at->counts.uidvalidity;
	s->entry = sidecar_index_of(s->index, s->uidvalidity, &s->n_entry);
	if (!s->base.at->is_older)
		done = load_tails(s, d, err);
	if (done == 0)
		done = number_scanned(s, d, err);
	digest_free(d);
	return done;
}

/* ---- of others ---- */

/* False: the numbers of the file cannot be used. *ret_made: messages that got another. */
static bool
number_as_told(struct mbox_scan *scan, uint32_t *ret_last, size_t *ret_made)
{
	uint32_t last = 0, highest = scan->base_last;
	size_t kept = 0;

	if (!scan->base_known || scan->len == 0 || scan->entry[0].uid == 0)
		return false;
	while (kept < scan->len && scan->entry[kept].uid > last)
		last = scan->entry[kept++].uid;
	for (size_t i = 0; i < scan->len; i++)
		highest = scan->entry[i].uid > highest ? scan->entry[i].uid : highest;
	if (scan->len - kept >= UINT32_MAX - 1 - highest)
		return false;
	for (size_t i = kept; i < scan->len; i++)
		scan->entry[i].uid = ++highest;
	*ret_last = highest;
	*ret_made = scan->len - kept;
	return true;
}

static int
load_others(struct shelf *s, struct err *err)
{
	struct mbox_file *f = file_add(s, s->base.at->file);
	struct mbox_scan *scan = &f->scan;
	struct digest *d = digest_new();
	uint32_t last = 0;
	size_t made;

	digest_start(d);
	int done = file_scan(s, f, d, err);
	s->uidvalidity = shelf_uidvalidity(d);
	digest_free(d);
	if (done < 0)
		return -1;
	if (number_as_told(scan, &last, &made)) {
		if (made == 0)
			s->uidvalidity = scan->base_uidvalidity;
		else
			shelf_note(&s->base, EV_FILE_TOLD, LEVEL_INFO, 0,
			    "'%s': %zu message%s no UID that goes on from those before: its UIDVALIDITY is not used",
			    f->name, made, made == 1 ? " has" : "s have");
	} else {
		for (size_t i = 0; i < scan->len; i++)
			scan->entry[i].uid = ++last;
	}
	s->given = s->uidvalidity;
	s->uidnext = last < UINT32_MAX ? last + 1 : last;
	return 0;
}

int
mbox_load(struct shelf *s, struct err *err)
{
	const struct shelf_folder *f = s->base.at;

	if (shelf_dir_open(s->base.root, f->path, &s->folder, err) < 0)
		return -1;
	if (!f->ours)
		return load_others(s, err);
	if (shelf_base_index(&s->base, s->folder, &s->index, err) < 0)
		return -1;
	if (s->index == NULL)
		return err_set(err, ERR_FOLDER, "the sidecar in '%s' is gone", f->path);
	return load_ours(s, err);
}

/* ---- octets of no message ---- */

/* A file of ours ends with the blank line after its last message. Where that message is not whole, its row is told
 * to be another, or it has another place by now. */
static bool
ends_short(const struct shelf *s, const struct mbox_file *f)
{
	char text[3];
	size_t len = sizeof text;

	if (s->n_place == 0 || f->covered == 0 || s->fd_size < len)
		return false;
	return pread(s->fd, text, len, (off_t)(s->fd_size - len)) != (ssize_t)len ||
	       (memcmp(text + 1, "\n\n", 2) != 0 && memcmp(text, "\n\r\n", 3) != 0);
}

int
mbox_stray(struct shelf *s, char ret_name[512], struct err *err)
{
	ret_name[0] = '\0';
	while (s->index != NULL && s->stray_file < s->n_file) {
		const struct mbox_file *f = &s->file[s->stray_file];
		uint64_t end;

		if (s->stray_at == 0 && mbox_read_places(s, f, err) < 0)
			return -1;
		if (mbox_open_file(s, f->name) == 0 && gap_next(s, f, &s->stray_at, &end)) {
			(void)snprintf(ret_name, 512, "%s at %" PRIu64 ", %" PRIu64 " octets",
			    f->name, s->stray_at, end - s->stray_at);
			s->stray_at = end;
			return 0;
		}
		if (f->scan.junk > 0 && s->stray_at != UINT64_MAX) {
			(void)snprintf(ret_name, 512, "%s at %" PRIu64 ", %" PRIu64 " octets",
			    f->name, f->scan.junk_at, f->scan.junk);
			s->stray_at = UINT64_MAX;
			return 0;
		}
		bool short_file = mbox_open_file(s, f->name) == 0 && ends_short(s, f);

		s->stray_file++;
		s->stray_at = 0;
		if (short_file) {
			(void)snprintf(ret_name, 512,
			    "%s at %" PRIu64 ": the blank line after the last message is missing",
			    f->name, s->fd_size);
			return 0;
		}
	}
	return 0;
}
