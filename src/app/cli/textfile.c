/* struct buf would leave copies of passwords behind in freed memory when it grows; so growing is
 * done here, with a wipe, and the conversion writes into one block that is large enough. */
#include "app/cli/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "mail/charset.h"

enum { CP_WINDOWS_1252 = 1252, CP_UTF8 = 65001 };

void
textfile_done(struct textfile *t)
{
	if (t->data) {
		secret_wipe(t->data, t->size);
		free(t->data);
	}
	*t = (struct textfile){ 0 };
}

/* Room for `len` octets and a NUL. */
static void
textfile_room(struct textfile *t, size_t len)
{
	struct textfile larger = { .len = t->len, .size = t->size * 2 };

	if (len + 1 <= t->size)
		return;
	if (larger.size < len + 1)
		larger.size = len + 1;
	larger.data = mem_new(larger.size);
	if (t->len > 0)
		memcpy(larger.data, t->data, t->len);
	textfile_done(t);
	*t = larger;
}

static int
textfile_fill(struct textfile *t, int fd, const char *path, size_t max, struct err *err)
{
	enum { STEP = 64 * 1024 };

	for (;;) {
		textfile_room(t, t->len + STEP);

		ssize_t n = read(fd, t->data + t->len, STEP);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		t->len += (size_t)n;
		if (t->len > max)
			return err_set(err, ERR_MALFORMED,
			    "'%s' is larger than %zu octets, the most that is accepted", path, max);
	}
}

/* ---- to UTF-8 ---- */

static unsigned
line_of(const struct textfile *t, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at && i < t->len; i++)
		line += t->data[i] == '\n';
	return line;
}

static int
textfile_plain(const struct textfile *t, const char *name, struct err *err)
{
	const char *nul = t->len > 0 ? memchr(t->data, '\0', t->len) : NULL;

	if (nul)
		return err_set(err, ERR_MALFORMED,
		    "%s:%u: a NUL octet: this is no text file; UTF-8, UTF-16 with its mark or plain "
		    "text (ANSI) is expected",
		    name, line_of(t, (size_t)(nul - t->data)));
	return 0;
}

/* What spreadsheets call Unicode; NULL: the text does not begin with its mark. */
static const char *
utf16_name(const struct textfile *t)
{
	if (t->len < 2 || (memcmp(t->data, "\xff\xfe", 2) != 0 && memcmp(t->data, "\xfe\xff", 2) != 0))
		return NULL;
	return t->data[0] == '\xff' ? "UTF-16LE" : "UTF-16BE";
}

static int
textfile_utf16(struct textfile *t, const char *name, const char *from, struct err *err)
{
	struct textfile utf8 = { .size = t->len * 2 + 16 };
	char *in = t->data + 2, *to = utf8.data = mem_new(utf8.size);
	size_t left = t->len - 2, space = utf8.size - 1;
	iconv_t cd = charset_iconv("UTF-8", from);
	bool bad = cd == (iconv_t)-1 || iconv(cd, &in, &left, &to, &space) == (size_t)-1;

	if (cd != (iconv_t)-1)
		iconv_close(cd);
	textfile_done(t);
	utf8.len = (size_t)(to - utf8.data);
	*t = utf8;
	t->data[t->len] = '\0';
	if (bad)
		return err_set(err, ERR_MALFORMED,
		    "%s:%u: not UTF-16, as its first octets say; save it as UTF-8", name,
		    line_of(t, t->len));
	return textfile_plain(t, name, err);
}

static iconv_t
codepage_iconv(unsigned codepage)
{
	char from[32];

	if (codepage == 10000)
		return charset_iconv("UTF-8", "MACINTOSH");
	snprintf(from, sizeof(from), "CP%u", codepage);
	return charset_iconv("UTF-8", from);
}

/* An octet without a character is a control of Latin-1 in Windows' own tables; elsewhere U+FFFD. */
static void
codepage_lack(unsigned char octet, unsigned codepage, char **out)
{
	bool latin = codepage >= 1250 && codepage <= 1258;
	const char text[3] = { (char)(latin ? 0xc2 : 0xef), (char)(latin ? octet : 0xbf),
		(char)0xbd };

	memcpy(*out, text, latin ? 2 : 3);
	*out += latin ? 2 : 3;
}

static void
codepage_convert(
    iconv_t cd, struct textfile *t, unsigned codepage, char *out, size_t room, size_t *ret_len)
{
	char *in = t->data, *to = out;
	size_t left = t->len;

	while (left > 0) {
		size_t space = room - (size_t)(to - out) - 1;

		/* The block is large enough: what stops is an octet without a character. */
		if (iconv(cd, &in, &left, &to, &space) != (size_t)-1 || left == 0)
			break;
		codepage_lack((unsigned char)*in, codepage, &to);
		in++, left--;
	}
	*ret_len = (size_t)(to - out);
}

