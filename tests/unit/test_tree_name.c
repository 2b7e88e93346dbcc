/* Names of folders as paths: what each form looks like, and that two names never meet, over all
 * names made of pieces that were chosen to make them meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/tree_name.h"

static struct tree_names *plain, *windows;

static int
names_begin(void **state)
{
	(void)state;
	plain = tree_names_new(false);
	windows = tree_names_new(true);
	return 0;
}

static int
names_end(void **state)
{
	(void)state;
	tree_names_free(&plain);
	tree_names_free(&windows);
	return 0;
}

static const char *
name_in(const struct tree_names *n, const char *wire, char delim, const char *prefix, bool *mapped)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 8192);
	*mapped = tree_name(n, slice_str(wire), delim, slice_str(prefix), &out);
	assert_false(out.full);
	return out.data;
}

/* The form `want` begins with "!" when it must be reported as changed. */
static void
check(const struct tree_names *n, const char *wire, char delim, const char *prefix, const char *want)
{
	bool mapped;
	const char *got = name_in(n, wire, delim, prefix, &mapped);

	assert_string_equal(got, want + (*want == '!'));
	assert_int_equal(mapped, *want == '!');
	assert_true(tree_path_valid(got));
}

static void
levels_are_directories_in_utf8(void **state)
{
	(void)state;
	check(plain, "INBOX", '/', "", "INBOX");
	check(plain, "inbox", '/', "", "INBOX");
	check(plain, "InBox", '.', "INBOX.", "INBOX");
	check(plain, "INBOX/a", '/', "", "INBOX/a");
	check(plain, "INBOX.a.b c", '.', "INBOX.", "a/b c");
	check(plain, "Entw&APw-rfe/&ZeVnLIqe-", '/', "", "Entwürfe/日本語");
	check(plain, "A&-B", '/', "", "A&B");
	check(plain, "A.B", '/', "", "A.B");
	check(plain, "folder/eml/x.emlx", '/', "", "folder/eml/x.emlx");
}

static void
what_a_directory_cannot_be_called_is_encoded(void **state)
{
	(void)state;
	check(plain, "a/b", '\0', "", "!a%2Fb");
	check(plain, "a/b.c", '.', "", "!a%2Fb/c");
	check(plain, "100%", '/', "", "!100%25");
	check(plain, ".", '/', "", "!%2E");
	check(plain, "..", '/', "", "!%2E.");
	check(plain, "../../x", '/', "", "!%2E./%2E./x");
	check(plain, ".imex-tmp/.x", '/', "", "!%2Eimex-tmp/%2Ex");
	check(plain, "a&AAE-b", '/', "", "!a%01b");
	check(plain, "a//b", '/', "", "!a/%/b");
	check(plain, "/a/", '/', "", "!%/a/%");
	check(plain, "", '/', "", "!%");
	check(plain, "A&B", '/', "", "!A&B%");
	check(plain, "Entw\xc3\xbcrfe", '/', "", "!Entwürfe%");
	check(plain, "Entw\xfcrfe", '/', "", "!Entw%FCrfe%");
	check(plain, "\x7f\n", '/', "", "!%7F%0A%");
}

static void
our_own_files_are_never_a_folder(void **state)
{
	(void)state;
	check(plain, "12.eml", '/', "", "!12%2Eeml");
	check(plain, "a.b.EML/x", '/', "", "!a.b%2EEML/x");
	check(plain, ".eml", '/', "", "!%2Eeml");
	check(plain, "folder.jsonl", '/', "", "!folder%2Ejsonl");
	check(plain, "Folder.mbox.2", '/', "", "!Folder%2Embox.2");
	check(plain, "folder.eml", '/', "", "!folder%2Eeml");
}

static void
names_beside_the_personal_prefix_are_marked(void **state)
{
	(void)state;
	check(plain, "INBOX.INBOX", '.', "INBOX.", "!%_INBOX");
	check(plain, "INBOX.inbox", '.', "INBOX.", "!%_inbox");
	check(plain, "INBOX.INBOX.a", '.', "INBOX.", "INBOX/a");
	check(plain, "shared.x", '.', "INBOX.", "!%_shared/x");
	check(plain, "INBOX.shared.x", '.', "INBOX.", "shared/x");
	check(plain, "INBOX.", '.', "INBOX.", "!%");
	check(plain, ".x", '.', "INBOX.", "!%_%/x");
}

