/* libFuzzer: names of folders and accounts as a server and a user give them, two at a time, and what
 * becomes of them on disk and on a terminal. First octet: delimiter and prefix; the names are
 * separated by the first LF. */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/json.h"
#include "mail/names.h"
#include "mail/tree_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct buf empty;

static struct slice
text_of(const struct buf *b)
{
	return b->data != NULL ? buf_slice(b) : slice_str("");
}

/* One component that leads nowhere else. */
static void
check_component(struct slice name)
{
	if (slice_eq(name, ".") || slice_eq(name, "..") || name.len > 255)
		abort();
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.data[i] < ' ' || name.data[i] == '/' || name.data[i] == 0x7f)
			abort();
}

static void
check_visible(struct slice name)
{
	struct buf shown;
	uint32_t c;

	buf_init(&shown, 16 * 1024 * 1024);
	text_visible(name, &shown);
	for (struct slice rest = text_of(&shown); rest.len > 0;) {
		size_t len = utf8_next(rest, &c);

		if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e))
			abort();
		rest.data += len;
		rest.len -= len;
	}
	buf_done(&shown);
}

static void
check_mutf7(struct slice name)
{
	struct buf utf8, back;

	buf_init(&utf8, 1024 * 1024);
	buf_init(&back, 1024 * 1024);
	if (mutf7_decode(name, &utf8)) {
		if (!utf8_valid(text_of(&utf8)))
			abort();
		mutf7_encode(text_of(&utf8), &back);
		if (slice_cmp(text_of(&back), name) != 0)
			abort();
	}
	buf_reset(&back);
	mutf7_encode(name, &back);
	mutf7_cut(&back, name.len / 2);
	if (back.len > name.len / 2 + 1)
		abort();
	buf_done(&utf8);
	buf_done(&back);
}

static void
paths_of(struct slice name, char delim, struct slice prefix, const struct tree_names *n, struct buf ret[3])
{
	for (int i = 0; i < 3; i++) {
		ret[i] = empty;
		buf_init(&ret[i], 16 * 1024 * 1024);
	}
	maildir_name(name, delim, prefix, &ret[0]);
	folder_component(name, delim, prefix, &ret[1]);
	tree_name(n, name, delim, prefix, &ret[2]);
	check_component(text_of(&ret[0]));
	check_component(text_of(&ret[1]));
	if (ret[2].data == NULL || !tree_path_valid(ret[2].data))
		abort();
}

/* Two names never meet in one directory. */
static void
check_two(struct slice a, struct slice b, char delim, struct slice prefix)
{
	struct tree_names *n = tree_names_new(false);
	struct buf of_a[3], of_b[3];
	bool inbox = slice_eq_nocase(a, "INBOX") && slice_eq_nocase(b, "INBOX");

	paths_of(a, delim, prefix, n, of_a);
	paths_of(b, delim, prefix, n, of_b);
	for (int i = 0; i < 3; i++) {
		if (slice_cmp(a, b) != 0 && !inbox && slice_cmp(text_of(&of_a[i]), text_of(&of_b[i])) == 0)
			abort();
		buf_done(&of_a[i]);
		buf_done(&of_b[i]);
	}
	tree_names_free(&n);
}

static void
check_account(struct slice login, struct slice host)
{
	char text[256];
	struct buf dir;

	if (host.len >= sizeof(text) || memchr(host.data, '\0', host.len) != NULL)
		return;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	buf_init(&dir, 1024 * 1024);
	account_dir(login, text, "1143", &dir);
	check_component(text_of(&dir));
	buf_done(&dir);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char delims[] = { '/', '.', '\\', '\0', '"', 'x', '~', '%' };
	static const char *const prefixes[] = { "", "INBOX.", "INBOX/", "x" };
	const char *lf;
	struct slice a, b;

	if (len == 0)
		return 0;
	a = (struct slice){ (const char *)data + 1, len - 1 };
	lf = memchr(a.data, '\n', a.len);
	b = lf != NULL ? (struct slice){ lf + 1, a.len - (size_t)(lf + 1 - a.data) } : slice_str("INBOX");
	a.len = lf != NULL ? (size_t)(lf - a.data) : a.len;
	check_mutf7(a);
	check_visible(a);
	check_account(a, b);
	if (a.len > 0 && b.len > 0)
		check_two(a, b, delims[data[0] % 8], slice_str(prefixes[data[0] / 8 % 4]));
	return 0;
}
