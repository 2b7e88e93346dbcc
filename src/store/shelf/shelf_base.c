/* See shelf_base.h. */
#include "store/shelf/shelf_base.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"

enum { BASE_TEXT_MAX = 256 * 1024 * 1024, NAME_TEXT_MAX = 64 * 1024, ROUNDS_MAX = 1000 };

/* ---- the place ---- */

/* The place itself may be reached through links: the user named it. Of a file the place is where
 * it really lies, for further on no link is followed. */
static int
base_open_root(struct shelf_base *b, struct err *err)
{
	struct stat st;

	if (stat(b->path, &st) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "'%s'", b->path);
	char *real = S_ISDIR(st.st_mode) ? NULL : realpath(b->path, NULL);
	if (real != NULL)
		b->path = arena_copy(&b->arena, slice_str(real));
	free(real);
	const char *slash = strrchr(b->path, '/');
	const char *dir = b->path;
	if (!S_ISDIR(st.st_mode))
		b->file = slash != NULL ? slash + 1 : b->path;
	if (!S_ISDIR(st.st_mode) && slash == NULL)
		dir = ".";
	else if (!S_ISDIR(st.st_mode))
		dir = arena_printf(&b->arena, "%.*s/", (int)(slash - b->path), b->path);
	b->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b->root < 0 ? err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", dir) : 0;
}

int
shelf_base_open(
    struct shelf_base *b, const struct shelf_place *at, struct cancel *stop, struct err *err)
{
	*b = (struct shelf_base){ .root = -1, .stop = stop, .ours = at->ours };
	arena_init(&b->arena, BASE_TEXT_MAX);
	notes_init(&b->notes);
	b->path = arena_copy(&b->arena, slice_str(at->path));
	if (base_open_root(b, err) == 0)
		return 0;
	shelf_base_done(b);
	return -1;
}

void
shelf_base_done(struct shelf_base *b)
{
	file_close(&b->root);
	notes_done(&b->notes);
	arena_done(&b->arena);
	free(b->folder);
	free(b->at_name);
	b->folder = NULL;
	b->at_name = NULL;
}

void
shelf_base_clear(struct shelf_base *b)
{
	b->len = 0;
	b->at = NULL;
}

void
shelf_note(struct shelf_base *b, enum event_no no, enum event_level level, uint32_t uid,
    const char *fmt, ...)
{
	const struct event e = { .no = no, .level = level, .folder = b->at_name, .uid = uid };
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	notes_add(&b->notes, &e, level >= LEVEL_WARNING, "%s", text);
}

void
shelf_note_mixed(struct shelf_base *b, const struct wire *w, const char *shown, bool *io_told)
{
	if (*io_told || !wire_mixed(w))
		return;
	*io_told = true;
	shelf_note(b, EV_FILE_TOLD, LEVEL_WARNING, 0,
	    "%s has both LF and CRLF as line ends: %s; further ones of this folder are not told of",
	    shown, wire_words(w));
}

bool
shelf_unread(struct shelf_base *b, const struct err *why)
{
	if (!err_sys_passes(why->sys))
		return false;
	b->unread = *why;
	return true;
}

int
shelf_stopped(struct shelf_base *b, struct err *err)
{
	if (b->unread.kind != ERR_NONE) {
		struct err why = b->unread;
		b->unread.kind = ERR_NONE;
		return err_set(err, ERR_FOLDER, "%s", why.text);
	}
	return cancel_raised(b->stop) ? err_set(err, ERR_INTERRUPTED, "interrupted") : 0;
}

/* ---- folders ---- */

int
shelf_base_add(struct shelf_base *b, const struct shelf_folder *f, struct err *err)
{
	struct shelf_folder copy = *f;

	if (b->len >= FOLDERS_MAX) {
		(void)err_set(
		    err, ERR_FOLDER, "'%s' holds more than %d folders", b->path, FOLDERS_MAX);
		err_widen(err, SCOPE_RUN);
		return -1;
	}
	copy.name.data = arena_copy(&b->arena, f->name);
	copy.path = arena_copy(&b->arena, slice_str(f->path));
	if (f->file != NULL)
		copy.file = arena_copy(&b->arena, slice_str(f->file));
	if (f->unread != NULL)
		copy.unread = arena_copy(&b->arena, slice_str(f->unread));
	if (f->special_use != NULL)
		copy.special_use = arena_copy(&b->arena, slice_str(f->special_use));
	if (copy.name.data == NULL || copy.path == NULL || (f->file != NULL && copy.file == NULL))
		return err_set(err, ERR_FOLDER, "the folder names of '%s' are too long", b->path);
	if (b->len == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : 64;
		b->folder = mem_resize(b->folder, b->cap, sizeof *b->folder);
	}
	b->folder[b->len++] = copy;
	return 0;
}

int
shelf_base_add_unread(struct shelf_base *b, struct slice name, const char *path, const struct err *why,
    struct err *err)
{
	const struct shelf_folder f = { .name = name.len > 0 ? name : slice_str("INBOX"),
		.path = path,
		.delim = '/',
		.unread = why->text };