static int
textfile_decode(struct textfile *t, unsigned codepage, struct err *err)
{
	iconv_t cd = codepage_iconv(codepage);
	struct textfile utf8 = { .size = t->len * 4 + 16 };

	if (cd == (iconv_t)-1)
		return err_set(err, ERR_USAGE,
		    "--codepage: this system knows no code page %u; 437, 850, 932, 1250 to 1258, "
		    "10000 and 65001 are some that are known",
		    codepage);
	utf8.data = mem_new(utf8.size);
	codepage_convert(cd, t, codepage, utf8.data, utf8.size, &utf8.len);
	iconv_close(cd);
	textfile_done(t);
	*t = utf8;
	t->data[t->len] = '\0';
	return 0;
}

/* Length of what is UTF-8 from the start. */
static size_t
utf8_prefix(struct slice text)
{
	size_t at = 0;
	uint32_t c;

	while (at < text.len) {
		size_t len = utf8_next((struct slice){ text.data + at, text.len - at }, &c);

		if (len == 0)
			break;
		at += len;
	}
	return at;
}

static bool
is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
	return true;
}

/* The first line with letters that is UTF-8, and the first that is not; 0: there is none. */
static void
lines_that_differ(struct slice text, unsigned *ret_utf8, unsigned *ret_other)
{
	const char *end = text.data + text.len;
	int eol = memchr(text.data, '\n', text.len) != NULL ? '\n' : '\r';
	unsigned number = 1;

	*ret_utf8 = *ret_other = 0;
	for (const char *at = text.data; at < end && (*ret_utf8 == 0 || *ret_other == 0); number++) {
		const char *stop = memchr(at, eol, (size_t)(end - at));
		const struct slice line = { at, (size_t)((stop != NULL ? stop : end) - at) };
		unsigned *ret = utf8_valid(line) ? ret_utf8 : ret_other;

		if (*ret == 0 && !is_ascii(line))
			*ret = number;
		at = stop != NULL ? stop + 1 : end;
	}
}

/* Rows that were put together from two files: whichever it is read in, names and passwords of the others are wrong. What
 * is Windows-1252 is UTF-8 by accident so seldom that it may be asked for. */
static int
textfile_one_kind(const struct textfile *t, const char *name, struct err *err)
{
	unsigned utf8, other;

	lines_that_differ((struct slice){ t->data, t->len }, &utf8, &other);
	if (utf8 == 0 || other == 0)
		return 0;
	return err_set(err, ERR_MALFORMED,
	    "%s:%u: not UTF-8, as line %u is; save all of it as UTF-8, or give --codepage 1252 to have both read in that",
	    name, other, utf8);
}

static int
textfile_utf8(struct textfile *t, const char *name, unsigned codepage, struct err *err)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };
	bool marked = t->len >= sizeof(mark) && memcmp(t->data, mark, sizeof(mark)) == 0;
	const char *utf16 = utf16_name(t);
	struct slice text = { t->data, t->len };

	if (utf16)
		return textfile_utf16(t, name, utf16, err);
	if (textfile_plain(t, name, err) < 0)
		return -1;
	if (marked) {
		t->len -= sizeof(mark);
		memmove(t->data, t->data + sizeof(mark), t->len + 1);
		text.len = t->len;
	}
	if (marked || codepage == CP_UTF8) {
		size_t good = utf8_prefix(text);

		if (good == t->len)
			return 0;
		return err_set(err, ERR_MALFORMED,
		    "%s:%u: not UTF-8, as %s; save it as UTF-8, or give --codepage N", name,
		    line_of(t, good), marked ? "its first octets say" : "--codepage 65001 says");
	}
	if (codepage == 0 && utf8_valid(text))
		return 0;
	if (codepage == 0 && textfile_one_kind(t, name, err) < 0)
		return -1;
	return textfile_decode(t, codepage ? codepage : CP_WINDOWS_1252, err);
}

static int
textfile_end(struct textfile *t, int rc, struct textfile *ret)
{
	if (rc < 0)
		textfile_done(t);
	else
		*ret = *t;
	return rc;
}

int
textfile_of(
    struct textfile *ret, struct slice text, const char *name, unsigned codepage, struct err *err)
{
	struct textfile t = { 0 };

	textfile_room(&t, text.len);
	if (text.len > 0)
		memcpy(t.data, text.data, text.len);
	t.len = text.len;
	t.data[t.len] = '\0';
	return textfile_end(&t, textfile_utf8(&t, name, codepage, err), ret);
}

int
textfile_read(
    struct textfile *ret, const char *path, size_t max, unsigned codepage, struct err *err)
{
	struct textfile t = { 0 };
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_sys(err,
		    errno == ENOENT || errno == ENOTDIR ? ERR_NO_INPUT : ERR_DISK,
		    "cannot open '%s'", path);

	int rc = textfile_fill(&t, fd, path, max < TEXTFILE_MAX ? max : TEXTFILE_MAX, err);

	if (rc == 0) {
		t.data[t.len] = '\0';
		rc = textfile_utf8(&t, path, codepage, err);
	}
	return textfile_end(&t, rc, ret);
}
