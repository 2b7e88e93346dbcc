/* See grown.h. The mark is text of blanks between. */
#include "store/grown.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/handed.h"
#include "store/pio.h"

/* ---- marks ---- */

struct slice
grown_word(struct slice *s)
{
	const char *blank = s->len > 0 ? memchr(s->data, ' ', s->len) : NULL;
	struct slice word = { s->data, blank != NULL ? (size_t)(blank - s->data) : s->len };
	size_t gone = word.len + (blank != NULL);

	s->data += gone;
	s->len -= gone;
	return word;
}

bool
grown_mark_read(struct slice *s, struct grown_mark *ret)
{
	struct grown_mark m = { 0 };
	uint64_t number;

	if (!slice_u64(grown_word(s), GROWN_NUMBER_MAX, &number) || number == 0 ||
	    !slice_u64(grown_word(s), INT64_MAX, &m.len) ||
	    !slice_u64(grown_word(s), UINT64_MAX, &m.inode))
		return false;
	struct slice tail = grown_word(s);

	if (tail.len != SHA256_HEX - 1)
		return false;
	memcpy(m.tail, tail.data, tail.len);
	m.number = (unsigned)number;
	*ret = m;
	return true;
}

bool
grown_mark_later(const struct grown_mark *a, const struct grown_mark *b)
{
	return a->number != b->number ? a->number > b->number : a->len > b->len;
}

static void
grown_digest(const struct grown *g, char ret[SHA256_HEX])
{
	uint8_t sum[SHA256_LEN];

	digest_once(g->tail, g->tail_len, sum);
	digest_hex(sum, ret);
}

void
grown_mark_text(const struct grown *g, char ret[GROWN_MARK_MAX])
{
	char tail[SHA256_HEX];

	grown_digest(g, tail);
	(void)snprintf(ret, GROWN_MARK_MAX, "%u %" PRIu64 " %" PRIu64 " %s", g->number, g->len,
	    g->inode, tail);
}

void
grown_name(const char *name, unsigned number, char ret[GROWN_NAME_MAX])
{
	if (number == 1)
		(void)snprintf(ret, GROWN_NAME_MAX, "%s", name);
	else
		(void)snprintf(ret, GROWN_NAME_MAX, "%s.%u", name, number);
}

/* ---- opening ---- */

/* Does the file hold what the mark says? Its tail is in g then. */
static int
grown_agrees(struct grown *g, int fd, const struct stat *st, const struct grown_mark *m, bool *ret,
    struct err *err)
{
	char digest[SHA256_HEX];

	g->tail_len = m->len < GROWN_TAIL ? (size_t)m->len : GROWN_TAIL;
	*ret = false;
	if ((uint64_t)st->st_size < m->len ||
	    ((uint64_t)st->st_size != m->len && st->st_ino != m->inode))
		return 0;
	if (pio_read(fd, m->len - g->tail_len, g->tail, g->tail_len, &g->tail_len, err) < 0)
		return -1;
	grown_digest(g, digest);
	*ret = strcmp(digest, m->tail) == 0;
	return 0;
}

/* Whose is what begins at `at`? */
static int
grown_claim(int fd, const struct grown_kind *kind, uint64_t at, bool unclean, enum grown_claim *ret,
    struct err *err)
{
	AUTO(mem_free_str) char *start = mem_resize(NULL, kind->start_max + 1, 1);
	bool ours;
	size_t len;

	if (pio_read(fd, at, start, kind->start_max, &len, err) < 0)
		return -1;
	*ret = len == 0 ? GROWN_OURS
			: kind->claim(kind->arg, (struct slice){ start, len }, at, unclean);
	if (len == 0 || *ret != GROWN_OURS || kind->look == NULL)
		return 0;
	if (kind->look(kind->arg, fd, at, unclean, &ours, err) < 0)
		return -1;
	*ret = ours ? GROWN_OURS : GROWN_FOREIGN;
	return 0;
}

/* The file is longer than its mark: what is behind is cut off if it may be. */
static int
grown_shorten(int fd, const struct grown_kind *kind, const struct grown_mark *m, bool unclean,
    bool *ret, struct err *err)
{
	enum grown_claim claim = GROWN_OURS;

	if (kind->ask_surplus && grown_claim(fd, kind, m->len, unclean, &claim, err) < 0)
		return -1;
	*ret = claim == GROWN_OURS;
	if (*ret && ftruncate(fd, (off_t)m->len) < 0)
		return err_set_sys(err, ERR_DISK, "cut back");
	return 0;
}

