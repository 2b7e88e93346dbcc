/* See loss.h. The line is "1" and then, with a blank before each, KIND,MESSAGES,TIMES,UID,NAME in
 * the order of the book, NAME with blanks and percent signs as %20 and %25. Reading it back builds
 * the book with the same order and limits or not at all, for the state is a file like any other. */
#include "store/loss.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct loss_phrase {
	const char *one, *many; /* behind "N message(s) " */
} phrase[LOSS_KINDS] = {
	[LOSS_HEADER] = { "has header fields that exchange files have no column for",
	    "have header fields that exchange files have no column for" },
	[LOSS_FLAG] = { "has flags that exchange files have no column for",
	    "have flags that exchange files have no column for" },
	[LOSS_KEYWORD] = { "has keywords that exchange files have no column for",
	    "have keywords that exchange files have no column for" },
	[LOSS_CHARACTER] = { "has characters that the code page lacks",
	    "have characters that the code page lacks" },
	[LOSS_HTML] = { "has a body in HTML only: its text is the body, the HTML an attachment",
	    "have a body in HTML only: its text is the body, the HTML an attachment" },
	[LOSS_NAME] = { "has attachments without a name, which were given one",
	    "have attachments without a name, which were given one" },
	[LOSS_DATE] = { "has a date that the format cannot tell; it was left empty",
	    "have a date that the format cannot tell; it was left empty" },
	[LOSS_FOLDER] = { "is in a folder whose name had to be changed or differs in case only",
	    "are in a folder whose name had to be changed or differs in case only" },
	[LOSS_PART] = { "has parts that could not be decoded; they are there as they came",
	    "have parts that could not be decoded; they are there as they came" },
	[LOSS_UNSENT] = { "is marked unsent because it lies in the Drafts folder",
	    "are marked unsent because they lie in the Drafts folder" },
};

void
loss_init(struct loss_book *b)
{
	*b = (struct loss_book){ 0 };
}

void
loss_done(struct loss_book *b)
{
	free(b->loss);
	*b = (struct loss_book){ 0 };
}

/* ---- counting ---- */

static void
loss_name(char ret[LOSS_NAME_MAX], struct slice name)
{
	size_t len = name.len < LOSS_NAME_MAX - 1 ? name.len : LOSS_NAME_MAX - 1;

	for (size_t i = 0; i < len; i++)
		ret[i] = name.data[i] >= ' ' && name.data[i] <= '~' ? name.data[i] : '?';
	ret[len] = '\0';
}

/* Place behind the last of the kind; *ret_named: how many of it have names. */
static size_t
loss_end(const struct loss_book *b, enum loss_kind kind, size_t *ret_named)
{
	size_t at = 0;

	*ret_named = 0;
	for (; at < b->len && b->loss[at].kind <= kind; at++)
		*ret_named += b->loss[at].kind == kind && b->loss[at].name[0] != '\0';
	return at;
}

static struct loss *
loss_find(const struct loss_book *b, enum loss_kind kind, const char *name)
{
	for (size_t i = 0; i < b->len; i++) {
		if (b->loss[i].kind == kind && strcmp(b->loss[i].name, name) == 0)
			return &b->loss[i];
	}
	return NULL;
}

static struct loss *
loss_insert(struct loss_book *b, size_t at, enum loss_kind kind, const char *name, uint32_t uid)
{
	if (b->len == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : 8;
		b->loss = mem_resize(b->loss, b->cap, sizeof *b->loss);
	}
	memmove(&b->loss[at + 1], &b->loss[at], (b->len - at) * sizeof *b->loss);
	b->len++;
	b->loss[at] = (struct loss){ .kind = kind, .first_uid = uid };
	memcpy(b->loss[at].name, name, strlen(name) + 1);
	return &b->loss[at];
}

static uint64_t
loss_sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void
loss_count(struct loss_book *b, enum loss_kind kind, struct slice name, uint32_t uid,
    uint64_t messages, uint64_t times)
{
	char text[LOSS_NAME_MAX];
	size_t named, at = loss_end(b, kind, &named);

	loss_name(text, name);
	struct loss *l = loss_find(b, kind, text);
	if (l == NULL && named >= LOSS_NAMES_MAX) {
		text[0] = '\0';
		l = loss_find(b, kind, text);
	}
	if (l == NULL) {
		bool others =
		    at > 0 && b->loss[at - 1].kind == kind && b->loss[at - 1].name[0] == '\0';

		l = loss_insert(b, at - (others && text[0] != '\0'), kind, text, uid);
	}
	l->messages = loss_sum(l->messages, messages);
	l->times = loss_sum(l->times, times);
}

void
loss_add(struct loss_book *b, enum loss_kind kind, struct slice name, uint32_t uid, uint64_t times)
{
	loss_count(b, kind, name, uid, 1, times);
}

void
loss_merge(struct loss_book *b, const struct loss_book *more)
{
	for (size_t i = 0; i < more->len; i++) {
		const struct loss *l = &more->loss[i];

		loss_count(b, l->kind, slice_str(l->name), l->first_uid, l->messages, l->times);
	}
}

/* ---- as text ---- */

