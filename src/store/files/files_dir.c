/* The directories of a sink (files_sink.h): made, opened as their mark says, let go. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/bare.h"
#include "store/files/files_sink.h"
#include "store/handed.h"

enum { MARK_MAX = 256 * 1024 };

/* ---- marks ---- */

bool
files_mark_line(const char *mark, const char *word, struct slice *ret)
{
	size_t n = strlen(word);

	while (*mark != '\0') {
		const char *end = strchrnul(mark, '\n');

		if (strncmp(mark, word, n) == 0 && mark[n] == ' ') {
			*ret = (struct slice){ mark + n + 1, (size_t)(end - mark) - n - 1 };
			return true;
		}
		mark = *end == '\0' ? end : end + 1;
	}
	return false;
}

bool
files_mark_latest(const struct sink_place *at, const char *word, struct grown_mark *ret)
{
	bool found = false;

	for (size_t i = 0; i < at->n_known; i++) {
		struct grown_mark m;
		struct slice line;

		if (at->known[i].mark == NULL ||
		    !files_mark_line(at->known[i].mark, word, &line) ||
		    !grown_mark_read(&line, &m) || (found && !grown_mark_later(&m, ret)))
			continue;
		*ret = m;
		found = true;
	}
	return found;
}

/* The sidecar's line of a mark; one that is too long is none that can be read. */
static void
mark_of_sidecar(const char *mark, char ret[SIDECAR_MARK_MAX])
{
	size_t len = (size_t)(strchrnul(mark, '\n') - mark);

	(void)snprintf(ret, SIDECAR_MARK_MAX, "%.*s",
	    (int)(len < SIDECAR_MARK_MAX ? len : SIDECAR_MARK_MAX), mark);
}

/* A record of an older UIDVALIDITY that comes back has an old mark: cutting to it would cut off what
 * was stored for the others since. */
static const char *
mark_latest(const struct sink_place *at, const char *path, const char *mark)
{
	for (size_t i = 0; i < at->n_known; i++) {
		char one[SIDECAR_MARK_MAX], two[SIDECAR_MARK_MAX];
		const struct folder_rec *r = &at->known[i];

		if (r->mark == NULL || r->path == NULL || strcmp(r->path, path) != 0)
			continue;
		mark_of_sidecar(r->mark, one);
		mark_of_sidecar(mark, two);
		if (sidecar_mark_later(one, two))
			mark = r->mark;
	}
	return mark;
}

void
files_dir_mark(const struct sink *s, struct files_dir *d)
{
	AUTO(buf_done) struct buf text;
	char sidecar[SIDECAR_MARK_MAX];

	buf_init(&text, MARK_MAX);
	sidecar_mark(&d->sidecar, sidecar);
	(void)buf_printf(&text, "%s\n", sidecar);
	if (s->format->mark != NULL)
		s->format->mark(s, d, &text);
	free(d->mark);
	d->mark = mem_copy_str(text.data);
}

void
files_changed(struct files_dir *d, const char *fmt, ...)
{
	va_list args;

	if (d->changed[0] != '\0')
		return;
	va_start(args, fmt);
	(void)vsnprintf(d->changed, sizeof d->changed, fmt, args);
	va_end(args);
}

/* ---- life ---- */

struct files_dir *
files_dir_get(struct sink *s, const char *path, const char *mark)
{
	for (struct files_dir *d = s->dirs; d != NULL; d = d->next) {
		if (strcmp(d->path, path) == 0)
			return d;
	}
	struct files_dir *d = mem_new(sizeof *d);

	d->path = mem_copy_str(path);
	d->mark = mem_copy_str(mark_latest(&s->place, path, mark));
	d->next = s->dirs;
	s->dirs = d;
	return d;
}

static void
files_dir_close(struct sink *s, struct files_dir *d)
{
	if (d->fds == NULL)
		return;
	if (s->format->leave != NULL)
		s->format->leave(s, d);
	sidecar_done(&d->sidecar);
	sidecar_index_free(&d->told);
	files_fds_unref(&d->fds);
}

void
files_dir_free(struct sink *s, struct files_dir *d)
{
	files_dir_close(s, d);
	free(d->path);
	free(d->mark);
	free(d);
}

void
files_dir_let_go(struct sink *s)
{
	size_t keep = 0;

	for (size_t i = 0; i < s->n_held; i++) {
		struct files_dir *d = s->held[i];
		bool current = s->current != NULL && s->current->dir == d;

		if (current || d->touched || atomic_load(&d->fds->refs) > 1)
			s->held[keep++] = d;
		else
			files_dir_close(s, d);
	}
	s->n_held = keep;
}

