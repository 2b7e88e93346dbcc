/* Index files for Dovecot: what is written, and when it is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailtree.h"
#include "store/maildir/dovecot.h"

#define OK(call) assert_int_equal(call, 0)
#define LIST "u@h/dovecot-uidlist"

static struct err err;

static int
dovecot_test_begin(void **state)
{
	err = (struct err){ 0 };
	return tree_begin(state) < 0 ? -1 : tree_open(&err);
}

static void
store(uint32_t from, uint32_t to)
{
	for (uint32_t uid = from; uid <= to; uid++)
		OK(tree_add(uid, 0, "", "x\r\n", &err));
	OK(tree_seal(TREE_COMMIT, &err));
}

static void
finish(void)
{
	OK(sink_maildir.finish(tree.sink, tree.at, &tree.rec, &tree_feed, &err));
	OK(tree_seal(TREE_COMMIT, &err));
}

/* A further run that ends with finish. */
static void
run_again(void)
{
	OK(tree_again(false, &err));
	finish();
}

static void
the_list_gives_each_name_its_uid(void **state)
{
	(void)state;
	store(1, 2);
	store(7, 7);
	tree_row(2)->verdict = VERDICT_GONE;
	finish();
	char *list = temp_read(LIST, NULL);
	char *guid = strchr(list, 'G') + 1;
	assert_int_equal(strspn(guid, "0123456789abcdef"), 32);
	memset(guid, 'g', 32);
	assert_string_equal(list,
	    "3 V9 N100 Ggggggggggggggggggggggggggggggggg\n"
	    "1 :1000001.V9U1.imex,S=2,W=3\n7 :1000007.V9U7.imex,S=2,W=3\n");
	free(list);
	assert_false(temp_has(LIST ".imex-new"));
}

static void
the_guid_is_always_the_same_and_the_folders_own(void **state)
{
	(void)state;
	store(1, 1);
	finish();
	char *first = temp_read(LIST, NULL);
	OK(unlink(temp_path(LIST)));
	run_again();
	char *second = temp_read(LIST, NULL);
	assert_string_equal(first, second);
	tree.rec.id = 2;
	tree.rec.path = ".A";
	tree.mark[0] = '\0';
	run_again();
	char *other = temp_read("u@h/.A/dovecot-uidlist", NULL);
	assert_string_not_equal(strchr(other, 'G'), strchr(first, 'G'));
	free(first);
	free(second);
	free(other);
}

static void
uidnext_is_made_up_where_the_source_has_none(void **state)
{
	(void)state;
	tree.rec.uidnext = 0;
	store(1, 3);
	finish();
	char *list = temp_read(LIST, NULL);
	assert_memory_equal(list, "3 V9 N4 G", 9);
	free(list);
	tree.rec.uidnext = 2; /* wrong */
	run_again();
	list = temp_read(LIST, NULL);
	assert_memory_equal(list, "3 V9 N4 G", 9);
	free(list);
}

static void
a_source_without_uidvalidity_gets_no_list(void **state)
{
	(void)state;
	tree.rec.uidvalidity = 0;
	tree.rec.id = 2;
	tree.mark[0] = '\0';
	OK(tree_again(false, &err));
	store(1, 1);
	finish();
	assert_false(temp_has(LIST));
}

static void
our_list_grows_with_the_folder(void **state)
{
	(void)state;
	store(1, 1);
	finish();
	OK(tree_again(false, &err));
	store(2, 2);
	finish();
	char *list = temp_read(LIST, NULL);
	assert_non_null(strstr(list, "\n2 :1000002.V9U2.imex,S=2,W=3\n"));
	free(list);
}

static void
an_equal_list_is_not_written_again(void **state)
{
	struct stat was, now;

	(void)state;
	store(1, 5);
	finish();
	OK(stat(temp_path(LIST), &was));
	run_again();
	OK(stat(temp_path(LIST), &now));
	assert_int_equal(was.st_ino, now.st_ino);
	assert_false(temp_has(LIST ".imex-new"));
}

