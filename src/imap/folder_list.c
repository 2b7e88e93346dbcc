#include "imap/folder_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "imap/limits.h"

void
folder_list_done(struct folder_list *l)
{
	free(l->folder);
	*l = (struct folder_list){ 0 };
}

static int
folder_cmp(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;

	if (folder_is_inbox(x->name) || folder_is_inbox(y->name))
		return folder_is_inbox(y->name) - folder_is_inbox(x->name);
	return slice_cmp(x->name, y->name);
}

struct folder *
folder_list_find(struct folder_list *l, struct slice name)
{
	struct folder key = { .name = name };

	return l->len == 0 ? NULL : bsearch(&key, l->folder, l->len, sizeof(key), folder_cmp);
}

/* It would be so again at once. */
static int
list_over(struct err *err)
{
	err_set(err, ERR_PROTOCOL, "the server lists more than %d folders, or longer names than fit; imex takes no more",
	    FOLDERS_MAX);
	err->scope = SCOPE_ACCOUNT;
	err->retry = RETRY_LATER;
	return -1;
}

int
folder_list_add(struct folder_list *l, struct arena *a, const struct folder *f, struct err *err)
{
	struct folder copy = *f;
	char *name = arena_copy(a, f->name);
	char *use = f->special_use ? arena_copy(a, slice_str(f->special_use)) : NULL;
	char *id = f->mailbox_id ? arena_copy(a, slice_str(f->mailbox_id)) : NULL;

	if (l->len == FOLDERS_MAX || name == NULL || (f->special_use && use == NULL) ||
	    (f->mailbox_id && id == NULL))
		return list_over(err);
	copy.name = (struct slice){ name, f->name.len };
	copy.special_use = use;
	copy.mailbox_id = id;
	if (l->len == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->folder = mem_resize(l->folder, l->cap, sizeof(*l->folder));
	}
	if (l->delim == 0)
		l->delim = f->delim;
	l->folder[l->len++] = copy;
	return 0;
}

void
folder_list_order(struct folder_list *l)
{
	size_t out = 0;

	if (l->len == 0)
		return;
	qsort(l->folder, l->len, sizeof(*l->folder), folder_cmp);
	for (size_t i = 1; i < l->len; i++) {
		struct folder *last = &l->folder[out], *f = &l->folder[i];

		if (folder_cmp(last, f) != 0) {
			l->folder[++out] = *f;
		} else {
			/* Listed as a parent and as itself: it can be opened. */
			unsigned closed = last->attrs & f->attrs & FOLDER_NOSELECT;

			last->attrs =
			    ((last->attrs | f->attrs) & ~(unsigned)FOLDER_NOSELECT) | closed;
			if (last->special_use == NULL)
				last->special_use = f->special_use;
		}
	}
	l->len = out + 1;
}

/* Cut at the NUL it would be another folder's: "a\0b~" and 16 digits of its digest. */
static int
name_without_nul(struct folder *f, struct arena *a, struct err *err)
{
	AUTO(buf_done) struct buf name;
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	buf_init(&name, 2 * LEX_STRING_MAX + 32);
	for (size_t i = 0; i < f->name.len; i++)
		(void)(f->name.data[i] == '\0' ? buf_add_str(&name, "\\0")
						: buf_add_byte(&name, f->name.data[i]));
	digest_once(f->name.data, f->name.len, sum);
	digest_hex(sum, hex);
	buf_printf(&name, "~%.16s", hex);
	f->name = (struct slice){ arena_copy(a, buf_slice(&name)), name.len };
	f->attrs |= FOLDER_UNSAYABLE;
	return f->name.data == NULL ? list_over(err) : 0;
}

int
folder_list_without_nul(struct folder_list *l, struct arena *a, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < l->len; i++) {
		if (memchr(l->folder[i].name.data, '\0', l->folder[i].name.len) == NULL)
			continue;
		any = true;
		if (name_without_nul(&l->folder[i], a, err) < 0)
			return -1;
	}
	if (any)
		folder_list_order(l);
	return 0;
}