/* The file of the mark: *ret_fd -1 when it is not there or does not agree. */
static int
grown_reopen(struct grown *g, int dir, const struct grown_kind *kind, const struct grown_mark *m,
    bool unclean, int *ret_fd, enum grown_found *ret_found, struct err *err)
{
	char name[GROWN_NAME_MAX];
	struct stat st;
	AUTO(file_close) int fd = -1;
	bool agrees;

	g->number = m->number;
	kind->name(kind->arg, g->number, name);
	*ret_found = GROWN_LEFT;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (file_open_append(dir, name, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at '%s'", name);
	if (grown_agrees(g, fd, &st, m, &agrees, err) < 0)
		return err_wrap(err, "'%s'", name);
	bool longer = (uint64_t)st.st_size > m->len;
	if (agrees && longer && grown_shorten(fd, kind, m, unclean, &agrees, err) < 0)
		return err_wrap(err, "'%s'", name);
	if (!agrees)
		return 0;
	*ret_found = longer ? GROWN_LONGER : GROWN_AS_LEFT;
	g->len = m->len;
	g->inode = st.st_ino;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* One number: *ret_fd -1 when it is not ours. */
static int
grown_try(struct grown *g, int dir, const struct grown_kind *kind, bool unclean, int *ret_fd,
    enum grown_found *ret_found, struct err *err)
{
	char name[GROWN_NAME_MAX];
	AUTO(file_close) int fd = -1;
	enum grown_claim claim = GROWN_FOREIGN;
	struct stat st;

	kind->name(kind->arg, g->number, name);
	if (handed_open_append(dir, name, &fd, err) < 0)
		return -1;
	if (grown_claim(fd, kind, 0, unclean, &claim, err) < 0)
		return err_wrap(err, "'%s'", name);
	if (claim == GROWN_FOREIGN)
		*ret_found = GROWN_LEFT;
	if (claim != GROWN_OURS)
		return 0;
	if (ftruncate(fd, 0) < 0 || fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "start '%s'", name);
	g->inode = st.st_ino;
	g->len = g->tail_len = 0;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int
grown_open(struct grown *g, int dir, const struct grown_kind *kind, const struct grown_mark *mark,
    bool unclean, int *ret_fd, enum grown_found *ret_found, struct err *err)
{
	char name[GROWN_NAME_MAX];
	int fd = -1;

	*g = (struct grown){ .number = 1 };
	*ret_found = GROWN_AS_LEFT;
	if (mark != NULL) {
		if (grown_reopen(g, dir, kind, mark, unclean, &fd, ret_found, err) < 0)
			return -1;
		g->number += fd < 0;
	}
	for (; fd < 0 && g->number <= GROWN_NUMBER_MAX; g->number += fd < 0) {
		if (grown_try(g, dir, kind, unclean, &fd, ret_found, err) < 0)
			return -1;
	}
	kind->name(kind->arg, 1, name);
	if (fd < 0)
		return err_set(err, ERR_FOLDER,
		    "'%s' and the %d further names of such files are taken by others", name,
		    GROWN_NUMBER_MAX - 1);
	*ret_fd = fd;
	return 0;
}

/* ---- marks of what is there ---- */

static int
mark_at(int fd, uint64_t len, char ret[SHA256_HEX], struct err *err)
{
	struct grown g = { .tail_len = len < GROWN_TAIL ? (size_t)len : GROWN_TAIL };

	if (pio_read(fd, len - g.tail_len, g.tail, g.tail_len, &g.tail_len, err) < 0)
		return -1;
	grown_digest(&g, ret);
	return 0;
}

int
grown_mark_now(int dir, const char *name, unsigned number, uint64_t len, const struct grown_mark *was,
    struct grown_mark *ret, bool *ret_there, struct err *err)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char tail[SHA256_HEX];
	struct stat st;

	*ret_there = false;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < len)
		return 0;
	if (was != NULL) {
		if (len < was->len)
			return 0;
		if (mark_at(fd, was->len, tail, err) < 0)
			return -1;
		if (strcmp(tail, was->tail) != 0)
			return 0;
	}
	*ret = (struct grown_mark){ .number = number, .len = len, .inode = st.st_ino };
	if (mark_at(fd, len, ret->tail, err) < 0)
		return -1;
	*ret_there = true;
	return 0;
}

/* ---- growing ---- */

void
grown_add(struct grown *g, struct slice octets)
{
	g->len += octets.len;
	if (octets.len > GROWN_TAIL) {
		octets.data += octets.len - GROWN_TAIL;
		octets.len = GROWN_TAIL;
	}
	size_t room = GROWN_TAIL - octets.len;
	size_t keep = g->tail_len < room ? g->tail_len : room;

	memmove(g->tail, g->tail + g->tail_len - keep, keep);
	if (octets.len > 0)
		memcpy(g->tail + keep, octets.data, octets.len);
	g->tail_len = keep + octets.len;
}

static int
grown_ends_at(int fd, uint64_t len, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at the file");
	if (st.st_nlink == 0)
		return err_set(err, ERR_DISK,
		    "another program removed or replaced the file meanwhile; run again");
	if ((uint64_t)st.st_size != len)
		return err_set(err, ERR_DISK,
		    "another program changed the file meanwhile: it has %" PRIu64
		    " octets, not %" PRIu64 "; run again",
		    (uint64_t)st.st_size, len);
	return 0;
}

int
grown_look(struct grown *g, int fd, uint64_t len, struct err *err)
{
	size_t want = len < GROWN_TAIL ? (size_t)len : GROWN_TAIL;

	if (grown_ends_at(fd, len, err) < 0 ||
	    pio_read(fd, len - want, g->tail, want, &g->tail_len, err) < 0)
		return -1;
	g->len = len;
	return 0;
}

int
grown_append(int fd, uint64_t from, struct slice octets, struct err *err)
{
	if (grown_ends_at(fd, from, err) < 0)
		return -1;
	return file_write(fd, octets.data, octets.len, err);
}

/* Best effort: the next run finds the rest by the mark. */
void
grown_cut(int fd, uint64_t from)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > from && ftruncate(fd, (off_t)from) < 0)
		return;
}