/* What Dovecot writes once it has taken the folder over. */
static void
a_list_that_dovecot_wrote_is_left(void **state)
{
	static const char *const theirs[] = {
		"3 V9 N5 G00000000000000000000000000000000\n1 :1000001.V9U1.imex,S=2,W=3\n",
		("3 V9 N5 G%s\n1 :1000001.V9U1.imex,S=2,W=3\n2 "
		 ":1795434472.M770213P26695.vm,S=11,W=14\n"),
		"3 V9 N5 G%s\n2 :1000001.V9U1.imex,S=2,W=3\n",
		"3 V9 N5 G%s\n1 W20 :1000001.V9U1.imex,S=2,W=3\n",
		"3 V8 N5 G%s\n1 :1000001.V9U1.imex,S=2,W=3\n",
		"3 V9 N999 G%s\n1 :1000001.V9U1.imex,S=2,W=3\n",
		"3 V9 N5 Xmore G%s\n",
		"1 9 5\n1 x\n",
		"rubbish without an end",
	};
	char guid[33] = "", text[512];

	(void)state;
	store(1, 1);
	finish();
	char *list = temp_read(LIST, NULL);
	memcpy(guid, strchr(list, 'G') + 1, 32);
	free(list);
	for (size_t i = 0; i < COUNT_OF(theirs); i++) {
		const char *where = strstr(theirs[i], "%s");
		int lead = where != NULL ? (int)(where - theirs[i]) : (int)strlen(theirs[i]);

		snprintf(text, sizeof text, "%.*s%s%s", lead, theirs[i], where != NULL ? guid : "",
		    where != NULL ? where + 2 : "");
		temp_write(LIST, text, strlen(text), "wb");
		run_again();
		assert_true(temp_holds(LIST, text));
	}
}

/* A first list has its name before it is durable. */
static void
a_list_that_a_power_cut_tore_is_written_again(void **state)
{
	(void)state;
	store(1, 40);
	finish();
	size_t len = 0, at[] = { 0, 512, 600, 1024 };
	char *list = temp_read(LIST, &len);
	assert_true(len > 1200);
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		char *torn = mem_resize(NULL, len, 1);

		temp_write(LIST, list, at[i], "wb");
		run_again();
		assert_true(temp_holds(LIST, list));
		memcpy(torn, list, len);
		memset(torn + at[i], 0, len - at[i]);
		temp_write(LIST, torn, len, "wb");
		run_again();
		assert_true(temp_holds(LIST, list));
		free(torn);
	}
	free(list);
}

static void
subscribe(const struct folder *list, size_t len)
{
	OK(sink_maildir.finish_account(tree.sink, list, len, &err));
	OK(tree_seal(TREE_COMMIT, &err));
}

static void
subscriptions_name_levels_with_tabs(void **state)
{
	struct folder list[] = {
		{ .name = slice_str("INBOX"), .delim = '/', .attrs = FOLDER_SUBSCRIBED },
		{ .name = slice_str("A/Entw&APw-rfe"), .delim = '/', .attrs = FOLDER_SUBSCRIBED },
		{ .name = slice_str("not this"), .delim = '/' },
		{ .name = slice_str("a.b"),
		    .delim = '/',
		    .attrs = FOLDER_SUBSCRIBED | FOLDER_NOSELECT },
	};
	struct stat was, now;

	(void)state;
	subscribe(list, COUNT_OF(list));
	assert_true(temp_holds("u@h/subscriptions", "V\t2\n\nA\tEntw&APw-rfe\nINBOX\na\\2eb\n"));
	OK(stat(temp_path("u@h/subscriptions"), &was));
	subscribe(list, COUNT_OF(list));
	OK(stat(temp_path("u@h/subscriptions"), &now));
	assert_int_equal(was.st_ino, now.st_ino);
	/* Until the batch is durable the old ones stand. */
	OK(sink_maildir.finish_account(tree.sink, list, 1, &err));
	assert_true(temp_holds("u@h/subscriptions", "V\t2\n\nA\tEntw&APw-rfe\nINBOX\na\\2eb\n"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_false(temp_has("u@h/subscriptions.imex-new"));
	assert_true(temp_holds("u@h/subscriptions", "V\t2\n\nINBOX\n"));
}

#define WITH_TREE(f) cmocka_unit_test_setup_teardown(f, dovecot_test_begin, tree_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TREE(the_list_gives_each_name_its_uid),
		WITH_TREE(the_guid_is_always_the_same_and_the_folders_own),
		WITH_TREE(uidnext_is_made_up_where_the_source_has_none),
		WITH_TREE(a_source_without_uidvalidity_gets_no_list),
		WITH_TREE(our_list_grows_with_the_folder),
		WITH_TREE(an_equal_list_is_not_written_again),
		WITH_TREE(a_list_that_dovecot_wrote_is_left),
		WITH_TREE(a_list_that_a_power_cut_tore_is_written_again),
		WITH_TREE(subscriptions_name_levels_with_tabs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
