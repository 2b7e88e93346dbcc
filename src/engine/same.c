#include "engine/same.h"

#include <stdio.h>
#include <string.h>

enum { MARKER_ARENA = 256 * 1024 * 1024 };

static const struct folder *
find(const struct folder_list *list, struct slice name)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->folder[i].name.len == name.len &&
		    memcmp(list->folder[i].name.data, name.data, name.len) == 0)
			return &list->folder[i];
	return NULL;
}

static bool
same_counts(const struct folder *a, const struct folder *b)
{
	return b != NULL && a->attrs & b->attrs & FOLDER_COUNTED &&
	       a->counts.uidvalidity != 0 && a->counts.uidvalidity == b->counts.uidvalidity &&
	       a->counts.uidnext == b->counts.uidnext && a->counts.messages == b->counts.messages &&
	       a->counts.highestmodseq == b->counts.highestmodseq;
}

static bool
same_lists(const struct folder_list *a, const struct folder_list *b, uint64_t *ret_messages)
{
	uint64_t messages = 0;

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		const struct folder *f = &a->folder[i], *other = find(b, f->name);

		if (other == NULL || (!(f->attrs & FOLDER_NOSELECT) && !same_counts(f, other)))
			return false;
		messages += f->counts.messages;
	}
	*ret_messages = messages;
	return a->len > 0;
}

/* Of this job alone, and the same after a lost connection. */
static void
marker_name(const struct lane *l, char ret[SHA256_HEX])
{
	const struct endpoint *to = &l->job->dest->server;
	struct buf text;
	uint8_t sum[SHA256_LEN];

	buf_init(&text, 64 * 1024);
	(void)buf_printf(&text, "%s\n%s\n%s\n%s", l->job->dir, to->login, to->host, to->port);
	digest_once(text.data, text.len, sum);
	digest_hex(sum, ret);
	buf_done(&text);
}

/* The source may list it below a prefix of its own. */
static int
marker_shows(struct lane *l, const char *name, bool *ret, struct err *err)
{
	struct folder_list list = { 0 };
	size_t len = strlen(name);
	struct arena a;
	int rc;

	*ret = false;
	arena_init(&a, MARKER_ARENA);
	rc = l->source_ops->folders(l->source, &a, &list, err);
	for (size_t i = 0; rc == 0 && i < list.len; i++) {
		struct slice f = list.folder[i].name;

		*ret |= f.len >= len && memcmp(f.data + f.len - len, name, len) == 0;
	}
	folder_list_done(&list);
	arena_done(&a);
	return rc;
}

static int
marker_decides(struct lane *l, bool *ret, struct err *err)
{
	char hex[SHA256_HEX], name[32];
	struct err why = { 0 };
	bool made = false, gone;
	int rc;

	marker_name(l, hex);
	snprintf(name, sizeof(name), "imex-marker-%.12s", hex);
	if (l->sink_ops->marker(l->sink, name, true, &made, err) < 0)
		return -1;
	if (!made)
		return 0;
	rc = marker_shows(l, name, ret, err);
	if (l->sink_ops->marker(l->sink, name, false, &gone, rc < 0 ? &why : err) < 0)
		rc = -1;
	return rc;
}

bool
same_account(const struct endpoint *a, const struct folder_list *list_a, const struct endpoint *b,
    const struct folder_list *list_b)
{
	if (strcmp(a->login, b->login) == 0 && strcasecmp(a->host, b->host) == 0 &&
	    strcmp(a->port, b->port) == 0)
		return true;

	uint64_t messages;

	return same_lists(list_a, list_b, &messages) && messages > 0;
}

int
same_lane(struct lane *l, const struct folder_list *source, bool *ret, struct err *err)
{
	const struct folder_list *there = l->sink_ops->listed(l->sink);
	uint64_t messages;

	*ret = same_account(&l->job->source, source, &l->job->dest->server, there);
	if (*ret || !same_lists(source, there, &messages))
		return 0;
	return marker_decides(l, ret, err);
}
