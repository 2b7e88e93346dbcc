/* See shelf_uidlist.h. dovecot-uidlist, version 3:
 *	3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
 *	25006 W1394 S1355 :1276528487.M364837P9451.host,S=1355:2,S
 * version 1, which Courier's file has too:
 *	1 1275660208 25022
 *	25006 1276528487.M364837P9451.host */
#include "store/maildir/shelf_uidlist.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/keywords.h"
#include "store/line_reader.h"
#include "store/shelf_dir.h"

enum { UIDLIST_LINE_MAX = 8192, KEYWORDS_LINES_MAX = 4096 };

size_t
maildir_base_len(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = len; i-- > 1;) {
		if ((name[i] == ':' || name[i] == ';' || name[i] == '!') && name[i + 1] == '2' &&
		    name[i + 2] == ',')
			return i;
	}
	return len;
}

const char *
maildir_letters(const char *name)
{
	const char *info = name + maildir_base_len(name);

	return *info != '\0' ? info + 3 : "";
}

/* A word up to a blank, taken off with it. */
static struct slice
uidlist_word(struct slice *rest)
{
	const char *blank = memchr(rest->data, ' ', rest->len);
	struct slice word = { rest->data,
		blank != NULL ? (size_t)(blank - rest->data) : rest->len };

	rest->data += word.len + (blank != NULL);
	rest->len -= word.len + (blank != NULL);
	return word;
}

static bool
uidlist_u32(struct slice word, uint32_t *ret)
{
	uint64_t n;

	if (!slice_u64(word, UINT32_MAX, &n) || n == 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static unsigned
uidlist_head(struct slice line, struct uidlist *u)
{
	struct slice version = uidlist_word(&line);

	if (slice_eq(version, "1"))
		return uidlist_u32(uidlist_word(&line), &u->uidvalidity) &&
			       uidlist_u32(uidlist_word(&line), &u->uidnext)
			   ? 1
			   : 0;
	if (!slice_eq(version, "3"))
		return 0;
	while (line.len > 0) {
		struct slice word = uidlist_word(&line), value = { word.data + 1, word.len - 1 };

		if (word.len < 2)
			continue;
		if ((word.data[0] == 'V' && !uidlist_u32(value, &u->uidvalidity)) ||
		    (word.data[0] == 'N' && !uidlist_u32(value, &u->uidnext)))
			return 0;
	}
	return u->uidvalidity != 0 && u->uidnext != 0 ? 3 : 0;
}

static bool
uidlist_line(struct slice line, unsigned version, uint32_t *io_last, struct slice *ret_base)
{
	uint32_t uid;

	if (!uidlist_u32(uidlist_word(&line), &uid) || uid <= *io_last)
		return false;
	while (version == 3 && line.len > 0 && line.data[0] != ':')
		(void)uidlist_word(&line);
	if (version == 3 && line.len > 0) {
		line.data++;
		line.len--;
	}
	if (!shelf_name_plain(line))
		return false;
	*io_last = uid;
	*ret_base = line;
	for (size_t i = line.len; i-- > 1;) {
		if (i + 3 <= line.len &&
		    (line.data[i] == ':' || line.data[i] == ';' || line.data[i] == '!') &&
		    line.data[i + 1] == '2' && line.data[i + 2] == ',') {
			ret_base->len = i;
			break;
		}
	}
	return true;
}

static int
uidlist_lines(struct line_reader *r, struct uidlist *u,
    void (*see)(void *arg, uint32_t uid, struct slice base), void *arg, struct err *err)
{
	struct slice line, base;
	unsigned version = 0;
	uint32_t last = 0;
	uint64_t at;

	for (;;) {
		enum line_step step = line_next(r, &line, &at, err);

		if (step == LINE_ERR)
			return -1;
		if (step == LINE_END || step == LINE_TORN)
			break;
		if (r->number == 1) {
			version = step == LINE_WHOLE ? uidlist_head(line, u) : 0;
			if (version == 0)
				return 0;
			continue;
		}
		if (step == LINE_WHOLE && uidlist_line(line, version, &last, &base)) {
			see(arg, last, base);
		} else if (u->damaged++ == 0) {
			u->first_damaged = r->number;
		}
	}
	u->known = version != 0;
	if (u->known && u->uidnext <= last)
		u->uidnext = last < UINT32_MAX ? last + 1 : last;
	return 0;
}

/* A file that says more of the messages of a folder. 0: *ret is it, or -1 when there is none. */
static int
aside_open(int folder, const char *name, int *ret, struct err *err)
{
	struct stat st;

	*ret = shelf_file_open(folder, name, &st);
	if (*ret >= 0 || errno == ENOENT)
		return 0;
	return err_set(err, ERR_FOLDER, "cannot read '%s': %s", name, shelf_file_words(errno));
}

int
uidlist_read(int folder, struct uidlist *ret,
    void (*see)(void *arg, uint32_t uid, struct slice base), void *arg, struct err *err)
{
	static const char *const files[] = { "dovecot-uidlist", "courierimapuiddb" };
	struct line_reader r;

	*ret = (struct uidlist){ .known = false };
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		AUTO(file_close) int fd = -1;

		if (aside_open(folder, files[i], &fd, err) < 0)
			return -1;
		if (fd < 0)
			continue;
		ret->file = files[i];
		line_reader_init(&r, fd, UIDLIST_LINE_MAX);
		int done = uidlist_lines(&r, ret, see, arg, err);
		line_reader_done(&r);
		return done < 0 ? err_wrap(err, "'%s'", files[i]) : 0;
	}
	return 0;
}

/* ---- keywords ---- */

static void
keyword_line(struct slice line, struct arena *a, const char *ret[KEYWORD_NAMES])
{
	struct slice number = uidlist_word(&line);
	uint64_t n;

	if (!slice_u64(number, KEYWORD_NAMES - 1, &n) || line.len == 0 ||
	    memchr(line.data, '\0', line.len) != NULL || ret[n] != NULL)
		return;
	ret[n] = arena_copy(a, line);
}

int
keyword_names_read(
    int folder, struct arena *a, const char *ret[KEYWORD_NAMES], struct err *err)
{
	AUTO(file_close) int fd = -1;
	struct line_reader r;
	struct slice line;
	uint64_t at;
	enum line_step step = LINE_END;

	for (size_t i = 0; i < KEYWORD_NAMES; i++)
		ret[i] = NULL;
	if (aside_open(folder, KEYWORDS_FILE, &fd, err) < 0)
		return -1;
	if (fd < 0)
		return 0;
	line_reader_init(&r, fd, UIDLIST_LINE_MAX);
	while (r.number < KEYWORDS_LINES_MAX && (step = line_next(&r, &line, &at, err)) > LINE_END) {
		if (step != LINE_LONG)
			keyword_line(line, a, ret);
	}
	line_reader_done(&r);
	return step == LINE_ERR ? err_wrap(err, "'%s'", KEYWORDS_FILE) : 0;
}
