/* Folder names there and back, and directories that two names never share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"

struct pair {
	const char *a, *b;
};

static const char *
decoded(struct slice name)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1 << 16);
	return mutf7_decode(name, &out) ? out.data : NULL;
}

static const char *
encoded(const char *utf8)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1 << 16);
	mutf7_encode(slice_str(utf8), &out);
	return out.data;
}

static const char *
mapped(const char *wire, char delim, const char *prefix, bool *ret_changed)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1024);
	*ret_changed = maildir_name(slice_str(wire), delim, slice_str(prefix), &out);
	return out.data;
}

static void
mutf7_goes_there_and_back(void **state)
{
	static const struct pair good[] = {
		{ "INBOX", "INBOX" }, { "", "" }, { "R&-D", "R&D" }, { "&-", "&" },
		{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
		{ "&2D3eAA-", "\xf0\x9f\x98\x80" }, { "&AAk-", "\t" }, { "&AOkAJg-", NULL },
		{ "a&AOk-b&AOk-", "a\xc3\xa9" "b\xc3\xa9" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		if (good[i].b == NULL) {
			assert_null(decoded(slice_str(good[i].a)));
			continue;
		}
		assert_string_equal(decoded(slice_str(good[i].a)), good[i].b);
		assert_string_equal(encoded(good[i].b), good[i].a);
	}
}

static void
mutf7_refuses_what_is_not_its_one_form(void **state)
{
	static const char *const bad[] = {
		"&", "a&", "&AOk", "&AOk/", "R&D", "&AGE-", "&2D0-", "&3gA-", "&2D0AYQ-", "&AAA-", "&A-",
		"&AP-", "&APw=-", "&AOl-", "&AOk-&AOk-", "&APx-", "\xc3\xbc", "a\tb", "a\x7f", "&AOk-\xff",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (decoded(slice_str(bad[i])) != NULL)
			fail_msg("'%s' was taken for '%s'", bad[i], decoded(slice_str(bad[i])));
	}
	assert_null(decoded((struct slice){ "a\0b", 3 }));
}

static void
mutf7_decode_adds_nothing_when_it_fails(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	buf_add_str(&out, "kept");
	assert_false(mutf7_decode(slice_str("good&bad"), &out));
	assert_string_equal(out.data, "kept");
	folder_display(slice_str("good&bad"), &out);
	assert_string_equal(out.data, "keptgood&bad");
	buf_reset(&out);
	folder_display(slice_str("Entw&APw-rfe"), &out);
	assert_string_equal(out.data, "Entw\xc3\xbcrfe");
	buf_done(&out);
}

static void
mutf7_encodes_octets_that_are_not_utf8(void **state)
{
	(void)state;
	assert_string_equal(encoded("Entw\xfcrfe"), "Entw&APw-rfe");
	assert_string_equal(encoded("\xe5\x8f"), "&AOUAjw-");
	assert_string_equal(encoded("\xed\xa0\x80"), "&AO0AoACA-");	/* a surrogate in UTF-8 */
}

static size_t
put_utf8(char *to, uint32_t c)
{
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint32_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };

	to[0] = (char)(lead[more] | c >> 6 * more);
	for (int i = 1; i <= more; i++)
		to[i] = (char)(0x80 | (c >> 6 * (more - i) & 63));
	return (size_t)more + 1;
}

static void
random_text_survives_mutf7(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 3000; round++) {
		static const uint32_t limits[] = { 0x80, 0x800, 0xd800, 0x110000 };
		char text[64];
		size_t n = 0;

		for (int i = rand() % 10; i >= 0; i--) {
			uint32_t c = 1 + (uint32_t)rand() % (limits[rand() % 4] - 1);

			if (c >= 0xd800 && c < 0xe000)
				continue;
			n += put_utf8(text + n, c);
		}
		text[n] = '\0';
		assert_string_equal(decoded(slice_str(encoded(text))), text);
	}
}

/* ---- Maildir++ ---- */

