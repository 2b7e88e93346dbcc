/* Message flags. Keywords are text between blanks, so that comparing two sets of flags is one
 * strcmp; a keyword that holds a blank or control octet itself (Zimbra tags do) has it written
 * as %20. */
#include "mail/flags.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const struct {
	uint8_t bit;
	const char *name;
} system_flags[] = {
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_DELETED, "\\Deleted" },
	{ FLAG_DRAFT, "\\Draft" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_SEEN, "\\Seen" },
	{ FLAG_RECENT, "\\Recent" },
};

void
flag_set_init(struct flag_set *f, struct arena *a)
{
	*f = (struct flag_set){ .arena = a };
}

static bool
flag_octet_unsafe(unsigned char c)
{
	return c <= ' ' || c == 0x7f;
}

/* The keyword without octets that would break the text form, in the arena. */
static char *
flag_keyword(struct arena *a, struct slice name, size_t *ret_len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t unsafe = 0, len = 0;

	for (size_t i = 0; i < name.len; i++)
		unsafe += flag_octet_unsafe((unsigned char)name.data[i]);
	char *text = arena_take(a, name.len + 2 * unsafe + 1);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (!flag_octet_unsafe(c)) {
			text[len++] = (char)c;
			continue;
		}
		text[len++] = '%';
		text[len++] = hex[c >> 4];
		text[len++] = hex[c & 15];
	}
	*ret_len = len;
	return text;
}

static bool
flag_set_grow(struct flag_set *f)
{
	size_t cap = f->cap > 0 ? 2 * f->cap : 8;
	struct slice *more = arena_take(f->arena, cap * sizeof *more);

	if (more == NULL)
		return false;
	if (f->len > 0)
		memcpy(more, f->keyword, f->len * sizeof *more);
	f->keyword = more;
	f->cap = cap;
	return true;
}

bool
flag_set_add(struct flag_set *f, struct slice name)
{
	if (name.len == 0 || slice_eq(name, "\\*")) /* "\*" is a permission, not a flag */
		return true;
	if (name.data[0] == '\\') {
		for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
			if (slice_eq_nocase(name, system_flags[i].name)) {
				f->system |= system_flags[i].bit;
				return true;
			}
		}
	}
	size_t len;
	char *text = flag_keyword(f->arena, name, &len);
	if (text == NULL || (f->len == f->cap && !flag_set_grow(f)))
		return false;
	f->keyword[f->len++] = (struct slice){ text, len };
	return true;
}

static int
flag_cmp(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Sorted, each once, `between` between them; NULL: arena limit. */
static const char *
flag_set_text(struct flag_set *f, char between)
{
	size_t bytes = 1, at = 0;

	if (f->len == 0)
		return "";
	qsort(f->keyword, f->len, sizeof *f->keyword, flag_cmp);
	for (size_t i = 0; i < f->len; i++)
		bytes += f->keyword[i].len + 1;
	char *text = arena_take(f->arena, bytes);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < f->len; i++) {
		if (i > 0 && slice_same(f->keyword[i], f->keyword[i - 1]))
			continue;
		if (at > 0)
			text[at++] = between;
		memcpy(text + at, f->keyword[i].data, f->keyword[i].len);
		at += f->keyword[i].len;
	}
	text[at] = '\0';
	return text;
}

bool
flag_set_end(struct flag_set *f, struct flags *ret)
{
	const char *text = flag_set_text(f, ' ');

	if (text == NULL)
		return false;
	*ret = (struct flags){ .system = f->system, .keywords = text };
	return true;
}

/* No label has a control octet: what a literal may bring is a blank. */
bool
label_set_add(struct flag_set *f, struct slice name)
{
	char *text;

	if (name.len == 0)
		return true;
	text = arena_copy(f->arena, name);
	if (text == NULL || (f->len == f->cap && !flag_set_grow(f)))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	f->keyword[f->len++] = (struct slice){ text, name.len };
	return true;
}

bool
label_set_end(struct flag_set *f, const char **ret)
{
	*ret = flag_set_text(f, '\n');
	return *ret != NULL;
}

bool
label_next(const char **at, struct slice *ret)
{
	if (**at == '\0')
		return false;
	*ret = (struct slice){ *at, strcspn(*at, "\n") };
	*at += ret->len + ((*at)[ret->len] == '\n');
	return true;
}

bool
label_in(const char *labels, struct slice label)
{
	struct slice one;

	while (label_next(&labels, &one))
		if (one.len == label.len && memcmp(one.data, label.data, label.len) == 0)
			return true;
	return false;
}

bool
label_is_folder(struct slice label, struct slice name, const char *special_use)
{
	if (slice_eq_nocase(label, "\\Inbox"))
		return slice_eq_nocase(name, "INBOX");
	if (special_use != NULL && (slice_eq_nocase(label, special_use) ||
					(slice_eq_nocase(label, "\\Draft") && strcasecmp(special_use, "\\Drafts") == 0)))
		return true;
	return label.len == name.len && memcmp(label.data, name.data, name.len) == 0;
}

bool
label_is_given(struct slice label)
{
	static const char *const own[] = { "\\Important", "\\Sent", "\\Draft", "\\Drafts" };

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (slice_eq_nocase(label, own[i]))
			return true;
	return label.len > 0 && label.data[0] != '\\';
}

static const char *
flags_keywords(const struct flags *f)
{
	return f->keywords != NULL ? f->keywords : "";
}

bool
flags_equal(const struct flags *a, const struct flags *b)
{
	return (a->system & FLAGS_STORED) == (b->system & FLAGS_STORED) &&
	    strcmp(flags_keywords(a), flags_keywords(b)) == 0 &&
	    (a->labels == NULL || b->labels == NULL || strcmp(a->labels, b->labels) == 0);
}

void
flags_text(const struct flags *f, struct buf *out)
{
	const char *blank = "";

	for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
		if ((f->system & FLAGS_STORED & system_flags[i].bit) == 0)
			continue;
		(void)buf_printf(out, "%s%s", blank, system_flags[i].name);
		blank = " ";
	}
	if (*flags_keywords(f) != '\0')
		(void)buf_printf(out, "%s%s", blank, flags_keywords(f));
}

void
flags_maildir(uint8_t system, char ret[8])
{
	static const struct {
		uint8_t bit;
		char letter;
	} letters[] = {
		{ FLAG_DRAFT, 'D' },
		{ FLAG_FLAGGED, 'F' },
		{ FLAG_ANSWERED, 'R' },
		{ FLAG_SEEN, 'S' },
		{ FLAG_DELETED, 'T' },
	};
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		if ((system & letters[i].bit) != 0)
			ret[n++] = letters[i].letter;
	}
	ret[n] = '\0';
}
