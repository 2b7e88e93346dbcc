/* What a folder that was renamed on the source is called on a server that mail goes to. See renamed.h. */
#include <string.h>

#include "engine/renamed.h"

enum { SHARED_ARENA = 64 * 1024 * 1024 };

static bool
is_inbox(const char *name)
{
	return strcasecmp(name, "INBOX") == 0;
}

/* The rest of the name behind `top`, from its delimiter on; NULL: it is not below. */
static const char *
below(char delim, const char *name, const char *top)
{
	size_t len = strlen(top);

	return delim != '\0' && strncmp(name, top, len) == 0 && name[len] == delim ? name + len : NULL;
}

bool
renamed_dest_is_below(const struct lane *l, const char *path, const char *top)
{
	return below(l->sink_ops->listed(l->sink)->delim, path, top) != NULL;
}

static const struct folder *
listed(const struct lane *l, const char *name)
{
	const struct folder_list *list = l->sink_ops->listed(l->sink);

	for (size_t i = 0; i < list->len; i++)
		if (slice_eq(list->folder[i].name, name))
			return &list->folder[i];
	return NULL;
}

/* Do rows of another account of the job, or of another folder, name copies in it? */
static int
is_shared(const struct run *r, const struct folder_rec *rec, bool *ret, struct err *err)
{
	struct arena a;
	uint32_t *uid = NULL;
	size_t n = 0;
	int rc;

	arena_init(&a, SHARED_ARENA);
	rc = state_shared_copies(r->job->state, rec->id, &a, &uid, &n, err);
	*ret = n > 0;
	arena_done(&a);
	return rc;
}

/* What lies below goes along: nobody else's, and none that would get a name there that is not its own. */
static int
may_go_along(const struct run *r, const struct lane *l, const struct folder *f, const char *from, const char *to,
    bool *ret, struct err *err)
{
	bool made = false, shared;

	*ret = false;
	for (size_t i = 0; i < r->n_known; i++) {
		const struct folder_rec *k = &r->known[i];

		if (!slice_eq(f->name, k->path))
			continue;
		if (renamed_is_listed(r, k)) {
			const char *own = l->sink_ops->plain_name(l->sink, slice_str(k->name));
			size_t len = strlen(to);

			if (strncmp(own, to, len) != 0 || strcmp(own + len, k->path + strlen(from)) != 0)
				return 0;
		}
		if (is_shared(r, k, &shared, err) < 0)
			return -1;
		if (shared)
			return 0;
		made |= l->sink_ops->made(k);
	}
	*ret = made || f->attrs & FOLDER_NOSELECT;
	return 0;
}

static int
all_go_along(const struct run *r, const struct lane *l, const char *from, const char *to, bool *ret, struct err *err)
{
	const struct folder_list *list = l->sink_ops->listed(l->sink);
	size_t len = strlen(from);

	*ret = true;
	for (size_t i = 0; *ret && i < list->len; i++) {
		const struct folder *f = &list->folder[i];

		if (f->name.len > len && list->delim != '\0' && memcmp(f->name.data, from, len) == 0 &&
		    f->name.data[len] == list->delim && may_go_along(r, l, f, from, to, ret, err) < 0)
			return -1;
	}
	return 0;
}

/* Somebody has renamed it there as well: nothing else has its UIDVALIDITY, which not every server gives once only. */
static bool
has_gone_to(const struct lane *l, const struct folder_rec *rec, const char *path)
{
	const struct folder_list *list = l->sink_ops->listed(l->sink);
	const struct folder *f = listed(l, path);
	struct folder_rec there = *rec;

	there.path = path;
	if (f == NULL || listed(l, rec->path) != NULL || !l->sink_ops->holds(l->sink, &there))
		return false;
	for (size_t i = 0; i < list->len; i++)
		if (&list->folder[i] != f && list->folder[i].counts.uidvalidity == f->counts.uidvalidity)
			return false;
	return true;
}

int
renamed_dest_may(const struct run *r, const struct lane *l, const struct folder_rec *rec, const char *path, bool *ret,
    struct err *err)
{
	char delim = l->sink_ops->listed(l->sink)->delim;
	bool shared;

	*ret = false;
	if (is_inbox(rec->path) || is_inbox(path))
		return 0;
	if ((*ret = has_gone_to(l, rec, path)))
		return 0;
	if (below(delim, path, rec->path) != NULL || !l->sink_ops->made(rec) || !l->sink_ops->holds(l->sink, rec))
		return 0;
	if (is_shared(r, rec, &shared, err) < 0)
		return -1;
	return shared ? 0 : all_go_along(r, l, rec->path, path, ret, err);
}

int
renamed_dest_follow(struct run *r, struct lane *l, const char *from, const char *to, struct err *err)
{
	char delim = l->sink_ops->listed(l->sink)->delim;

	for (size_t i = 0; i < r->n_known; i++) {
		struct folder_rec *k = &r->known[i];
		const char *rest = below(delim, k->path, from), *path;

		if (rest == NULL)
			continue;
		if ((path = arena_printf(&r->arena, "%s%s", to, rest)) == NULL)
			return err_set(err, ERR_FOLDER, "a folder name is too long");
		if (listed(l, k->path) == NULL && listed(l, path) != NULL && renamed_set_path(r, k, path, err) < 0)
			return -1;
	}
	return 0;
}