static void
plain_names_follow_the_rule_and_are_not_reported(void **state)
{
	static const struct {
		const char *wire;
		char delim;
		const char *prefix, *name;
	} plain[] = {
		{ "INBOX", '/', "", "" }, { "inbox", '.', "INBOX.", "" }, { "Sent", '/', "", ".Sent" },
		{ "A/B c/D", '/', "", ".A.B c.D" }, { "INBOX.A.B", '.', "INBOX.", ".A.B" },
		{ "INBOX/A", '/', "", ".INBOX.A" }, { "Inboxes", '/', "", ".Inboxes" },
		{ "a&-b", '/', "", ".a&-b" }, { "Entw&APw-rfe", '/', "", ".Entw&APw-rfe" },
		{ "mail/a~b", '/', "mail/", ".a~b" }, { "cur", '/', "", ".cur" }, { "A\\B", '\\', "", ".A.B" },
		{ "a:b", '/', "", ".a:b" }, { "NIL", '\0', "", ".NIL" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(plain); i++) {
		bool changed;

		assert_string_equal(mapped(plain[i].wire, plain[i].delim, plain[i].prefix, &changed), plain[i].name);
		assert_false(changed);
	}
}

static void
unsafe_names_are_escaped_and_reported(void **state)
{
	static const struct {
		const char *wire;
		char delim;
		const char *prefix, *name;
	} unsafe[] = {
		{ "..", '/', "", ".\\2e\\2e" }, { ".", '/', "", ".\\2e" }, { "a/b", '.', "", ".a\\2fb" },
		{ "../../x", '/', "", ".\\2e\\2e.\\2e\\2e.x" }, { "/etc/passwd", '/', "", ".\\.etc.passwd" },
		{ "a.b/c", '/', "", ".a\\2eb.c" }, { "C:\\x", '/', "", ".C:\\5cx" },
		{ "~root/~x", '/', "", ".\\7eroot.\\7ex" }, { "a\x1b[0mb", '/', "", ".a\\1b[0mb" },
		{ "A//B", '/', "", ".A.\\.B" }, { "A/", '/', "", ".A.\\" }, { "", '/', "", ".\\" },
		{ "INBOX.", '.', "INBOX.", ".\\" }, { "INBOX.INBOX", '.', "INBOX.", ".\\_INBOX" },
		{ "shared.x", '.', "INBOX.", ".\\_shared.x" }, { "Inbox.x", '.', "INBOX.", ".\\_Inbox.x" },
		{ "R&D", '/', "", ".R&D" }, { "&AGE-", '/', "", ".&AGE-" },
		{ "Entw\xc3\xbcrfe", '/', "", ".Entw&APw-rfe\\" }, { "\xc3\xbc/R&D", '/', "", ".&APw-.R&-D\\" },
		{ "Entw\xfcrfe", '/', "", ".Entw&APw-rfe\\_" },
		{ "\xfc\xc3\xbc/.", '/', "", ".&APwAwwC8-.\\2e\\_" }, { "a/b", '\0', "", ".a\\2fb" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(unsafe); i++) {
		bool changed;

		assert_string_equal(mapped(unsafe[i].wire, unsafe[i].delim, unsafe[i].prefix, &changed), unsafe[i].name);
		assert_true(changed);
	}
}

static bool
name_is_safe(struct slice name)
{
	if (name.len == 0)
		return true;
	if (name.len < 2 || name.len > 240 || name.data[0] != '.' || slice_eq(name, ".."))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < ' ' || c >= 0x7f || c == '/')
			return false;
	}
	return true;
}

enum { NAMES = 20000 };

struct made {
	char wire[40];
	size_t wire_len;
	char name[256];
};

static int
made_cmp(const void *a, const void *b)
{
	return strcmp(((const struct made *)a)->name, ((const struct made *)b)->name);
}

/* Names out of the pieces that could meet. */
static void
made_fill(struct made *m, char delim, struct slice prefix)
{
	static const char *const pieces[] = {
		".", "/", "\\", "~", "&", "-", "_", "INBOX", "inbox", "INBOX.", "a", "A", "\\2e", "&APw-", "\xc3\xbc", "\xfc",
		"\x01", "\x7f", "&-", "2e", "\\_", "&AGE-", "x",
	};
	struct buf out;

	m->wire_len = 0;
	for (int n = rand() % 5; n >= 0; n--) {
		const char *piece = pieces[(size_t)rand() % COUNT_OF(pieces)];

		memcpy(m->wire + m->wire_len, piece, strlen(piece));
		m->wire_len += strlen(piece);
	}
	buf_init(&out, 512);
	(void)maildir_name((struct slice){ m->wire, m->wire_len }, delim, prefix, &out);
	assert_true(name_is_safe(buf_slice(&out)));
	memcpy(m->name, out.data, out.len + 1);
	buf_done(&out);
}

