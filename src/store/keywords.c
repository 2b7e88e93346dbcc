/* The text of the file is kept as it was found and only appended to, so that whatever Dovecot wrote
 * stays. Two keywords that differ only by case share a letter: IMAP compares them so, and Dovecot
 * renames the second of such twins to "unknown-3". What is no IMAP atom (unknown backslash flags,
 * raw 8-bit octets) gets no letter. */
#include "store/keywords.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/handed.h"

enum { KEYWORDS_FILE_MAX = 64 * 1024, KEYWORD_MAX = 200 };

static void
keywords_line(struct keywords *k, struct slice line)
{
	const char *blank = memchr(line.data, ' ', line.len);
	uint64_t number;

	if (blank == NULL)
		return;
	size_t digits = (size_t)(blank - line.data);
	struct slice name = { blank + 1, line.len - digits - 1 };
	if (!slice_u64((struct slice){ line.data, digits }, KEYWORD_LETTERS - 1, &number) ||
	    name.len == 0)
		return;
	if (memchr(name.data, '\0', name.len) != NULL || k->name[number] != NULL)
		return;
	k->name[number] = strndup(name.data, name.len);
	if (k->name[number] == NULL)
		mem_out();
	if (k->used <= number)
		k->used = (unsigned)number + 1;
}

int
keywords_load(struct keywords *k, int folder, struct err *err)
{
	struct err why = { 0 };

	*k = (struct keywords){ .used = 0 };
	buf_init(&k->text, KEYWORDS_FILE_MAX);
	if (file_read(folder, KEYWORDS_FILE, &k->text, &why) < 0) {
		keywords_done(k);
		buf_init(&k->text, KEYWORDS_FILE_MAX);
		if (why.kind == ERR_NO_INPUT)
			return 0;
		*err = why;
		return -1;
	}
	k->saved = k->text.len;
	struct slice rest = buf_slice(&k->text);
	while (rest.len > 0) {
		const char *lf = memchr(rest.data, '\n', rest.len);
		size_t len = lf != NULL ? (size_t)(lf - rest.data) : rest.len;

		keywords_line(k, (struct slice){ rest.data, len });
		rest.data += len + (lf != NULL);
		rest.len -= len + (lf != NULL);
	}
	return 0;
}

void
keywords_done(struct keywords *k)
{
	for (size_t i = 0; i < KEYWORD_LETTERS; i++) {
		free(k->name[i]);
		k->name[i] = NULL;
	}
	buf_done(&k->text);
}

static bool
keyword_is_atom(struct slice name)
{
	if (name.len == 0 || name.len > KEYWORD_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return true;
}

/* Letter of the keyword, KEYWORD_LETTERS when it has none. */
static unsigned
keywords_find(struct keywords *k, struct slice name, bool give)
{
	for (unsigned i = 0; i < k->used; i++) {
		if (k->name[i] != NULL && slice_eq_nocase(name, k->name[i]))
			return i;
	}
	if (!give || k->used == KEYWORD_LETTERS || !keyword_is_atom(name))
		return KEYWORD_LETTERS;
	if (k->text.len > 0 && k->text.data[k->text.len - 1] != '\n')
		(void)buf_add_byte(&k->text, '\n');
	if (!buf_printf(&k->text, "%u %.*s\n", k->used, SLICE_ARG(name)))
		return KEYWORD_LETTERS;
	k->name[k->used] = strndup(name.data, name.len);
	if (k->name[k->used] == NULL)
		mem_out();
	return k->used++;
}

uint32_t
keywords_letters(struct keywords *k, const char *list, bool give, struct slice *ret_left)
{
	uint32_t letters = 0;

	*ret_left = (struct slice){ "", 0 };
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, " ");
		unsigned n = keywords_find(k, (struct slice){ list, len }, give);

		if (n < KEYWORD_LETTERS)
			letters |= UINT32_C(1) << n;
		else if (ret_left->len == 0)
			*ret_left = (struct slice){ list, len };
		list += len;
		list += *list == ' ';
	}
	return letters;
}

void
keywords_take(struct keywords *k, struct keywords_change *ret)
{
	*ret = (struct keywords_change){ .before = k->saved };
	if (k->saved == k->text.len)
		return;
	buf_init(&ret->text, KEYWORDS_FILE_MAX);
	(void)buf_add(&ret->text, k->text.data, k->text.len);
	k->saved = k->text.len;
}

static int
keywords_unchanged(const struct keywords_change *c, int folder, struct err *err)
{
	AUTO(buf_done) struct buf now;
	struct err why = { 0 };

	buf_init(&now, KEYWORDS_FILE_MAX);
	if (file_read(folder, KEYWORDS_FILE, &now, &why) < 0 && why.kind != ERR_NO_INPUT) {
		*err = why;
		return -1;
	}
	if (now.len != c->before ||
	    memcmp(now.data != NULL ? now.data : "", c->text.data, now.len) != 0)
		return err_set(
		    err, ERR_BUSY, "another program changed '" KEYWORDS_FILE "': run again");
	return 0;
}

int
keywords_write(const struct keywords_change *c, int folder, struct err *err)
{
	AUTO(file_close) int fd = -1;

	if (keywords_unchanged(c, folder, err) < 0)
		return -1;
	if (handed_create(folder, KEYWORDS_NEW, &fd, err) < 0)
		return -1;
	if (file_write(fd, c->text.data, c->text.len, err) < 0 || file_sync(fd, err) < 0)
		return err_wrap(err, "'" KEYWORDS_NEW "'");
	return file_rename(folder, KEYWORDS_NEW, folder, KEYWORDS_FILE, err);
}
