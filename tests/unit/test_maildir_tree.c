/* Reading a tree back: what is found, what differs, what nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailtree.h"
#include "store/maildir/name_index.h"
#include "store/tree.h"

#define OK(call) assert_int_equal(call, 0)

static struct err err;
static struct tree *t;

static int
tree_test_begin(void **state)
{
	err = (struct err){ 0 };
	t = NULL;
	return tree_begin(state) < 0 ? -1 : tree_open(&err);
}

static int
tree_test_end(void **state)
{
	tree_maildir.close(&t);
	return tree_end(state);
}

static void
enter(void)
{
	tree_maildir.close(&t);
	OK(tree_maildir.open(&t, tree.dir, &err));
	OK(tree_maildir.enter(t, &tree.rec, &err));
}

static struct stored
look(uint32_t uid)
{
	struct stored s;

	OK(tree_maildir.look(t, tree_row(uid), &s, &err));
	return s;
}

static bool
same(const struct stored *s, uint32_t uid)
{
	const struct msg *m = tree_row(uid);

	return s->found && s->wire_bytes == m->wire_bytes && s->file_bytes == m->file_bytes &&
	    memcmp(s->sha256, m->sha256, SHA256_LEN) == 0;
}

/* Three messages: LF, wire octets, flags and keywords. */
static void
store_three(void)
{
	OK(tree_add(1, 0, "", "a\r\nb\r\n", &err));
	OK(tree_add(2, FLAG_SEEN, "", "a\r\nb\n", &err));
	OK(tree_add(3, FLAG_DRAFT, "Work $Junk \\Odd", "", &err));
	OK(tree_seal(TREE_COMMIT, &err));
}

static void
what_was_stored_is_read_back_the_same(void **state)
{
	char name[512];

	(void)state;
	store_three();
	enter();
	for (uint32_t uid = 1; uid <= 3; uid++) {
		struct stored s = look(uid);

		assert_true(same(&s, uid));
		assert_int_equal(s.system, tree_row(uid)->flags.system);
		assert_false(s.keywords_differ);
		assert_int_equal(s.mtime, 1000000 + uid);
	}
	assert_string_equal(look(3).name, "cur/1000003.V9U3.imex,S=0,W=0:2,Dab");
	assert_false(tree_maildir.stray(t, name));
}