static bool
made_same(const struct made *a, const struct made *b)
{
	struct slice x = { a->wire, a->wire_len }, y = { b->wire, b->wire_len };

	return slice_same(x, y) || (slice_eq_nocase(x, "INBOX") && slice_eq_nocase(y, "INBOX"));
}

static void
two_wire_names_never_share_a_directory(void **state)
{
	static const struct {
		char delim;
		const char *prefix;
	} servers[] = { { '/', "" }, { '.', "" }, { '.', "INBOX." }, { '/', "INBOX/" }, { '\0', "" }, { '\\', "a\\" } };
	struct made *m = mem_new(NAMES * sizeof(*m));

	(void)state;
	srand(2);
	for (size_t s = 0; s < COUNT_OF(servers); s++) {
		for (size_t i = 0; i < NAMES; i++)
			made_fill(&m[i], servers[s].delim, slice_str(servers[s].prefix));
		qsort(m, NAMES, sizeof(*m), made_cmp);
		for (size_t i = 1; i < NAMES; i++) {
			if (strcmp(m[i - 1].name, m[i].name) == 0 && !made_same(&m[i - 1], &m[i]))
				fail_msg("'%.*s' and '%.*s' are both '%s'", (int)m[i - 1].wire_len, m[i - 1].wire,
				    (int)m[i].wire_len, m[i].wire, m[i].name);
		}
	}
	free(m);
}

static void
long_names_are_cut_readably_and_stay_apart(void **state)
{
	struct buf wire, out, other;
	bool changed;

	(void)state;
	buf_init(&wire, 1 << 20);
	buf_init(&out, 1024);
	buf_init(&other, 1024);
	for (int i = 0; i < 239; i++)
		buf_add_byte(&wire, 'x');
	assert_false(maildir_name(buf_slice(&wire), '/', slice_str(""), &out));
	assert_int_equal(out.len, 240);
	buf_add_byte(&wire, 'y');
	buf_reset(&out);
	assert_true(maildir_name(buf_slice(&wire), '/', slice_str(""), &out));
	assert_true(out.len <= 240 && memcmp(out.data + out.len - 18, "\\~", 2) == 0);
	wire.data[239] = 'z';
	assert_true(maildir_name(buf_slice(&wire), '/', slice_str(""), &other));
	assert_string_not_equal(out.data, other.data);
	/* What a cut name looks like cannot be had by a folder that is called so. */
	(void)mapped(out.data + 1, '/', "", &changed);
	assert_true(changed);
	buf_done(&wire);
	buf_done(&out);
	buf_done(&other);
}

static void
cut_never_splits_a_character(void **state)
{
	struct buf utf8, wire, out;

	(void)state;
	buf_init(&utf8, 1 << 16);
	buf_init(&wire, 1 << 16);
	buf_init(&out, 1024);
	for (int lead = 0; lead < 40; lead++) {
		buf_reset(&utf8);
		buf_reset(&wire);
		buf_reset(&out);
		for (int i = 0; i < lead; i++)
			buf_add_byte(&utf8, i % 3 ? 'a' : '&');
		for (int i = 0; i < 100; i++)
			buf_add_str(&utf8, i % 5 ? "\xf0\x9f\x98\x80" : "\xe6\x97\xa5");
		mutf7_encode(buf_slice(&utf8), &wire);
		assert_true(maildir_name(buf_slice(&wire), '/', slice_str(""), &out));
		assert_true(out.len > 200 && out.len <= 240);
		const char *shown = decoded((struct slice){ out.data + 1, out.len - 19 });
		assert_non_null(shown);
		assert_memory_equal(shown, utf8.data, strlen(shown));
	}
	buf_done(&utf8);
	buf_done(&wire);
	buf_done(&out);
}