static void
loss_text_name(const char *name, struct buf *out)
{
	for (; *name != '\0'; name++) {
		if (*name == ' ' || *name == '%')
			(void)buf_printf(out, "%%%02X", (unsigned)*name);
		else
			(void)buf_add_byte(out, *name);
	}
}

void
loss_text(const struct loss_book *b, struct buf *out)
{
	if (b->len > 0)
		(void)buf_add_byte(out, '1');
	for (size_t i = 0; i < b->len; i++) {
		const struct loss *l = &b->loss[i];

		(void)buf_printf(out, " %d,%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",", (int)l->kind,
		    l->messages, l->times, l->first_uid);
		loss_text_name(l->name, out);
	}
}

static bool
loss_read_number(struct slice *s, uint64_t max, uint64_t *ret)
{
	const char *comma = s->len > 0 ? memchr(s->data, ',', s->len) : NULL;

	if (comma == NULL)
		return false;
	struct slice number = { s->data, (size_t)(comma - s->data) };
	s->data += number.len + 1;
	s->len -= number.len + 1;
	return slice_u64(number, max, ret);
}

static bool
loss_read_name(struct slice s, char ret[LOSS_NAME_MAX])
{
	size_t len = 0;

	while (s.len > 0) {
		char c = *s.data;
		size_t n = c == '%' ? 3 : 1;

		if (c == '%' && s.len >= 3)
			c = memcmp(s.data, "%20", 3) == 0   ? ' '
			    : memcmp(s.data, "%25", 3) == 0 ? '%'
							    : '\0';
		if (n > s.len || c < ' ' || c > '~' || len == LOSS_NAME_MAX - 1)
			return false;
		ret[len++] = c;
		s.data += n;
		s.len -= n;
	}
	ret[len] = '\0';
	return true;
}

/* The next of a book that is read; it must stand where loss_add would have put it. */
static bool
loss_read_one(struct loss_book *b, struct slice s)
{
	uint64_t kind, messages, times, uid;
	char name[LOSS_NAME_MAX];
	size_t named;

	if (!loss_read_number(&s, LOSS_KINDS - 1, &kind) ||
	    !loss_read_number(&s, UINT64_MAX, &messages) ||
	    !loss_read_number(&s, UINT64_MAX, &times) || !loss_read_number(&s, UINT32_MAX, &uid) ||
	    !loss_read_name(s, name))
		return false;
	const struct loss *last = b->len > 0 ? &b->loss[b->len - 1] : NULL;
	(void)loss_end(b, (enum loss_kind)kind, &named);
	if (loss_find(b, (enum loss_kind)kind, name) != NULL ||
	    (named >= LOSS_NAMES_MAX && name[0] != '\0') ||
	    (last != NULL && (last->kind > (enum loss_kind)kind ||
				 (last->kind == (enum loss_kind)kind && last->name[0] == '\0'))))
		return false;
	struct loss *l = loss_insert(b, b->len, (enum loss_kind)kind, name, (uint32_t)uid);
	l->messages = messages;
	l->times = times;
	return true;
}

bool
loss_read(struct loss_book *b, struct slice text)
{
	AUTO(loss_done) struct loss_book book = { 0 };

	if (text.len > 0 && *text.data != '1')
		return false;
	for (size_t at = 1; at < text.len;) {
		const char *from = text.data + at + 1;
		size_t left = text.len - at - 1;
		const char *blank = left > 0 ? memchr(from, ' ', left) : NULL;
		struct slice one = { from, blank != NULL ? (size_t)(blank - from) : left };

		if (text.data[at] != ' ' || !loss_read_one(&book, one))
			return false;
		at += 1 + one.len;
	}
	struct loss_book old = *b;
	*b = book;
	book = old;
	return true;
}

/* ---- for people ---- */

static void
loss_words_name(const struct loss *l, bool first, struct buf *out)
{
	(void)buf_add_str(out, first ? ": " : ", ");
	(void)buf_add_str(out, l->name[0] != '\0' ? l->name : "others");
	(void)buf_printf(out, " (%" PRIu64 ")", l->times);
}

void
loss_words(const struct loss_book *b, enum loss_kind kind, struct buf *out)
{
	uint64_t messages = 0, others = 0;
	size_t named;
	bool first = true;

	(void)loss_end(b, kind, &named);
	for (size_t i = 0; i < b->len; i++) {
		const struct loss *l = &b->loss[i];
		/* The one without a name may hold a message once for each name it stands for. */
		uint64_t *most = l->name[0] != '\0' ? &messages : &others;

		if (l->kind == kind && l->messages > *most)
			*most = l->messages;
	}
	if (messages == 0)
		messages = others;
	if (messages == 0)
		return;
	(void)buf_printf(out, "%s%" PRIu64 " message%s %s", named > 1 ? "at least " : "", messages,
	    messages == 1 ? "" : "s", messages == 1 ? phrase[kind].one : phrase[kind].many);
	for (size_t i = 0; i < b->len && named > 0; i++) {
		if (b->loss[i].kind != kind)
			continue;
		loss_words_name(&b->loss[i], first, out);
		first = false;
	}
}