static void
what_looks_like_a_digest_is_encoded(void **state)
{
	(void)state;
	check(plain, "a~01234567", '/', "", "!a%7E01234567");
	check(plain, "a~0123456789abcdef", '/', "", "!a%7E0123456789abcdef");
	check(plain, "a~0123456789ABCDEF", '/', "", "!a%7E0123456789ABCDEF");
	check(plain, "~01234567", '/', "", "!%7E01234567");
	check(plain, "a~012345678", '/', "", "a~012345678");
	check(plain, "a~0123456g", '/', "", "a~0123456g");
}

static void
long_levels_are_cut_at_a_character(void **state)
{
	char wire[1000], other[1000];
	bool mapped;

	(void)state;
	memset(wire, 'a', sizeof wire);
	wire[200] = '\0';
	check(plain, wire, '/', "", wire);
	wire[200] = 'a';
	wire[201] = '\0';
	const char *got = name_in(plain, wire, '/', "", &mapped);
	assert_true(mapped);
	assert_int_equal(strlen(got), 200);
	assert_int_equal(got[183], '~');
	memcpy(other, got, 201);
	wire[200] = 'b';
	got = name_in(plain, wire, '/', "", &mapped);
	assert_string_not_equal(got, other);
	/* octets that become three, characters of two */
	for (int shift = 0; shift < 4; shift++) {
		char *end = wire;

		for (int i = 0; i < shift; i++)
			*end++ = 'x';
		for (int i = 0; i < 70; i++)
			end = stpcpy(end, "%");
		got = name_in(plain, wire, '/', "", &mapped);
		assert_int_equal(strspn(got, "x%25"), strlen(got) - 17);
		assert_int_equal((strlen(got) - 17 - (size_t)shift) % 3, 0);
		end = wire + shift;
		for (int i = 0; i < 110; i++)
			end = stpcpy(end, "\xc3\xbc");
		got = name_in(plain, wire, '/', "", &mapped);
		assert_true(utf8_valid(slice_str(got)));
		assert_true(strlen(got) <= 200 && strlen(got) >= 195);
		assert_true(tree_path_valid(got));
	}
}

static void
children_of_a_cut_level_lie_below_it(void **state)
{
	char wire[1000], parent[1100];
	bool mapped;

	(void)state;
	memset(wire, 'a', 300);
	wire[300] = '\0';
	snprintf(parent, sizeof parent, "%s/x", name_in(plain, wire, '/', "", &mapped));
	memcpy(wire + 300, "/x", 3);
	assert_string_equal(name_in(plain, wire, '/', "", &mapped), parent);
}

static void
long_paths_end_in_a_digest(void **state)
{
	static char wire[70000];
	char first[1100];
	bool mapped;

	(void)state;
	for (size_t i = 0; i < sizeof wire; i++)
		wire[i] = i % 2 == 0 ? 'a' : '/';
	wire[1023] = '\0';
	check(plain, wire, '/', "", wire);
	wire[1023] = '/';
	for (size_t len = 1025; len < sizeof wire; len = len * 3 / 2 * 2 + 1) {
		wire[len] = '\0';
		snprintf(first, sizeof first, "%s", name_in(plain, wire, '/', "", &mapped));
		assert_true(mapped);
		assert_true(strlen(first) <= TREE_PATH_MAX);
		assert_true(strlen(first) > 1000);
		assert_true(tree_path_valid(first));
		wire[len - 1] = 'b';
		assert_string_not_equal(first, name_in(plain, wire, '/', "", &mapped));
		wire[len - 1] = len % 2 == 0 ? '/' : 'a';
		wire[len] = len % 2 == 0 ? 'a' : '/';
	}
	memset(wire, '%', sizeof wire - 1); /* one level of 70 KB */
	wire[sizeof wire - 1] = '\0';
	assert_true(strlen(name_in(plain, wire, '/', "", &mapped)) <= 200);
}

static void
windows_names_are_legal_there(void **state)
{
	(void)state;
	check(windows, "a<b>c:d\"e\\f|g?h*i", '/', "", "!a%3Cb%3Ec%3Ad%22e%5Cf%7Cg%3Fh%2Ai");
	check(windows, "a. ./b ", '/', "", "!a%2E%20%2E/b%20");
	check(windows, "a b.c", '/', "", "a b.c");
	check(windows, "CON", '/', "", "!%43ON");
	check(windows, "con.txt/Nul .a.b", '/', "", "!%63on.txt/%4Eul .a.b");
	check(windows, "com1/LPT9.x/com0/com10/lpt", '/', "", "!%63om1/%4CPT9.x/com0/com10/lpt");
	check(windows, "com&ALk-", '/', "", "!%63om\xc2\xb9");
	check(windows, "conin$/console", '/', "", "!%63onin$/console");
	check(plain, "a<b>c:d\"e\\f|g?h*i. ", '/', "", "a<b>c:d\"e\\f|g?h*i. ");
	check(plain, "CON", '/', "", "CON");
}

