#include "engine/same.h"

#include <string.h>

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
same_lists(const struct folder_list *a, const struct folder_list *b)
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
	return messages > 0;
}

bool
same_account(const struct endpoint *a, const struct folder_list *list_a, const struct endpoint *b,
    const struct folder_list *list_b)
{
	if (strcmp(a->login, b->login) == 0 && strcasecmp(a->host, b->host) == 0 &&
	    strcmp(a->port, b->port) == 0)
		return true;
	return same_lists(list_a, list_b);
}