static void
a_large_message_is_read_in_pieces(void **state)
{
	static char big[300001];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof big; i++)
		big[i] = i % 50 == 48 ? '\r' : i % 50 == 49 ? '\n' : 'x';
	OK(tree_add(1, 0, "", big, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	enter();
	struct stored s = look(1);
	assert_true(same(&s, 1));
	assert_int_equal(s.file_bytes, 294000);
}

static void
changed_flags_and_a_moved_file_are_found(void **state)
{
	char name[512];

	(void)state;
	store_three();
	OK(rename(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,"),
	    temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,FTc")));
	OK(rename(temp_path("u@h/cur/1000002.V9U2.imex,S=5,W=5:2,S"),
	    temp_path("u@h/new/1000002.V9U2.imex,S=5,W=5")));
	enter();
	struct stored s = look(1);
	assert_true(same(&s, 1));
	assert_int_equal(s.system, FLAG_FLAGGED | FLAG_DELETED);
	assert_true(s.keywords_differ);
	s = look(2);
	assert_true(same(&s, 2));
	assert_int_equal(s.system, 0);
	assert_string_equal(s.name, "new/1000002.V9U2.imex,S=5,W=5");
	(void)look(3);
	assert_false(tree_maildir.stray(t, name));
}

static void
a_missing_file_is_not_found(void **state)
{
	(void)state;
	store_three();
	OK(unlink(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,")));
	enter();
	assert_false(look(1).found);
	assert_true(look(2).found);
	OK(mkdir(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,"), 0700));
	assert_false(look(1).found);
}

static void
damage_shows_in_the_digest_or_the_size(void **state)
{
	struct stored s;

	(void)state;
	store_three();
	temp_write("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,", "a\nc\n", 4, "wb");
	temp_write("u@h/cur/1000002.V9U2.imex,S=5,W=5:2,S", "more", 4, "ab");
	enter();
	s = look(1);
	assert_true(s.found);
	assert_int_equal(s.wire_bytes, 6);
	assert_false(same(&s, 1));
	s = look(2);
	assert_int_equal(s.file_bytes, 9);
	assert_false(same(&s, 2));
}

static void
a_pipe_or_a_link_is_no_message(void **state)
{
	(void)state;
	store_three();
	OK(unlink(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,")));
	OK(mkfifo(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=6:2,"), 0600));
	enter();
	assert_false(look(1).found);
}

static void
strays_are_named_once_each(void **state)
{
	char name[512];
	int n = 0;

	(void)state;
	store_three();
	temp_write("u@h/cur/1000009.V9U9.imex,S=1,W=1:2,", "x", 1, "wb");
	temp_write("u@h/new/1000010.V9U10.imex,S=1,W=1", "x", 1, "wb");
	temp_write(
	    "u@h/cur/1000001.V9U1.imex,S=4,W=6:2,S", "a\nb\n", 4, "wb"); /* a second one of UID 1 */
	temp_write("u@h/cur/1000001.V8U77.imex,S=1,W=1:2,", "x", 1, "wb"); /* of another record */
	temp_write("u@h/cur/foreign:2,", "x", 1, "wb");
	enter();
	for (uint32_t uid = 1; uid <= 3; uid++)
		(void)look(uid);
	while (tree_maildir.stray(t, name)) {
		assert_true(strstr(name, "U9.imex") || strstr(name, "new/1000010") ||
		    strstr(name, "V9U1.imex"));
		n++;
	}
	assert_int_equal(n, 3);
	assert_false(tree_maildir.stray(t, name));
}

static void
what_is_not_there_is_said(void **state)
{
	struct folder_rec rec = { .path = ".gone", .uidvalidity = 1 };

	(void)state;
	assert_int_equal(tree_maildir.open(&t, temp_path("nowhere"), &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	enter();
	assert_int_equal(tree_maildir.enter(t, &rec, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	rec.path = "../..";
	assert_int_equal(tree_maildir.enter(t, &rec, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
}

/* More names than the window holds, asked for in ascending order, then one from the start again. */
static void
the_index_finds_every_name_through_its_window(void **state)
{
	enum { NAMES = 40000, STEP = 3 };
	char name[128], path[NAME_INDEX_PATH_MAX], identity[64];
	struct err why;
	int fd;

	(void)state;
	OK(mkdir(temp_path("box"), 0700));
	OK(mkdir(temp_path("box/cur"), 0700));
	for (unsigned i = 1; i <= NAMES; i++) {
		snprintf(name, sizeof name, "box/cur/5.V3U%u.imex,S=1,W=1:2,T", i * STEP);
		fd = open(temp_path(name), O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	fd = open(temp_path("box"), O_RDONLY | O_DIRECTORY);
	struct name_index *x = name_index_new(fd, 3);
	for (unsigned i = 1; i <= NAMES + 1; i++) {
		unsigned uid = (i == NAMES + 1 ? 1 : i) * STEP;

		snprintf(identity, sizeof identity, "5.V3U%u.imex", uid);
		snprintf(name, sizeof name, "cur/5.V3U%u.imex,S=1,W=1:2,T", uid);
		OK(name_index_find(x, uid, slice_str(identity), path, &why));
		assert_string_equal(path, name);
	}
	OK(name_index_find(x, 4, slice_str("5.V3U4.imex"), path, &why));
	assert_string_equal(path, "");
	OK(name_index_find(x, 3, slice_str("6.V3U3.imex"), path, &why));
	assert_string_equal(path, "");
	name_index_free(&x);
	close(fd);
}

#define WITH_TREE(f) cmocka_unit_test_setup_teardown(f, tree_test_begin, tree_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TREE(what_was_stored_is_read_back_the_same),
		WITH_TREE(a_large_message_is_read_in_pieces),
		WITH_TREE(changed_flags_and_a_moved_file_are_found),
		WITH_TREE(a_missing_file_is_not_found),
		WITH_TREE(damage_shows_in_the_digest_or_the_size),
		WITH_TREE(a_pipe_or_a_link_is_no_message),
		WITH_TREE(strays_are_named_once_each),
		WITH_TREE(what_is_not_there_is_said),
		WITH_TREE(the_index_finds_every_name_through_its_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