static struct folder
folder_of(const char *wire)
{
	return (struct folder){ .name = slice_str(wire), .delim = '/', .prefix = slice_str("") };
}

static void
twins_are_told_apart_in_any_order(void **state)
{
	static const char *const wire[] = { "INBOX", "Inbox/x", "Archive", "archive/1", "ARCHIVE/1",
		"archive/2", "other", "caf&AOk-", "cafe&AwE-", "deep/A/b", "deep/a/b", "lone",
		"&AX8-", "s", "dotless-&ATE-", "dotless-i" };
	enum { N = COUNT_OF(wire) };
	struct folder list[N];
	char path[N][300];
	bool mapped;

	(void)state;
	for (size_t i = 0; i < N; i++)
		list[i] = folder_of(wire[i]);
	tree_names_survey(windows, list, N);
	for (size_t i = 0; i < N; i++)
		snprintf(path[i], sizeof path[i], "%s", name_in(windows, wire[i], '/', "", &mapped));
	assert_string_equal(path[0], "INBOX");
	assert_int_equal(strlen(path[1]), strlen("Inbox~01234567/x"));
	for (size_t i = 2; i < 6; i++)
		assert_int_equal(path[i][7], '~');
	assert_memory_equal(path[3], path[5], strlen("archive~01234567/"));
	assert_string_equal(path[6], "other");
	assert_non_null(strchr(path[7], '~'));
	assert_non_null(strchr(path[8], '~'));
	assert_memory_equal(path[9], "deep/A~", 7);
	assert_string_equal(path[11], "lone");
	for (size_t i = 12; i < N; i++)
		assert_non_null(strchr(path[i], '~'));
	for (size_t i = 0; i < N / 2; i++) {
		struct folder swap = list[i];

		list[i] = list[N - 1 - i];
		list[N - 1 - i] = swap;
	}
	tree_names_survey(windows, list, N);
	for (size_t i = 0; i < N; i++)
		assert_string_equal(path[i], name_in(windows, wire[i], '/', "", &mapped));
	tree_names_survey(windows, list, 0);
	check(windows, "Archive", '/', "", "Archive");
	tree_names_survey(plain, list, N);
	check(plain, "Archive", '/', "", "Archive");
}

/* ---- all names of some pieces ---- */

struct named {
	char *path, *wire;
};

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->path, ((const struct named *)b)->path);
}

static const char *const piece[] = { "A", "a", ".", "/", "%", "2F", "&", "-", "APw", "\xc3\xbc", "\xfc",
	"~", "INBOX", "folder", "eml", "01234567", "89abcdef", "_", " ", "CON", "\x01", "&AAE-", "&-" };
enum { PIECES = COUNT_OF(piece), LEN_MAX = 3 };

/* Name number `at` of all with up to LEN_MAX pieces; false: no more. */
static bool
nth_name(size_t at, char ret[64])
{
	size_t names = PIECES;
	int len = 1;

	while (at >= names) {
		at -= names;
		names *= PIECES;
		if (++len > LEN_MAX)
			return false;
	}
	char *end = ret;
	for (int i = 0; i < len; i++) {
		end = stpcpy(end, piece[at % PIECES]);
		at /= PIECES;
	}
	return true;
}

static struct named *
all_names(const struct tree_names *n, char delim, const char *prefix, size_t *ret_len)
{
	struct named *list = NULL;
	size_t len = 0;
	char wire[64];
	bool mapped;

	while (nth_name(len, wire)) {
		if (len % 4096 == 0)
			list = mem_resize(list, len + 4096, sizeof *list);
		list[len].path = strdup(name_in(n, wire, delim, prefix, &mapped));
		list[len].wire = strdup(wire);
		len++;
	}
	*ret_len = len;
	qsort(list, len, sizeof *list, by_path);
	return list;
}

static void
free_names(struct named *list, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(list[i].path);
		free(list[i].wire);
	}
	free(list);
}