	if (why->kind == ERR_INTERRUPTED || err_sys_passes(why->sys))
		return err_set(err, why->kind == ERR_INTERRUPTED ? ERR_INTERRUPTED : ERR_DISK, "%s", why->text);
	return shelf_base_add(b, &f, err);
}

void
shelf_older_name(struct slice name, uint32_t uidvalidity, struct buf *out)
{
	(void)buf_add(out, name.data, name.len);
	(void)buf_printf(out, " (UIDVALIDITY %" PRIu32 ")", uidvalidity);
}

static int
base_add_older(struct shelf_base *b, const struct sidecar_index *x, const struct shelf_folder *now,
    const struct uidset *present, struct err *err)
{
	uint32_t uidvalidity, highest;
	AUTO(buf_done) struct buf name;

	buf_init(&name, NAME_TEXT_MAX + 64);
	for (size_t i = 0; sidecar_index_older(x, i, &uidvalidity); i++) {
		struct shelf_folder f = *now;
		size_t n = sidecar_index_count(x, uidvalidity, &highest);

		if (n == 0 || (present != NULL && !uidset_has(present, uidvalidity)))
			continue;
		buf_reset(&name);
		shelf_older_name(now->name, uidvalidity, &name);
		f.name = buf_slice(&name);
		f.is_older = true;
		f.special_use = NULL;
		f.attrs &= ~(unsigned)FOLDER_SUBSCRIBED;
		f.counts = (struct folder_counts){ .messages = (uint32_t)n,
			.uidvalidity = uidvalidity,
			.uidnext = highest < UINT32_MAX ? highest + 1 : highest };
		if (shelf_base_add(b, &f, err) < 0)
			return -1;
	}
	return 0;
}

int
shelf_base_add_ours(struct shelf_base *b, const struct sidecar_index *x, const char *path,
    struct slice fallback, const struct uidset *present, struct err *err)
{
	const struct sidecar_folder *head = sidecar_index_folder(x);
	uint32_t highest;
	struct shelf_folder f = { .path = path, .ours = true, .attrs = FOLDER_COUNTED };

	f.name = head->known ? head->name : fallback;
	f.delim = head->known ? head->delim : '/';
	f.special_use = head->special_use;
	f.attrs |= head->subscribed ? FOLDER_SUBSCRIBED : 0;
	f.counts.messages = (uint32_t)sidecar_index_count(x, head->uidvalidity, &highest);
	f.counts.uidvalidity = head->uidvalidity;
	f.counts.uidnext = highest < UINT32_MAX ? highest + 1 : highest;
	return shelf_base_add(b, &f, err) < 0 ? -1 : base_add_older(b, x, &f, present, err);
}

static int
folder_cmp(const void *a, const void *b)
{
	const struct shelf_folder *x = a, *y = b;
	bool in = folder_is_inbox(x->name), also = folder_is_inbox(y->name);

	if (in != also)
		return in ? -1 : 1;
	int order = slice_cmp(x->name, y->name);
	if (order != 0)
		return order;
	order = strcmp(x->path, y->path);
	if (order != 0 || x->file == NULL || y->file == NULL)
		return order;
	return strcmp(x->file, y->file);
}

/* The second of two equal names gets a number. True when one was changed: sort and look again. */
static bool
base_part_twins(struct shelf_base *b, unsigned round)
{
	bool changed = false;

	for (size_t i = 1; i < b->len; i++) {
		struct shelf_folder *f = &b->folder[i];
		const struct shelf_folder *before = &b->folder[i - 1];

		if (!slice_same(f->name, before->name))
			continue;
		char *name = arena_printf(&b->arena, "%.*s (%u)", SLICE_ARG(f->name), round + 1);
		if (name == NULL)
			return changed;
		shelf_note(b, EV_NAME_MAPPED, LEVEL_WARNING, 0,
		    "two places hold a folder '%.*s'; the one in '%s%s%s' is called '%s'",
		    SLICE_ARG(f->name), f->path, f->file != NULL ? "/" : "",
		    f->file != NULL ? f->file : "", name);
		f->name = slice_str(name);
		changed = true;
		i++; /* a third waits for the next round, and another number */
	}
	return changed;
}

int
shelf_base_sort(struct shelf_base *b, struct err *err)
{
	unsigned round = 0;

	do {
		if (b->len > 1)
			qsort(b->folder, b->len, sizeof *b->folder, folder_cmp);
		if (++round > ROUNDS_MAX)
			return err_set(err, ERR_FOLDER, "'%s': more than %d folders have one name",
			    b->path, ROUNDS_MAX);
	} while (base_part_twins(b, round));
	return 0;
}