static void
huge_names_cost_little(void **state)
{
	struct buf out;
	size_t len = 8 << 20;
	char *name = mem_new(len);

	(void)state;
	buf_init(&out, 1024);
	for (int fill = 0; fill < 4; fill++) {
		buf_reset(&out);
		memset(name, "a/\x01\xfc"[fill], len);
		assert_true(maildir_name((struct slice){ name, len }, '/', slice_str(""), &out));
		assert_true(name_is_safe(buf_slice(&out)));
	}
	free(name);
	buf_done(&out);
}

/* ---- accounts ---- */

static const char *
account(const char *user, const char *host, const char *port)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1024);
	account_dir(slice_str(user), host, port, &out);
	return out.data;
}

static void
account_is_one_safe_directory(void **state)
{
	(void)state;
	assert_string_equal(account("usuario1%ncc%migracion", "banyan", "143"), "usuario1%25ncc%25migracion@banyan");
	assert_string_equal(account("me@x.org", "IMAP.X.Org", "993"), "me@x.org@imap.x.org");
	assert_string_equal(account("me", "h", ""), "me@h");
	assert_string_equal(account("me", "h", "1143"), "me@h%3A1143");
	assert_string_equal(account("Me", "::1", "993"), "Me@%5B%3A%3A1%5D");
	assert_string_equal(account("Me", "::1", "1143"), "Me@%5B%3A%3A1%5D%3A1143");
	assert_string_equal(account("Me", "::1:1143", ""), "Me@%5B%3A%3A1%3A1143%5D");
	assert_string_equal(account("../x", "h", ""), "..%2Fx@h");
	assert_string_equal(account("a~b c\xc3\xbc", "h", ""), "a%7Eb%20c%C3%BC@h");
	assert_string_equal(account("", "..", ""), "@..");
	/* Files of another program have no host. */
	assert_string_equal(account("a.b", "", ""), "a.b");
	assert_string_equal(account(".", "", ""), "%2E");
	assert_string_equal(account("..", "", ""), "%2E%2E");
}

static void
long_accounts_are_cut_and_stay_apart(void **state)
{
	char user[300];
	AUTO(mem_free_str) char *one = NULL;

	(void)state;
	memset(user, '%', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	one = mem_copy_str(account(user, "h", ""));
	assert_true(strlen(one) <= 200 && one[strlen(one) - 17] == '~');
	size_t whole = strlen(one) - 17;
	assert_int_equal(whole % 3, 0);	/* no escape is split */
	assert_string_not_equal(one, account(user, "g", ""));
	memset(user, 'a', 198);
	user[198] = '\0';
	assert_int_equal(strlen(account(user, "h", "")), 200);
	assert_null(strchr(account(user, "h", ""), '~'));
}

static void
twins_differ_in_ascii_case_alone(void **state)
{
	(void)state;
	assert_true(name_twins(slice_str("Me@h"), slice_str("mE@H")));
	assert_true(name_twins(slice_str(""), slice_str("")));
	assert_false(name_twins(slice_str("me"), slice_str("me2")));
	assert_false(name_twins(slice_str("\xc3\xa9"), slice_str("\xc3\x89")));
	assert_false(name_twins(slice_str("@"), slice_str("`")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutf7_goes_there_and_back),
		cmocka_unit_test(mutf7_refuses_what_is_not_its_one_form),
		cmocka_unit_test(mutf7_decode_adds_nothing_when_it_fails),
		cmocka_unit_test(mutf7_encodes_octets_that_are_not_utf8),
		cmocka_unit_test(random_text_survives_mutf7),
		cmocka_unit_test(plain_names_follow_the_rule_and_are_not_reported),
		cmocka_unit_test(unsafe_names_are_escaped_and_reported),
		cmocka_unit_test(two_wire_names_never_share_a_directory),
		cmocka_unit_test(long_names_are_cut_readably_and_stay_apart),
		cmocka_unit_test(cut_never_splits_a_character),
		cmocka_unit_test(huge_names_cost_little),
		cmocka_unit_test(account_is_one_safe_directory),
		cmocka_unit_test(long_accounts_are_cut_and_stay_apart),
		cmocka_unit_test(twins_differ_in_ascii_case_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