static void
two_names_never_give_one_path(void **state)
{
	static const struct {
		char delim;
		const char *prefix;
	} of[] = { { '/', "" }, { '.', "" }, { '\0', "" }, { '/', "INBOX/" }, { '.', "INBOX." },
		{ 'A', "a" } };

	(void)state;
	for (size_t k = 0; k < 2 * COUNT_OF(of); k++) {
		size_t len;
		struct named *list = all_names(
		    k % 2 == 0 ? plain : windows, of[k / 2].delim, of[k / 2].prefix, &len);

		for (size_t i = 0; i < len; i++) {
			if (!tree_path_valid(list[i].path) || !utf8_valid(slice_str(list[i].path)))
				fail_msg("'%s' gives '%s'", list[i].wire, list[i].path);
			if (i == 0 || strcmp(list[i - 1].path, list[i].path) != 0)
				continue;
			/* pieces may give one wire name in two ways; INBOX has any case */
			if (strcmp(list[i - 1].wire, list[i].wire) != 0)
				fail_msg("'%s' and '%s' are both '%s'", list[i - 1].wire, list[i].wire,
				    list[i].path);
		}
		free_names(list, len);
	}
}

static char *
folded(const char *path)
{
	char *one = g_utf8_casefold(path, -1);
	char *two = g_utf8_normalize(one, -1, G_NORMALIZE_DEFAULT);

	g_free(one);
	return two;
}

/* Whatever Windows takes for one directory must be one, on every level of every path. */
static void
windows_sees_as_many_directories_as_there_are(void **state)
{
	GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct folder *list = NULL;
	size_t len = 0;
	char wire[64];

	(void)state;
	for (size_t i = 0; nth_name(i, wire); i++) {
		if (i % 3 == 2 && i > 600)
			continue;
		if (len % 4096 == 0)
			list = mem_resize(list, len + 4096, sizeof *list);
		list[len++] = folder_of(strdup(wire));
	}
	tree_names_survey(windows, list, len);
	for (size_t i = 0; i < len; i++) {
		bool mapped;
		char *path = strdup(name_in(windows, list[i].name.data, '/', "", &mapped));

		for (char *at = path; at != NULL;) {
			at = strchr(at, '/');
			if (at != NULL)
				*at = '\0';
			char *key = folded(path);
			const char *was = g_hash_table_lookup(seen, key);
			if (was == NULL)
				g_hash_table_insert(seen, g_strdup(key), g_strdup(path));
			else if (strcmp(was, path) != 0)
				fail_msg("'%s' and '%s' are twins", was, path);
			g_free(key);
			if (at != NULL)
				*at++ = '/';
		}
		free(path);
		free((char *)(uintptr_t)list[i].name.data);
	}
	free(list);
	g_hash_table_destroy(seen);
}

static void
paths_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a",
		".imex-tmp", "a/.x", "a/folder.mbox", "5.eml", "a/b.EML/c", "Folder.jsonl", "a\nb" };
	char longer[TREE_PATH_MAX + 2];

	(void)state;
	assert_false(tree_path_valid(NULL));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(tree_path_valid(bad[i]));
	memset(longer, 'a', sizeof longer);
	longer[255] = '\0';
	assert_true(tree_path_valid(longer));
	longer[255] = 'a';
	longer[256] = '\0';
	assert_false(tree_path_valid(longer));
	for (size_t i = 0; i < sizeof longer; i++)
		longer[i] = i % 100 == 99 ? '/' : 'a';
	longer[TREE_PATH_MAX] = '\0';
	assert_true(tree_path_valid(longer));
	longer[TREE_PATH_MAX] = 'a';
	longer[TREE_PATH_MAX + 1] = '\0';
	assert_false(tree_path_valid(longer));
}

#define WITH_NAMES(f) cmocka_unit_test_setup_teardown(f, names_begin, names_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_NAMES(levels_are_directories_in_utf8),
		WITH_NAMES(what_a_directory_cannot_be_called_is_encoded),
		WITH_NAMES(our_own_files_are_never_a_folder),
		WITH_NAMES(names_beside_the_personal_prefix_are_marked),
		WITH_NAMES(what_looks_like_a_digest_is_encoded),
		WITH_NAMES(long_levels_are_cut_at_a_character),
		WITH_NAMES(children_of_a_cut_level_lie_below_it),
		WITH_NAMES(long_paths_end_in_a_digest),
		WITH_NAMES(windows_names_are_legal_there),
		WITH_NAMES(twins_are_told_apart_in_any_order),
		WITH_NAMES(two_names_never_give_one_path),
		WITH_NAMES(windows_sees_as_many_directories_as_there_are),
		WITH_NAMES(paths_that_lead_elsewhere_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