int
shelf_base_list(struct shelf_base *b, struct arena *a, struct folder_list *ret, struct err *err)
{
	struct folder_list l = { .len = b->len, .cap = b->len, .delim = '/' };

	l.folder = mem_resize(NULL, b->len + 1, sizeof *l.folder);
	for (size_t i = 0; i < b->len; i++) {
		const struct shelf_folder *f = &b->folder[i];

		l.folder[i] = (struct folder){ .name = { arena_copy(a, f->name), f->name.len },
			.delim = f->delim,
			.attrs = f->attrs,
			.special_use = f->special_use == NULL
					   ? NULL
					   : arena_copy(a, slice_str(f->special_use)),
			.prefix = { "", 0 },
			.counts = f->counts };
		if (l.folder[i].name.data == NULL) {
			free(l.folder);
			return err_set(
			    err, ERR_FOLDER, "the folder names of '%s' are too long", b->path);
		}
	}
	if (b->len > 0 && b->folder[0].ours)
		l.delim = b->folder[0].delim;
	*ret = l;
	return 0;
}

struct shelf_folder *
shelf_base_named(struct shelf_base *b, struct slice name)
{
	const struct shelf_folder key = { .name = name, .path = "" };
	size_t from = 0, to = b->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (slice_same(b->folder[mid].name, name))
			return &b->folder[mid];
		if (folder_cmp(&b->folder[mid], &key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

int
shelf_base_enter(struct shelf_base *b, const struct folder *f, struct err *err)
{
	free(b->at_name);
	b->at_name = NULL;
	b->at = shelf_base_named(b, f->name);
	if (b->at == NULL)
		return err_set(
		    err, ERR_FOLDER, "'%s' has no folder '%.*s'", b->path, SLICE_ARG(f->name));
	b->at_name = strndup(f->name.data, f->name.len);
	if (b->at_name == NULL)
		mem_out();
	return b->at->unread != NULL ? err_set(err, ERR_FOLDER, "'%s': %s", b->path, b->at->unread) : 0;
}

int
shelf_base_index(struct shelf_base *b, int folder, struct sidecar_index **ret, struct err *err)
{
	size_t from = b->notes.len;
	int done = sidecar_index_read(ret, folder, b->at->path, b->stop, &b->notes, err);

	for (size_t i = from; i < b->notes.len; i++)
		b->notes.note[i].event.folder = arena_copy(&b->notes.arena, slice_str(b->at_name));
	return done;
}

/* ---- names ---- */

static bool
level_begin(struct slice level, struct buf *name)
{
	if (name->len > 0)
		return buf_add_byte(name, '/') && false;
	if (!folder_is_inbox(level))
		return false;
	(void)buf_add_str(name, "INBOX");
	return true;
}

/* Modified UTF-7 without the delimiter inside. */
static void
level_put(struct slice wire, struct buf *name)
{
	for (size_t i = 0; i < wire.len; i++) {
		/* '/' is a digit of no run in modified UTF-7, so it stands for itself. */
		if (wire.data[i] == '/')
			(void)buf_add_str(name, "%2F");
		else
			(void)buf_add_byte(name, wire.data[i]);
	}
}

void
shelf_level_utf8(struct slice level, struct buf *name)
{
	AUTO(buf_done) struct buf wire;

	buf_init(&wire, NAME_TEXT_MAX);
	if (level_begin(level, name))
		return;
	mutf7_encode(level, &wire);
	level_put(buf_slice(&wire), name);
}

void
shelf_level_mutf7(struct slice level, struct buf *name)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, NAME_TEXT_MAX);
	if (!mutf7_decode(level, &text)) {
		shelf_level_utf8(level, name);
		return;
	}
	if (!level_begin(level, name))
		level_put(level, name);
}

static int
percent_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

bool
shelf_percent_decode(struct slice text, struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%') {
			int hi = i + 2 < text.len ? percent_digit(text.data[i + 1]) : -1;
			int lo = hi >= 0 ? percent_digit(text.data[i + 2]) : -1;

			c = lo >= 0 ? (char)(hi << 4 | lo) : '\0';
			i += 2;
		}
		if (c == '\0' || !buf_add_byte(out, c)) {
			out->len = before;
			return false;
		}
	}
	return true;
}

void
shelf_level_dir(const struct shelf_base *b, struct slice level, struct buf *name)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, NAME_TEXT_MAX);
	if (!b->ours)
		shelf_level_mutf7(level, name);
	else if (shelf_percent_decode(level, &text))
		shelf_level_utf8(buf_slice(&text), name);
	else
		shelf_level_utf8(level, name);
}

uint32_t
shelf_uidvalidity(struct digest *d)
{
	uint8_t sum[SHA256_LEN];

	digest_end(d, sum);
	for (size_t i = 0; i + 4 <= sizeof sum; i += 4) {
		uint32_t v = (uint32_t)sum[i] << 24 | (uint32_t)sum[i + 1] << 16 |
			     (uint32_t)sum[i + 2] << 8 | sum[i + 3];

		if (v != 0)
			return v;
	}
	return 1;
}

uint32_t
shelf_uidvalidity_made(uint32_t told, size_t made, struct digest *d)
{
	if (made == 0)
		return told;
	digest_add(d, &told, sizeof told);
	return shelf_uidvalidity(d);
}