/* ---- making and opening ---- */

int
files_tmp_take(int dir, const char *from, int root, const char *to, struct err *err)
{
	struct err why = { 0 };

	for (int tries = 0; tries < 8; tries++) {
		if (handed_make_dir(root, FILES_TMP, err) < 0)
			return -1;
		if (file_rename(dir, from, root, to, &why) == 0)
			return 0;
		if (why.sys != ENOENT || !file_there(dir, from))
			break;
	}
	*err = why;
	return -1;
}

bool
files_bare(const struct sink *s, const char *path)
{
	return s->format->begins_anew && dir_is_bare(s->root, path);
}

int
files_dir_make(struct sink *s, struct files_dir *d, struct err *err)
{
	AUTO(mem_free_str) char *part = mem_copy_str(d->path);

	d->made |= faccessat(s->root, part, F_OK, 0) < 0;
	if (!d->begun && *d->mark != '\0' && files_bare(s, d->path)) {
		free(d->mark);
		d->mark = mem_copy_str("");
		d->made = true;
	}
	for (char *at = part;;) {
		at = strchr(at, '/');
		if (at != NULL)
			*at = '\0';
		if (handed_make_dir(s->root, part, err) < 0)
			return err_wrap(err, "folder directory '%s'", d->path);
		if (at == NULL)
			return 0;
		*at++ = '/';
	}
}

/* On a file system that ignores case two names may be one directory: their files must not be mixed. */
static int
files_dir_alone(const struct sink *s, struct files_dir *d, struct err *err)
{
	struct stat st;

	if (fstat(d->fds->dir, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at the directory");
	for (const struct files_dir *other = s->dirs; other != NULL; other = other->next) {
		if (other != d && other->begun && other->dev == st.st_dev &&
		    other->ino == st.st_ino)
			return err_set(err, ERR_FOLDER,
			    "it is the same directory as '%s' on this file system; start again in "
			    "an empty directory with --windows-names, which tells them apart",
			    other->path);
	}
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	return 0;
}

static void
files_dir_hold(struct sink *s, struct files_dir *d)
{
	if (s->n_held == s->held_cap) {
		s->held_cap = s->held_cap > 0 ? 2 * s->held_cap : 16;
		s->held = mem_resize(s->held, s->held_cap, sizeof(struct files_dir *));
	}
	s->held[s->n_held++] = d;
}

/* The sidecar as the mark says. */
static int
files_dir_sidecar(struct files_dir *d, const struct folder_at *at, bool unclean, bool restored,
    enum grown_found *ret_found, struct err *err)
{
	const struct slice head = { at->head, strlen(at->head) };
	char mark[SIDECAR_MARK_MAX], name[SIDECAR_NAME_MAX];

	mark_of_sidecar(d->mark, mark);
	if (restored && sidecar_mark_now(d->fds->dir, mark, err) < 0)
		return -1;
	if (sidecar_open(&d->sidecar, d->fds->dir, mark, head, at->head_key, unclean,
		&d->fds->sidecar, ret_found, err) < 0)
		return -1;
	if (*ret_found != GROWN_LEFT)
		return 0;
	sidecar_name(d->sidecar.file.number, name);
	files_changed(d, "the sidecar is not as imex left it; it was kept as it is, '%s' goes on",
	    name);
	return 0;
}

/* A clean run that could not commit has left a sidecar and files of the format that are longer. */
static int
files_dir_enter(struct sink *s, struct files_dir *d, const struct folder_at *at, bool *ret_longer,
    struct err *err)
{
	bool unclean = s->place.unclean && !d->begun;
	enum grown_found found;
	int dir;

	if (file_open_dir(s->root, d->path, &dir, err) < 0)
		return -1;
	d->own = NULL;
	d->fds = files_fds_new(d->path, dir);
	if (files_dir_alone(s, d, err) < 0 ||
	    files_dir_sidecar(d, at, unclean, s->place.restored && !d->begun, &found, err) < 0)
		return -1;
	*ret_longer = found == GROWN_LONGER;
	if (s->format->enter == NULL)
		return 0;
	return s->format->enter(s, d, unclean || (*ret_longer && !d->begun), err);
}

int
files_dir_open(struct sink *s, struct files_dir *d, const struct folder_at *at, bool *ret_longer,
    struct err *err)
{
	d->sidecar = (struct sidecar){ 0 };
	if (files_dir_enter(s, d, at, ret_longer, err) < 0) {
		(void)err_wrap(err, "folder directory '%s'", d->path);
		files_dir_close(s, d);
		return -1;
	}
	files_dir_hold(s, d);
	return 0;
}
