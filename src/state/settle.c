#include "state/settle.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

int
settle_system_open(struct settle_system *ret, const char *dir, struct err *err)
{
	struct stat st;

	*ret = (struct settle_system){ .fd = -1 };
	if (file_open_dir(AT_FDCWD, dir, &ret->fd, err) < 0)
		return -1;
	if (file_can_syncfs(ret->fd) && fstat(ret->fd, &st) == 0)
		ret->device = st.st_dev;
	else
		file_close(&ret->fd);
	return 0;
}

static bool
is_shared(const struct settle_system *s, const struct pending *p)
{
	return s->fd >= 0 && p->by_system && p->device == s->device;
}

/* Those that are marked. *ret: the first that failed. */
static int
settle_marked(const struct settle_system *s, struct pending *const *p, size_t n, const bool *mark,
    size_t *ret, bool *ret_shared, struct err *err)
{
	*ret_shared = false;
	for (size_t i = 0; i < n; i++) {
		if (!mark[i] || (*ret_shared && is_shared(s, p[i])))
			continue;
		*ret = i;
		if (!is_shared(s, p[i])) {
			if (p[i]->sync != NULL && p[i]->sync(p[i], err) < 0)
				return -1;
			continue;
		}
		if (file_sync_system(s->fd, err) < 0)
			return -1;
		*ret_shared = true;
	}
	return 0;
}

/* The last first: each is taken back to what it found. */
static void
undo_from(struct pending *const *p, size_t from, size_t to)
{
	while (to-- > from)
		if (p[to] != NULL && p[to]->undo != NULL)
			p[to]->undo(p[to]);
}

/* How many got their final names. What fails undoes itself. */
static size_t
place_all(struct pending *const *p, size_t n, struct err *err)
{
	size_t i = 0;

	while (i < n && (p[i] == NULL || p[i]->place == NULL || p[i]->place(p[i], err) == 0))
		i++;
	return i;
}

/* What may go when the rest is durable; how many could do it. */
static size_t
tidy_all(struct pending *const *p, size_t n, bool *mark, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		mark[i] = false;
		if (p[i] != NULL && p[i]->tidy != NULL && p[i]->tidy(p[i], &mark[i], err) < 0)
			return i;
	}
	return n;
}

size_t
settle_all(const struct settle_system *s, struct pending *const *p, size_t n, bool *ret_shared,
    struct err *err)
{
	bool mark[SETTLE_MAX], again;
	size_t placed, tidied, at = 0;

	assert(n <= SETTLE_MAX);
	placed = place_all(p, n, err);
	for (size_t i = 0; i < placed; i++)
		mark[i] = p[i] != NULL;
	/* Of those that share a sync that failed nobody knows whose octets were lost. */
	if (settle_marked(s, p, placed, mark, &at, ret_shared, err) < 0) {
		undo_from(p, at, placed);
		placed = at;
	}
	tidied = tidy_all(p, placed, mark, err);
	undo_from(p, tidied + 1, placed);
	if (settle_marked(s, p, tidied, mark, &at, &again, err) == 0)
		return tidied;
	undo_from(p, at + 1, tidied);
	return at;
}

int
settle_one(struct pending *p, struct err *err)
{
	const struct settle_system none = { .fd = -1 };
	bool shared;

	return settle_all(&none, &p, 1, &shared, err) == 1 ? 0 : -1;
}
