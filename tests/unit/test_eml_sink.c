/* The eml sink: names and dates of files, what a kill, a full disk or another program leaves, and the
 * next run after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TREE_SINK sink_eml
#define TREE_PATH "A/B"
#include "mailtree.h"

#define OK(call) assert_int_equal(call, 0)
#define DIR_ "u@h/A/B"
#define TMP "u@h/.imex-tmp"
#define LINES DIR_ "/folder.jsonl"

static struct err err;
static bool no_links;

/* Some file systems have no hard links. */
int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct stat st;

	if (!no_links)
		return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EPERM;
	return -1;
}

static int
eml_test_begin(void **state)
{
	err = (struct err){ 0 };
	no_links = false;
	return tree_begin(state);
}

/* Files of a directory, those with a dot in front too. */
static int
files_in(const char *name)
{
	DIR *dir = opendir(temp_path(name));
	int n = 0;

	if (dir == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	return n;
}

/* ---- a run ---- */

static void
a_message_appears_when_the_batch_is_synced(void **state)
{
	struct stat st;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(5, FLAG_SEEN, "kw", "a\r\nb\r\n", &err));
	OK(tree_add(4294967295u, 0, "", "bare\n", &err));
	assert_int_equal(temp_count(DIR_), 1);
	assert_true(temp_holds(TMP "/F1U5", "a\r\nb\r\n"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/5.eml", "a\r\nb\r\n"));
	assert_true(temp_holds(DIR_ "/4294967295.eml", "bare\n"));
	assert_int_equal(files_in(TMP), 0);
	OK(stat(temp_path(DIR_ "/5.eml"), &st));
	assert_int_equal(st.st_mtime, 1000005);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(tree_row(5)->file_bytes, 6);
	char *lines = temp_read(LINES, NULL);
	assert_non_null(strstr(lines, "\"file\":\"5.eml\",\"flags\":[\"\\\\Seen\"],\"keywords\":[\"kw\"]"));
	assert_null(strstr(lines, "\"eol\""));
	free(lines);
	tree_close();
	assert_false(temp_has(TMP));
}

static void
an_empty_folder_has_a_sidecar(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(files_in(DIR_), 1);
	assert_true(temp_has(LINES));
	assert_non_null(strstr(tree.mark, "\neml 9\n"));
	assert_int_equal(files_in("u@h"), 1);
	struct batch *b = batch_new();
	struct pending *p = NULL;
	OK(tree_again(false, &err));
	OK(sink_eml.seal(tree.sink, b, &p, &err));
	assert_null(p);
	assert_int_equal(b->len, 0);
	batch_free(&b);
}

static void
a_date_that_files_cannot_hold_becomes_the_epoch(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");
	struct stat st;

	(void)state;
	m.date = (struct date){ .known = false };
	OK(tree_open(&err));
	OK(tree_put(&m, "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path(DIR_ "/1.eml"), &st));
	assert_int_equal(st.st_mtime, 0);
}

static void
the_final_name_is_of_what_was_known_last(void **state)
{
	struct msg m = { .uid = 0, .flags = { 0, "" } };

	(void)state;
	OK(tree_open(&err));
	OK(sink_eml.begin(tree.sink, tree.at, &m, &err));
	OK(sink_eml.write(tree.sink, (struct slice){ "x", 1 }, &err));
	m = tree_msg(8, FLAG_FLAGGED, "", "x");
	OK(sink_eml.end(tree.sink, &m, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/8.eml", "x"));
	assert_int_equal(files_in(TMP), 0);
}

static void
a_message_in_pieces_is_whole(void **state)
{
	static char big[300001];
	struct msg m;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof big; i++)
		big[i] = i % 50 == 0 ? '\n' : i % 70 == 0 ? '\r' : (char)('a' + i % 26);
	m = tree_msg(1, 0, "", big);
	OK(tree_open(&err));
	OK(sink_eml.begin(tree.sink, tree.at, &m, &err));
	for (size_t at = 0, n = 1; at < sizeof big - 1; at += n, n = n * 3 % 50021 + 1) {
		n = n < sizeof big - 1 - at ? n : sizeof big - 1 - at;
		OK(sink_eml.write(tree.sink, (struct slice){ big + at, n }, &err));
	}
	OK(sink_eml.end(tree.sink, &m, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *text = temp_read(DIR_ "/1.eml", NULL);
	assert_string_equal(text, big);
	free(text);
}

static void
a_rebuilt_message_is_marked(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");

	(void)state;
	m.rebuilt = true;
	OK(tree_open(&err));
	OK(tree_put(&m, "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read(LINES, NULL);
	assert_non_null(strstr(lines, "\"rebuilt\":true"));
	free(lines);
}

static void
folders_share_a_batch_and_the_private_directory(void **state)
{
	struct folder_at *at[30];
	char path[32], name[80];
	uint64_t aside;

	(void)state;
	OK(tree_open(&err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(path, sizeof path, "f/%u", i);
		struct folder_rec rec = {
			.id = 100 + i, .name = path, .path = path, .mark = "", .uidvalidity = 5 + i % 2
		};

		OK(sink_eml.folder(tree.sink, &rec, NULL, &aside, &at[i], &err));
		tree.at = at[i];
		OK(tree_add(1, 0, "", "x", &err));
		if (i % 7 == 6)
			OK(tree_seal(TREE_COMMIT, &err));
	}
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		tree.at = at[i];
		OK(tree_add(2, 0, "", "y", &err));
	}
	OK(tree_seal(TREE_COMMIT, &err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(name, sizeof name, "u@h/f/%u", i);
		assert_int_equal(files_in(name), 3);
	}
}

static void
a_batch_is_full_at_its_limits(void **state)
{
	uint32_t n = 0;

	(void)state;
	tree.place.batch_files = 20;
	OK(tree_open(&err));
	while (!sink_eml.full(tree.sink)) {
		assert_true(n < 20);
		OK(tree_add(++n, 0, "", "x", &err));
	}
	assert_true(n > 5);
	OK(tree_seal(TREE_COMMIT, &err));
	assert_false(sink_eml.full(tree.sink));
	tree.place.batch_files = 0;
	OK(tree_again(false, &err));
	while (!sink_eml.full(tree.sink) && tree.n_held < 200)
		OK(tree_add(++n, 0, "", "x", &err));
	assert_int_equal(tree.n_held, tree_each_file ? 128 : 200);
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(files_in(DIR_), (int)n + 1);
}

static void
an_abandoned_message_leaves_nothing(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");

	(void)state;
	OK(tree_open(&err));
	OK(sink_eml.begin(tree.sink, tree.at, &m, &err));
	OK(sink_eml.write(tree.sink, slice_str("x"), &err));
	assert_int_equal(files_in(TMP), 1);
	sink_eml.abandon(tree.sink);
	sink_eml.abandon(tree.sink);
	assert_int_equal(files_in(TMP), 0);
	OK(sink_eml.begin(tree.sink, tree.at, &m, &err));
	tree_close();
	assert_false(temp_has(TMP));
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(files_in(DIR_), 2);
}

/* ---- flags, removal, UIDVALIDITY ---- */

static void
a_change_of_flags_is_a_line_of_the_sidecar(void **state)
{
	struct flags now = { FLAG_FLAGGED, "new" };
	struct stat before, after;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path(DIR_ "/1.eml"), &before));
	OK(sink_eml.amend(tree.sink, tree.at, tree_row(1), &now, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path(DIR_ "/1.eml"), &after));
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtime, after.st_mtime);
	char *lines = temp_read(LINES, NULL);
	assert_non_null(strstr(lines, "{\"uid\":1,\"uidvalidity\":9,\"file\":\"1.eml\","
				      "\"flags\":[\"\\\\Flagged\"],\"keywords\":[\"new\"],"));
	free(lines);
}

static void
a_removed_copy_is_gone_after_the_sync(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_add(2, 0, "", "y", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	for (int i = 0; i < 2; i++) {
		OK(sink_eml.remove(tree.sink, tree.at, 9, tree_row(1), &err));
		assert_int_equal(temp_has(DIR_ "/1.eml"), i == 0);
		OK(tree_seal(TREE_COMMIT, &err));
		assert_false(temp_has(DIR_ "/1.eml"));
	}
	assert_true(temp_has(DIR_ "/2.eml"));
	char *lines = temp_read(LINES, NULL);
	assert_non_null(strstr(lines, "{\"uid\":1,\"uidvalidity\":9,\"removed\":true}\n"));
	free(lines);
}

static void
another_uidvalidity_has_names_of_its_own(void **state)
{
	struct msg old;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "old", &err));
	OK(tree_add(3, 0, "", "kept", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	old = *tree_row(1);
	tree.rec.uidvalidity = 10;
	tree.rec.id = 2;
	tree.n_rows = 0;
	OK(tree_again(false, &err));
	OK(tree_add(1, 0, "", "new", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/1.eml", "old"));
	assert_true(temp_holds(DIR_ "/1.V10.eml", "new"));
	OK(sink_eml.remove(tree.sink, tree.at, 9, &old, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_false(temp_has(DIR_ "/1.eml"));
	assert_true(temp_has(DIR_ "/1.V10.eml"));
	OK(tree_again(true, &err)); /* and the older ones are none of its business */
	assert_int_equal(tree.aside, 0);
	assert_true(temp_has(DIR_ "/3.eml"));
	assert_non_null(strstr(tree.mark, "\neml 9\n"));
}

static void
a_better_copy_replaces_the_older_one(void **state)
{
	struct msg whole = tree_msg(1, 0, "", "h\r\n\r\nbody\r\n"), older;

	(void)state;
	for (int links = 1; links >= 0; links--) {
		no_links = links == 0;
		OK(tree_open(&err));
		OK(tree_add(1, 0, "", "h\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		older = *tree_row(1);
		for (int i = 0; i < 3; i++) { /* repeated, as after a crash */
			OK(tree_put(&whole, "h\r\n\r\nbody\r\n", &err));
			OK(sink_eml.remove(tree.sink, tree.at, 9, &older, &err));
			OK(tree_seal(TREE_COMMIT, &err));
			assert_true(temp_holds(DIR_ "/1.eml", "h\r\n\r\nbody\r\n"));
			assert_int_equal(files_in(TMP), 0);
		}
		char *lines = temp_read(LINES, NULL);
		assert_null(strstr(lines, "removed"));
		free(lines);
		tree_close();
		OK(temp_dir_remove(state));
		OK(temp_dir_make(state));
		tree_init();
	}
	OK(tree_open(&err));
}

/* ---- kills ---- */

static void
files_without_a_row_are_set_aside_after_a_kill(void **state)
{
	static const char *const theirs[] = { DIR_ "/x.eml", DIR_ "/011.eml", DIR_ "/11.eml.bak",
		DIR_ "/11.V8.eml", DIR_ "/11.EML", DIR_ "/99999999999.eml" };

	(void)state;
	OK(tree_open(&err));
	for (uint32_t uid = 1; uid <= 10; uid++)
		OK(tree_add(uid, 0, "", "kept", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(11, 0, "", "lost", &err));
	OK(tree_add(12, 0, "", "lost", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	for (size_t i = 0; i < COUNT_OF(theirs); i++)
		temp_write(theirs[i], "theirs", 6, "wb");
	OK(tree_again(true, &err));
	assert_int_equal(tree.aside, 2);
	assert_int_equal(files_in(DIR_), 11 + (int)COUNT_OF(theirs));
	for (size_t i = 0; i < COUNT_OF(theirs); i++)
		assert_true(temp_holds(theirs[i], "theirs"));
	assert_true(temp_holds(TMP "/F1U11", "lost"));
	OK(tree_add(11, 0, "", "new", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/11.eml", "new"));
	assert_int_equal(files_in(TMP), 1);
	tree_close();
	assert_true(temp_holds(TMP "/F1U12", "lost"));
}

static void
a_clean_end_sets_nothing_aside(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	temp_write(DIR_ "/2.eml", "x", 1, "wb");
	OK(tree_again(false, &err));
	assert_int_equal(tree.aside, 0);
	assert_true(temp_has(DIR_ "/2.eml"));
}

/* A kill before the first commit, and then another UIDVALIDITY: it is the first one now. */
static void
what_was_never_committed_does_not_choose_the_names(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "lost", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	tree.rec.uidvalidity = 10;
	tree.rec.id = 2;
	OK(tree_again(true, &err));
	assert_int_equal(tree.aside, 1);
	OK(tree_add(1, 0, "", "new", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/1.eml", "new"));
}

static void
a_resumed_run_ends_like_an_undisturbed_one(void **state)
{
	char *want = NULL;

	(void)state;
	for (int stage = -1; stage <= TREE_DROP + 1; stage++) {
		if (stage >= 0) {
			tree_close();
			OK(temp_dir_remove(state));
			OK(temp_dir_make(state));
			tree_init();
		}
		OK(tree_open(&err));
		OK(tree_add(1, 0, "a", "one\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		if (stage > TREE_DROP) { /* killed within a message */
			pid_t pid = fork();
			int status;

			if (pid == 0) {
				struct msg m = tree_msg(2, 0, "", "tw");
				int rc = sink_eml.begin(tree.sink, tree.at, &m, &err);

				_exit(rc == 0 ? sink_eml.write(tree.sink, slice_str("tw"), &err) : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_int_equal(status, 0);
		} else if (stage >= 0) {
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
			OK(tree_seal((enum tree_end)stage, &err));
		}
		if (stage >= 0)
			OK(tree_again(true, &err));
		if (tree_row(2) == NULL)
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		char *lines = temp_read(LINES, NULL);
		if (want == NULL)
			want = lines;
		assert_string_equal(lines, want);
		assert_true(temp_holds(DIR_ "/2.eml", "two\r\n"));
		assert_int_equal(files_in(DIR_), 3);
		tree_close();
		assert_int_equal(files_in("u@h"), 1);
		if (lines != want)
			free(lines);
	}
	free(want);
	OK(tree_open(&err));
}

static void
the_same_folder_again_is_not_swept(void **state)
{
	struct folder_at *again;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	OK(tree_again(true, &err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err)); /* synced, its commit is still to come */
	OK(sink_eml.folder(tree.sink, &tree.rec, &tree_feed, &tree.aside, &again, &err));
	assert_ptr_equal(again, tree.at);
	assert_int_equal(tree.aside, 0);
	assert_true(temp_has(DIR_ "/1.eml"));
}

/* ---- other programs ---- */

static void
what_others_put_under_a_name_of_ours_is_kept(void **state)
{
	(void)state;
	for (int links = 1; links >= 0; links--) {
		no_links = links == 0;
		OK(tree_open(&err));
		temp_write(DIR_ "/1.eml", "theirs", 6, "wb");
		OK(symlink("elsewhere", temp_path(DIR_ "/2.eml")));
		OK(tree_add(1, 0, "", "ours", &err));
		OK(tree_add(2, 0, "", "ours", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		assert_true(temp_holds(DIR_ "/1.eml", "ours"));
		assert_true(temp_holds(DIR_ "/2.eml", "ours"));
		assert_true(temp_holds(TMP "/F1U1.kept", "theirs"));
		assert_int_equal(files_in(TMP), 2);
		tree_close();
		assert_int_equal(files_in(TMP), 2);
		OK(temp_dir_remove(state));
		OK(temp_dir_make(state));
		tree_init();
	}
	OK(tree_open(&err));
}

/* Its copy was found to be another (msg_lost); and a run was killed that had put it away. */
static void
what_has_the_name_of_a_message_that_comes_again_is_kept(void **state)
{
	struct msg again = tree_msg(1, 0, "", "ours");

	(void)state;
	again.again = true;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "ours", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	temp_write(TMP "/F1U1.old", "damage", 6, "wb");
	temp_write(DIR_ "/1.eml", "more", 4, "wb");
	tree_row(1)->verdict = VERDICT_FAILED;
	OK(tree_again(true, &err));
	assert_int_equal(tree.aside, 0);
	OK(tree_put(&again, "ours", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/1.eml", "ours"));
	assert_true(temp_holds(TMP "/F1U1.kept", "damage"));
	assert_true(temp_holds(TMP "/F1U1.kept2", "more"));
	assert_int_equal(files_in(TMP), 2);
}

/* Files are durable and the rows are not: the state could not be written, the process ended in order. */
static void
a_file_of_a_batch_that_was_not_committed_is_replaced(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	OK(tree_again(false, &err));
	assert_int_equal(tree.aside, 1); /* the sidecar was longer than committed */
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/2.eml", "two"));
	assert_int_equal(files_in(TMP), 0);
	/* and when nothing told of it */
	temp_write(DIR_ "/3.eml", "ours", 4, "wb");
	struct timespec date[2] = { { .tv_sec = 1000003 }, { .tv_sec = 1000003 } };
	OK(utimensat(AT_FDCWD, temp_path(DIR_ "/3.eml"), date, 0));
	OK(tree_add(3, 0, "", "ours", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(files_in(TMP), 0);
}

static void
connections_share_the_private_directory(void **state)
{
	struct folder_rec rec = { .id = 7, .name = "C", .path = "C", .mark = "", .uidvalidity = 9 };
	struct folder_at *at;
	struct sink *other;
	struct msg m = tree_msg(1, 0, "", "other");

	(void)state;
	OK(tree_open(&err));
	OK(sink_eml.open(&other, &tree.place, NULL, &err));
	OK(sink_eml.folder(other, &rec, NULL, &tree.aside, &at, &err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(sink_eml.begin(other, at, &m, &err));
	OK(sink_eml.write(other, slice_str("other"), &err));
	OK(sink_eml.end(other, &m, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	tree_close();
	assert_true(temp_holds(TMP "/F7U1", "other"));
	OK(tree_open(&err));
	sink_eml.close(&other); /* removes nothing that is not its own */
	assert_true(temp_holds(TMP "/F7U1", "other"));
	OK(unlink(temp_path(TMP "/F7U1")));
	OK(rmdir(temp_path(TMP)));
	OK(tree_add(2, 0, "", "two", &err)); /* made again when it is gone */
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(DIR_ "/2.eml", "two"));
}

/* One that closes removes the directory, in which nothing is just then. */
static void
a_connection_that_closes_does_not_keep_another_from_setting_aside(void **state)
{
	struct sink *other;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "stored", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(sink_eml.open(&other, &tree.place, NULL, &err));
	struct msg lost = *tree_row(1);
	lost.verdict = VERDICT_FAILED;
	assert_true(msg_lost(&lost));
	OK(sink_eml.remove(tree.sink, tree.at, 9, &lost, &err));
	sink_eml.close(&other);
	assert_false(temp_has(TMP));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_false(temp_has(DIR_ "/1.eml"));
	assert_true(temp_holds(TMP "/F1V9U1.kept", "stored"));
}

/* ---- faults ---- */

static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &l);
}

static void
a_full_disk_leaves_what_was_committed(void **state)
{
	static char big[100000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	signal(SIGXFSZ, SIG_IGN);
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read(LINES, NULL);
	limit_files(70000);
	assert_int_equal(tree_add(2, 0, "", big, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 74);
	limit_files(RLIM_INFINITY);
	assert_int_equal(files_in(TMP), 0);
	OK(tree_add(3, 0, "", "x", &err));
	OK(tree_add(4, 0, "", "x", &err));
	limit_files(strlen(lines) + 20);
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	limit_files(RLIM_INFINITY);
	assert_int_equal(files_in(DIR_), 2);
	assert_true(temp_holds(LINES, lines));
	free(lines);
	OK(tree_again(false, &err));
	for (uint32_t uid = 2; uid <= 4; uid++)
		OK(tree_add(uid, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(files_in(DIR_), 5);
	assert_int_equal(files_in(TMP), 0);
}

/* Rename fails for the third message: the others are taken back, and an older copy is in its place. */
static void
a_batch_that_fails_in_the_middle_is_taken_back(void **state)
{
	(void)state;
	for (int links = 1; links >= 0; links--) {
		no_links = links == 0;
		OK(tree_open(&err));
		OK(tree_add(1, 0, "", "older", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		char *lines = temp_read(LINES, NULL);
		struct msg older = *tree_row(1);
		OK(tree_add(1, 0, "", "better", &err));
		OK(sink_eml.remove(tree.sink, tree.at, 9, &older, &err));
		OK(tree_add(2, 0, "", "two", &err));
		OK(tree_add(3, 0, "", "three", &err));
		OK(mkdir(temp_path(DIR_ "/3.eml"), 0700));
		assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
		assert_non_null(strstr(err.text, "3.eml"));
		assert_true(temp_holds(DIR_ "/1.eml", "older"));
		assert_true(temp_holds(TMP "/F1U1", "better"));
		assert_true(temp_holds(TMP "/F1U2", "two"));
		assert_int_equal(files_in(DIR_), 3);
		assert_int_equal(files_in(TMP), 3);
		assert_true(temp_holds(LINES, lines));
		free(lines);
		tree_close();
		OK(temp_dir_remove(state));
		OK(temp_dir_make(state));
		tree_init();
	}
	OK(tree_open(&err));
}

static void
marks_that_cannot_be_read_are_errors(void **state)
{
	char good[sizeof tree.mark];

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	tree_close();
	memcpy(good, tree.mark, sizeof good);
	*strstr(tree.mark, "\neml") = '\0';
	assert_int_equal(tree_open(&err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	tree_close();
	memcpy(tree.mark, good, sizeof good);
	memcpy(strstr(tree.mark, "eml 9"), "eml x", 5);
	assert_int_equal(tree_open(&err), -1);
	tree_close();
	static const char rubbish[] = "loss rubbish\n";
	assert_true(strlen(good) + sizeof rubbish <= sizeof tree.mark);
	memcpy(tree.mark, good, sizeof good);
	memcpy(tree.mark + strlen(good), rubbish, sizeof rubbish);
	assert_int_equal(tree_open(&err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	tree_close();
	memcpy(tree.mark, good, sizeof good);
	OK(tree_open(&err));
	assert_true(temp_has(DIR_ "/1.eml"));
}

static void
a_private_directory_that_is_a_file_is_said(void **state)
{
	(void)state;
	OK(tree_open(&err));
	temp_write(TMP, "a file", 6, "wb");
	assert_int_equal(tree_add(1, 0, "", "x", &err), -1);
	assert_non_null(strstr(err.text, ".imex-tmp"));
	assert_true(temp_holds(TMP, "a file"));
}

static void
store_one(uint32_t uid)
{
	OK(tree_add(uid, 0, "", "x\r\n", &err));
}

static void
batches_are_synced_while_the_next_is_written(void **state)
{
	(void)state;
	tree_store_while_settled("B", store_one);
	assert_int_equal(files_in(DIR_) + files_in("u@h/B"), 402);
	assert_int_equal(files_in(TMP), 0);
}

/* Each in both ways of making a batch durable. */
static char each_file[] = "fsync";

#define IN_WAY(name, f, way)                                                                       \
	{                                                                                          \
		name, f, eml_test_begin, tree_end, way                                         \
	}
#define WITH_DIR(f) IN_WAY(#f, f, NULL), IN_WAY(#f "_by_fsync", f, each_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(a_message_appears_when_the_batch_is_synced),
		WITH_DIR(an_empty_folder_has_a_sidecar),
		WITH_DIR(a_date_that_files_cannot_hold_becomes_the_epoch),
		WITH_DIR(the_final_name_is_of_what_was_known_last),
		WITH_DIR(a_message_in_pieces_is_whole),
		WITH_DIR(a_rebuilt_message_is_marked),
		WITH_DIR(folders_share_a_batch_and_the_private_directory),
		WITH_DIR(a_batch_is_full_at_its_limits),
		WITH_DIR(an_abandoned_message_leaves_nothing),
		WITH_DIR(a_change_of_flags_is_a_line_of_the_sidecar),
		WITH_DIR(a_removed_copy_is_gone_after_the_sync),
		WITH_DIR(another_uidvalidity_has_names_of_its_own),
		WITH_DIR(a_better_copy_replaces_the_older_one),
		WITH_DIR(files_without_a_row_are_set_aside_after_a_kill),
		WITH_DIR(a_clean_end_sets_nothing_aside),
		WITH_DIR(what_was_never_committed_does_not_choose_the_names),
		WITH_DIR(a_resumed_run_ends_like_an_undisturbed_one),
		WITH_DIR(the_same_folder_again_is_not_swept),
		WITH_DIR(what_others_put_under_a_name_of_ours_is_kept),
		WITH_DIR(what_has_the_name_of_a_message_that_comes_again_is_kept),
		WITH_DIR(a_file_of_a_batch_that_was_not_committed_is_replaced),
		WITH_DIR(connections_share_the_private_directory),
		WITH_DIR(a_connection_that_closes_does_not_keep_another_from_setting_aside),
		WITH_DIR(a_full_disk_leaves_what_was_committed),
		WITH_DIR(a_batch_that_fails_in_the_middle_is_taken_back),
		WITH_DIR(marks_that_cannot_be_read_are_errors),
		WITH_DIR(a_private_directory_that_is_a_file_is_said),
		WITH_DIR(batches_are_synced_while_the_next_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
