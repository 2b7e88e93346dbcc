/* The mbox sink: what a batch makes durable, what a kill, a full disk or another program leaves, and the
 * next run after it. Every file is read back by the places that its sidecar tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define TREE_SINK sink_mbox
#define TREE_PATH "A/B"
#include "mailtree.h"
#include "mboxread.h"

#define OK(call) assert_int_equal(call, 0)
#define BOX "u@h/A/B/folder.mbox"
#define LINES "u@h/A/B/folder.jsonl"

static struct err err;

static int
mbox_test_begin(void **state)
{
	err = (struct err){ 0 };
	return tree_begin(state);
}

/* ---- reading back ---- */

struct line {
	bool found, removed;
	struct mbox_place place;
	char file[64], flags[64];
	json_int_t wire;
};

static void
line_flags(const json_t *o, struct line *ret)
{
	json_t *list = json_object_get(o, "flags");

	ret->flags[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++)
		snprintf(ret->flags + strlen(ret->flags), sizeof ret->flags - strlen(ret->flags), "%s",
		    json_string_value(json_array_get(list, i)));
}

static void
line_read(const json_t *o, struct line *ret)
{
	line_flags(o, ret);
	if (json_object_get(o, "file") == NULL)
		return;
	*ret = (struct line){ .found = true,
		.wire = json_integer_value(json_object_get(o, "wire")),
		.place = { .at = (uint64_t)json_integer_value(json_object_get(o, "at")),
		    .stored = (uint64_t)json_integer_value(json_object_get(o, "stored")),
		    .status_at = (uint64_t)json_integer_value(json_object_get(o, "status_at")),
		    .status_len = (uint64_t)json_integer_value(json_object_get(o, "status_len")),
		    .lf = strcmp(json_string_value(json_object_get(o, "eol")), "lf") == 0 } };
	snprintf(ret->file, sizeof ret->file, "%s", json_string_value(json_object_get(o, "file")));
	line_flags(o, ret);
}

/* The last word of a sidecar on a UID. */
static struct line
told(const char *sidecar, uint32_t uidvalidity, uint32_t uid)
{
	struct line found = { 0 };
	char *text = temp_read(sidecar, NULL), *rest = NULL;

	for (char *l = text != NULL ? strtok_r(text, "\n", &rest) : NULL; l != NULL;
	     l = strtok_r(NULL, "\n", &rest)) {
		json_t *o = json_loads(l, 0, NULL);

		assert_non_null(o);
		if (json_integer_value(json_object_get(o, "uid")) == uid &&
		    json_integer_value(json_object_get(o, "uidvalidity")) == uidvalidity) {
			if (json_is_true(json_object_get(o, "removed")))
				found = (struct line){ .removed = true };
			else
				line_read(o, &found);
		}
		json_decref(o);
	}
	free(text);
	return found;
}

/* Does message `uid` come back as `wire`? */
static bool
comes_back(uint32_t uidvalidity, uint32_t uid, const char *wire)
{
	struct line l = told(LINES, uidvalidity, uid);
	char path[128];
	size_t len = 0;

	if (!l.found)
		return false;
	snprintf(path, sizeof path, "u@h/A/B/%s", l.file);
	char *file = temp_read(path, &len);
	struct octets got = file != NULL ? read_at(file, len, &l.place) : (struct octets){ 0 };
	bool same = got.data != NULL && got.len == strlen(wire) && (size_t)l.wire == got.len &&
	    memcmp(got.data, wire, got.len) == 0;

	free(got.data);
	free(file);
	return same;
}

static int
messages_in(const char *path)
{
	size_t len = 0, io = 0;
	char *file = temp_read(path, &len);
	int n = 0;

	for (struct octets got; (got = read_next(file, len, &io)).data != NULL; n++)
		free(got.data);
	assert_int_equal(io, len);
	free(file);
	return n;
}

/* ---- a run ---- */

#define FROM(s) "From MAILER-DAEMON Mon Jan 12 13:46:4" s " 1970\n"

static void
messages_stand_in_one_file_and_the_sidecar_tells_where(void **state)
{
	struct stat st;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN, "", "A: b\r\n\r\nFrom x\r\n", &err));
	OK(tree_add(2, 0, "kw", "bare\nlf", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(
	    BOX, FROM("1") "A: b\n\n>From x\n\n" FROM("2") "bare\nlf\n\n"));
	assert_int_equal(tree_row(1)->file_bytes, 14);
	assert_int_equal(tree_row(2)->file_bytes, 7);
	assert_true(comes_back(9, 1, "A: b\r\n\r\nFrom x\r\n"));
	assert_true(comes_back(9, 2, "bare\nlf"));
	char *lines = temp_read(LINES, NULL);
	assert_non_null(strstr(lines, "\"file\":\"folder.mbox\",\"at\":0,\"eol\":\"lf\""));
	assert_non_null(strstr(lines, "\"at\":59,\"eol\":\"wire\""));
	assert_null(strstr(lines, "status_at"));
	free(lines);
	OK(stat(temp_path(BOX), &st));
	assert_int_equal(st.st_mode & 07777, 0600);
	OK(stat(temp_path("u@h/A"), &st));
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(temp_count("u@h/A/B"), 2);
}

static void
an_empty_folder_has_an_empty_file(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, ""));
	assert_true(temp_has(LINES));
	assert_non_null(strstr(tree.mark, "\nmbox 1 0 "));
	/* nothing to do any more */
	struct batch *b = batch_new();
	struct pending *p = NULL;
	OK(tree_again(false, &err));
	OK(sink_mbox.seal(tree.sink, b, &p, &err));
	assert_null(p);
	assert_int_equal(b->len, 0);
	batch_free(&b);
}

static void
line_ends_are_kept_when_asked_for(void **state)
{
	(void)state;
	tree.place.keep_crlf = true;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "A: b\r\n\r\nFrom x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, "From MAILER-DAEMON Mon Jan 12 13:46:41 1970\r\n"
				    "A: b\r\n\r\n>From x\r\n\r\n"));
	assert_true(comes_back(9, 1, "A: b\r\n\r\nFrom x"));
}

/* Its line ends cannot be undone, which is seen when most of it is in the file. */
static void
a_large_message_is_made_wide_in_the_file(void **state)
{
	static char big[600001];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof big; i += 2)
		memcpy(big + i, i % 60 == 58 ? "\r\n" : "xy", 2);
	memcpy(big + sizeof big - 3, "x\n", 2);
	tree.place.mbox_status = true;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one\r\n", &err));
	OK(tree_add(2, 0, "", big, &err));
	OK(tree_add(3, 0, "", "three\r\n", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "one\r\n"));
	assert_true(comes_back(9, 2, big));
	assert_true(comes_back(9, 3, "three\r\n"));
}

static void
status_fields_can_be_taken_out_again(void **state)
{
	(void)state;
	tree.place.mbox_status = true;
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN | FLAG_DRAFT, "a b", "A: b\r\nStatus: X\r\n\r\nFrom x\r\n", &err));
	OK(tree_add(2, 0, "", "A: b\nC: d\n\nStatus: y", &err));
	OK(tree_add(3, 0, "", "no line end", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *file = temp_read(BOX, NULL);
	assert_non_null(
	    strstr(file, "A: b\nStatus: X\nStatus: RO\nX-Status: T\nX-Keywords: a b\n\n>From"));
	free(file);
	assert_true(comes_back(9, 1, "A: b\r\nStatus: X\r\n\r\nFrom x\r\n"));
	assert_true(comes_back(9, 2, "A: b\nC: d\n\nStatus: y"));
	assert_true(comes_back(9, 3, "no line end"));
	assert_int_equal(messages_in(BOX), 3);
}

static void
a_change_of_flags_is_a_line_of_the_sidecar(void **state)
{
	struct flags now = { FLAG_FLAGGED, "new" };

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *before = temp_read(BOX, NULL);
	OK(sink_mbox.amend(tree.sink, tree.at, tree_row(1), &now, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, before));
	free(before);
	assert_string_equal(told(LINES, 9, 1).flags, "\\Flagged");
	assert_true(comes_back(9, 1, "x"));
}

static void
a_removed_message_is_taken_back_by_a_line(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	for (int i = 0; i < 2; i++) {
		OK(sink_mbox.remove(tree.sink, tree.at, 9, tree_row(1), &err));
		OK(tree_seal(TREE_COMMIT, &err));
	}
	assert_true(told(LINES, 9, 1).removed);
	assert_int_equal(messages_in(BOX), 1);
}

/* The engine stores, then removes the older copy in the same batch. */
static void
a_better_copy_is_the_one_that_counts(void **state)
{
	struct msg whole = tree_msg(1, 0, "", "A: b\r\n\r\nbody\r\n"), older;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "A: b\r\n\r\n", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	older = *tree_row(1);
	OK(tree_put(&whole, "A: b\r\n\r\nbody\r\n", &err));
	OK(sink_mbox.remove(tree.sink, tree.at, 9, &older, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "A: b\r\n\r\nbody\r\n"));
	OK(sink_mbox.remove(tree.sink, tree.at, 9, &older, &err)); /* in a batch of its own */
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(told(LINES, 9, 1).removed);
}

static void
another_uidvalidity_goes_on_in_the_same_files(void **state)
{
	struct msg old;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	old = *tree_row(1);
	tree.rec.uidvalidity = 10;
	tree.rec.id = 2;
	tree.n_rows = 0;
	OK(tree_again(false, &err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(sink_mbox.remove(tree.sink, tree.at, 9, &old, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(told(LINES, 9, 1).removed);
	assert_true(comes_back(10, 1, "one"));
	assert_int_equal(messages_in(BOX), 2);
	assert_false(temp_has("u@h/A/B/folder.jsonl.2"));
}

/* The server changes its mind: the record of the first UIDVALIDITY comes back with its old mark. What
 * was stored in between must not be cut off. */
static void
a_uidvalidity_that_comes_back_cuts_nothing(void **state)
{
	char first[sizeof tree.mark];
	struct folder_rec known[2];

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	memcpy(first, tree.mark, sizeof first);
	tree.rec.uidvalidity = 10;
	tree.rec.id = 2;
	OK(tree_again(false, &err));
	OK(tree_add(1, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	known[1] = tree.rec;
	known[1].mark = strdup(tree.mark);
	tree.rec.uidvalidity = 9;
	tree.rec.id = 1;
	known[0] = tree.rec;
	known[0].mark = first;
	tree.place.known = known;
	tree.place.n_known = 2;
	memcpy(tree.mark, first, sizeof first);
	OK(tree_again(true, &err));
	OK(tree_add(2, 0, "", "three", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "one"));
	assert_true(comes_back(10, 1, "two"));
	assert_true(comes_back(9, 2, "three"));
	free((char *)(uintptr_t)known[1].mark);
}

/* Two records of one directory in one run: the connection broke, and the folder was renumbered. */
static void
records_of_one_directory_share_it_in_a_run(void **state)
{
	struct folder_rec other = tree.rec;
	struct folder_at *at[2];

	(void)state;
	other.id = 2;
	other.uidvalidity = 10;
	OK(tree_open(&err));
	at[0] = tree.at;
	OK(tree_add(1, 0, "", "one", &err));
	OK(sink_mbox.folder(tree.sink, &other, NULL, &tree.aside, &at[1], &err));
	for (uint32_t i = 0; i < 6; i++) {
		tree.at = at[i % 2];
		OK(tree_add(2 + i, 0, "", "more", &err));
		if (i == 3)
			OK(tree_seal(TREE_COMMIT, &err));
	}
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "one"));
	for (uint32_t i = 0; i < 6; i++)
		assert_true(comes_back(9 + i % 2, 2 + i, "more"));
	assert_int_equal(messages_in(BOX), 7);
	assert_false(temp_has("u@h/A/B/folder.jsonl.2"));
	/* each goes on below a folder line of its own */
	char *lines = temp_read(LINES, NULL), *last = strstr(lines, "\"uid\":6,");
	assert_non_null(last);
	while (strncmp(last, "{\"folder\"", 9) != 0)
		last--;
	assert_non_null(strstr(last, "\"uidvalidity\":9,\"special_use\""));
	free(lines);
}

static int
open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
folders_share_a_batch_and_are_come_back_to(void **state)
{
	struct folder_at *at[40];
	char path[32], name[80];
	uint64_t aside;

	(void)state;
	OK(tree_open(&err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(path, sizeof path, "f/%u/x", i);
		struct folder_rec rec = {
			.id = 100 + i, .name = path, .path = path, .mark = "", .uidvalidity = 5
		};

		OK(sink_mbox.folder(tree.sink, &rec, NULL, &aside, &at[i], &err));
		tree.at = at[i];
		OK(tree_add(1, 0, "", "x\r\n", &err));
		if (i % 7 == 6)
			OK(tree_seal(TREE_COMMIT, &err));
	}
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		tree.at = at[i];
		OK(tree_add(2, 0, "kw", "y\r\n", &err));
	}
	OK(tree_seal(TREE_COMMIT, &err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(name, sizeof name, "u@h/f/%u/x/folder.mbox", i);
		assert_true(temp_holds(name, FROM("1") "x\n\n" FROM("2") "y\n\n"));
	}
	OK(sink_mbox.folder(tree.sink, &tree.rec, NULL, &aside, &tree.at, &err));
	assert_true(open_files() < 20);
}

static void
an_abandoned_message_leaves_nothing(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");
	static char big[600000];

	(void)state;
	memset(big, 'x', sizeof big);
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(sink_mbox.begin(tree.sink, tree.at, &m, &err));
	OK(sink_mbox.write(tree.sink, (struct slice){ big, sizeof big }, &err));
	sink_mbox.abandon(tree.sink);
	sink_mbox.abandon(tree.sink);
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, FROM("1") "one\n\n" FROM("2") "two\n\n"));
}

static void
an_orderly_end_takes_back_what_was_not_sealed(void **state)
{
	struct msg m = tree_msg(3, 0, "", "x");
	static char big[600000];

	(void)state;
	memset(big, 'x', sizeof big);
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	big[sizeof big - 1] = '\0';
	OK(tree_add(2, 0, "", big, &err));
	OK(sink_mbox.begin(tree.sink, tree.at, &m, &err));
	OK(sink_mbox.write(tree.sink, slice_str(big), &err));
	tree_close();
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
}

/* ---- kills ---- */

/* A run in a process of its own that is killed where `stage` says. */
enum { KILL_IN_MESSAGE = 10, KILL_UNSEALED, KILL_LARGE };

static void
killed_at(int stage)
{
	static char big[600000];
	struct msg m = tree_msg(2, 0, "", "x");
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		memset(big, 'x', sizeof big - 1);
		big[300000] = stage == KILL_LARGE ? '\r' : 'x';
		alarm(60);
		if (stage == KILL_IN_MESSAGE || stage == KILL_LARGE) {
			if (sink_mbox.begin(tree.sink, tree.at, &m, &err) < 0 ||
			    sink_mbox.write(tree.sink, slice_str(big), &err) < 0)
				_exit(1);
		} else if (stage == KILL_UNSEALED) {
			if (tree_add(2, FLAG_SEEN, "b", big, &err) < 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_resumed_run_ends_like_an_undisturbed_one(void **state)
{
	static const int stages[] = { -1, TREE_COMMIT, TREE_SYNC_ONLY, TREE_DROP, KILL_IN_MESSAGE,
		KILL_UNSEALED, KILL_LARGE };
	static struct sink *volatile left[2 * COUNT_OF(stages)]; /* never closed, and no leaks */
	static size_t n_left;
	char *want = NULL, *want_box = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		int stage = stages[i];

		if (i > 0) {
			tree_close();
			OK(temp_dir_remove(state));
			OK(temp_dir_make(state));
			tree_init();
		}
		OK(tree_open(&err));
		OK(tree_add(1, 0, "a", "one\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		if (stage >= KILL_IN_MESSAGE)
			killed_at(stage);
		else if (stage >= 0) {
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
			OK(tree_seal((enum tree_end)stage, &err));
		}
		if (stage >= KILL_IN_MESSAGE) { /* what this process knows is not to be cut */
			left[n_left++ % COUNT_OF(left)] = tree.sink;
			tree.sink = NULL;
			tree.place.unclean = true;
			OK(tree_open(&err));
		} else if (stage >= 0) {
			OK(tree_again(true, &err));
		}
		if (tree_row(2) == NULL)
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		char *lines = temp_read(LINES, NULL), *box = temp_read(BOX, NULL);
		if (want == NULL) {
			want = lines;
			want_box = box;
		}
		assert_string_equal(lines, want);
		assert_string_equal(box, want_box);
		assert_int_equal(temp_count("u@h/A/B"), 2);
		if (lines != want) {
			free(lines);
			free(box);
		}
	}
	free(want);
	free(want_box);
}

/* Before the first commit there is no mark: the file is known by its first line. */
static void
a_kill_before_the_first_commit_starts_the_file_anew(void **state)
{
	(void)state;
	for (int how = TREE_SYNC_ONLY; how <= TREE_DROP; how++) {
		OK(tree_open(&err));
		OK(tree_add(1, 0, "", "lost", &err));
		OK(tree_seal((enum tree_end)how, &err));
		OK(tree_again(true, &err));
		OK(tree_add(1, 0, "", "new", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		assert_true(temp_holds(BOX, FROM("1") "new\n\n"));
		tree_close();
		OK(temp_dir_remove(state));
		OK(temp_dir_make(state));
		tree_init();
	}
	OK(tree_open(&err));
}

/* Octets that a power cut lost are zeros behind the committed length. */
static void
what_a_power_cut_tore_is_cut_off(void **state)
{
	static const char torn[] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	tree_close();
	temp_write(BOX, torn, sizeof torn, "ab");
	tree.place.unclean = true;
	OK(tree_open(&err));
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
	tree_close();
	temp_write(BOX, "From MAILER-D", 13, "ab");
	OK(tree_open(&err));
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
}

/* ---- other programs ---- */

static void
expect_left(const char *want)
{
	struct folder_notes notes;

	sink_mbox.notes(tree.at, &notes);
	assert_non_null(notes.changed);
	assert_non_null(strstr(notes.changed, "folder.mbox.2"));
	assert_true(temp_holds(BOX, want));
	OK(tree_add(5, 0, "", "five", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, want));
	assert_true(comes_back(9, 5, "five"));
	assert_string_equal(told(LINES, 9, 5).file, "folder.mbox.2");
	OK(tree_again(false, &err));
	sink_mbox.notes(tree.at, &notes);
	assert_null(notes.changed);
	OK(tree_add(6, 0, "", "six", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 5, "five"));
	assert_true(comes_back(9, 6, "six"));
	assert_true(comes_back(9, 1, "one"));
}

static void
begin_with_one(void)
{
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	tree_close();
}

static void
mail_that_others_appended_is_never_cut(void **state)
{
	(void)state;
	begin_with_one();
	temp_write(BOX, "From anna@example.org Thu Jan  1\n\nx\n\n", 37, "ab");
	tree.place.unclean = true; /* not even after a kill */
	OK(tree_open(&err));
	expect_left(FROM("1") "one\n\nFrom anna@example.org Thu Jan  1\n\nx\n\n");
}

static void
nor_is_it_behind_what_a_kill_left(void **state)
{
	static const char both[] = FROM("2") "two\n\nFrom anna@example.org Thu Jan  1\n\nx\n\n";

	(void)state;
	begin_with_one();
	temp_write(BOX, both, sizeof both - 1, "ab");
	tree.place.unclean = true;
	OK(tree_open(&err));
	expect_left(FROM("1") "one\n\n" FROM("2") "two\n\nFrom anna@example.org Thu Jan  1\n\nx\n\n");
}

/* A returned mail has our From_ line; when nobody was killed it cannot be ours. */
static void
a_bounce_that_came_after_a_clean_end_is_never_cut(void **state)
{
	(void)state;
	begin_with_one();
	temp_write(BOX, FROM("9") "bounce\n\n", 52, "ab");
	OK(tree_open(&err));
	expect_left(FROM("1") "one\n\n" FROM("9") "bounce\n\n");
}

static void
a_changed_file_is_left(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	tree_close();
	temp_write(BOX, FROM("1") "one\n\n", 49, "wb"); /* the second was deleted */
	tree.place.unclean = true;
	OK(tree_open(&err));
	expect_left(FROM("1") "one\n\n");
}

static void
a_file_that_was_there_before_is_left(void **state)
{
	(void)state;
	OK(mkdir(temp_path("u@h"), 0700));
	OK(mkdir(temp_path("u@h/A"), 0700));
	OK(mkdir(temp_path("u@h/A/B"), 0700));
	temp_write(BOX, FROM("9") "theirs\n\n", 52, "wb");
	OK(tree_open(&err));
	struct folder_notes notes;
	sink_mbox.notes(tree.at, &notes);
	assert_non_null(notes.changed);
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds(BOX, FROM("9") "theirs\n\n"));
	assert_true(comes_back(9, 1, "one"));
}

static void
a_copied_tree_is_gone_on_with(void **state)
{
	char *box, *lines;

	(void)state;
	begin_with_one();
	box = temp_read(BOX, NULL);
	lines = temp_read(LINES, NULL);
	OK(rename(temp_path(BOX), temp_path("inode stays taken")));
	OK(rename(temp_path(LINES), temp_path("this one too")));
	temp_write(BOX, box, strlen(box), "wb");
	temp_write(LINES, lines, strlen(lines), "wb");
	free(box);
	free(lines);
	OK(tree_open(&err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "one"));
	assert_true(comes_back(9, 2, "two"));
	assert_int_equal(messages_in(BOX), 2);
}

static void
a_delivery_in_the_middle_of_a_run_is_an_error(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	temp_write(BOX, "From x\n\n", 8, "ab");
	OK(tree_add(2, 0, "", "two", &err));
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	assert_non_null(strstr(err.text, "another program"));
	assert_non_null(strstr(err.text, "A/B"));
	tree_close();
	assert_true(temp_holds(BOX, FROM("1") "one\n\nFrom x\n\n"));
	OK(tree_open(&err));
	assert_true(temp_holds(BOX, FROM("1") "one\n\nFrom x\n\n"));
	assert_true(temp_has("u@h/A/B/folder.mbox.2"));
}

static void
a_file_that_is_a_link_is_not_written_to(void **state)
{
	(void)state;
	begin_with_one();
	OK(rename(temp_path(BOX), temp_path("elsewhere")));
	OK(symlink("../../../elsewhere", temp_path(BOX)));
	OK(tree_open(&err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("elsewhere", FROM("1") "one\n\n"));
	assert_true(comes_back(9, 2, "two"));
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
	static char big[600000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	signal(SIGXFSZ, SIG_IGN);
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read(LINES, NULL);
	/* in a message */
	limit_files(70000);
	assert_int_equal(tree_add(2, 0, "", big, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 74);
	limit_files(RLIM_INFINITY);
	/* what came before it in the buffer is still whole */
	OK(tree_add(3, 0, "", "three", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 1, "one") && comes_back(9, 3, "three"));
	assert_int_equal(messages_in(BOX), 2);
	free(lines);
	/* in the seal */
	lines = temp_read(LINES, NULL);
	OK(tree_add(4, 0, "", "four", &err));
	limit_files(110);
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	limit_files(RLIM_INFINITY);
	assert_true(temp_holds(LINES, lines));
	free(lines);
	OK(tree_again(false, &err));
	OK(tree_add(4, 0, "", "four", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(comes_back(9, 4, "four"));
	assert_int_equal(messages_in(BOX), 3);
	assert_int_equal(temp_count("u@h/A/B"), 2);
}

/* The sidecar has no room: the octets of the batch are there, its lines are not. The next run, which
 * nobody killed, goes on in the same file. */
static void
a_batch_that_fails_is_taken_back(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read(LINES, NULL);
	signal(SIGXFSZ, SIG_IGN);
	OK(tree_add(2, 0, "", "two", &err));
	limit_files(strlen(lines) + 20);
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	OK(tree_add(3, 0, "", "three", &err));
	limit_files(RLIM_INFINITY);
	assert_true(temp_holds(LINES, lines));
	free(lines);
	tree_close();
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
	OK(tree_open(&err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(messages_in(BOX), 2);
	assert_int_equal(temp_count("u@h/A/B"), 2);
}

/* Files are durable and the rows are not: the state could not be written, the process ended in order. */
static void
a_batch_that_was_not_committed_is_cut_back_after_a_clean_end(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(2, 0, "", "two", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	OK(tree_again(false, &err));
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
	assert_int_equal(temp_count("u@h/A/B"), 2);
	assert_false(told(LINES, 9, 2).found);
}

static void
marks_that_cannot_be_read_are_errors(void **state)
{
	static const char *const bad[] = { "rubbish", "1 1 0 0", "", "1\n1\n", "mbox 1 0 0 x" };
	char good[sizeof tree.mark];

	(void)state;
	begin_with_one();
	memcpy(good, tree.mark, sizeof good);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		/* alone, and behind the sidecar's line */
		snprintf(tree.mark, sizeof tree.mark, "%s", bad[i]);
		if (bad[i][0] != '\0')
			assert_int_equal(tree_open(&err), -1);
		tree_close();
		snprintf(tree.mark, sizeof tree.mark, "%.*s\n%s%s",
		    (int)strcspn(good, "\n"), good, strncmp(bad[i], "mbox", 4) == 0 ? "" : "mbox ",
		    bad[i]);
		assert_int_equal(tree_open(&err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		tree_close();
	}
	assert_true(temp_holds(BOX, FROM("1") "one\n\n"));
	memcpy(tree.mark, good, sizeof good);
	OK(tree_open(&err));
}

static void
a_place_that_cannot_be_made_is_said(void **state)
{
	(void)state;
	temp_write("u@h", "a file", 6, "wb");
	assert_int_equal(tree_open(&err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	OK(unlink(temp_path("u@h")));
	OK(mkdir(temp_path("u@h"), 0700));
	temp_write("u@h/A", "a file", 6, "wb");
	assert_int_equal(tree_open(&err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	tree_close();
	assert_true(temp_holds("u@h/A", "a file"));
}

static void
a_path_cannot_leave_the_account(void **state)
{
	static const char *const bad[] = { "", "../x", "/etc", "A/../../x", ".imex-tmp",
		"A/folder.mbox", NULL };

	(void)state;
	OK(tree_open(&err));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		tree.rec.id = 10 + (int64_t)i;
		tree.rec.path = bad[i];
		assert_int_equal(sink_mbox.folder(tree.sink, &tree.rec, NULL, &tree.aside,
				     &tree.at, &err),
		    -1);
		assert_int_equal(err.kind, ERR_STATE);
	}
}

/* On a file system that ignores case; here by a link. */
static void
two_names_of_one_directory_are_refused(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "one", &err));
	OK(symlink("A", temp_path("u@h/a")));
	tree.rec.id = 2;
	tree.rec.path = "a/B";
	assert_int_equal(
	    sink_mbox.folder(tree.sink, &tree.rec, NULL, &tree.aside, &tree.at, &err), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
	assert_non_null(strstr(err.text, "--windows-names"));
}

static void
names_of_folders_are_paths(void **state)
{
	struct folder list[] = { { .name = slice_str("Entw&APw-rfe/x"), .delim = '/' },
		{ .name = slice_str("entw&APw-rfe"), .delim = '/' } };
	struct buf path;
	bool mapped;

	(void)state;
	buf_init(&path, 4096);
	OK(tree_open(&err));
	OK(sink_mbox.name_folder(tree.sink, &list[0], &path, &mapped, &err));
	assert_string_equal(path.data, "Entwürfe/x");
	assert_false(mapped);
	tree.place.windows_names = true;
	OK(tree_again(false, &err));
	sink_mbox.survey(tree.sink, list, COUNT_OF(list));
	buf_reset(&path);
	OK(sink_mbox.name_folder(tree.sink, &list[0], &path, &mapped, &err));
	assert_memory_equal(path.data, "Entwürfe~", strlen("Entwürfe~"));
	assert_true(mapped);
	buf_done(&path);
}

/* ---- the keeper ---- */

static void
store_one(uint32_t uid)
{
	OK(tree_add(uid, 0, "", uid % 5 == 0 ? "x\ny" : "x\r\n", &err));
}

static void
batches_are_synced_while_the_next_is_written(void **state)
{
	(void)state;
	tree_store_while_settled("B", store_one);
	assert_int_equal(messages_in(BOX) + messages_in("u@h/B/folder.mbox"), 400);
	assert_int_equal(temp_count("u@h/B"), 2);
}

/* Each in both ways of making a batch durable. */
static char each_file[] = "fsync";

#define IN_WAY(name, f, way)                                                                       \
	{                                                                                          \
		name, f, mbox_test_begin, tree_end, way                                       \
	}
#define WITH_DIR(f) IN_WAY(#f, f, NULL), IN_WAY(#f "_by_fsync", f, each_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(messages_stand_in_one_file_and_the_sidecar_tells_where),
		WITH_DIR(an_empty_folder_has_an_empty_file),
		WITH_DIR(line_ends_are_kept_when_asked_for),
		WITH_DIR(a_large_message_is_made_wide_in_the_file),
		WITH_DIR(status_fields_can_be_taken_out_again),
		WITH_DIR(a_change_of_flags_is_a_line_of_the_sidecar),
		WITH_DIR(a_removed_message_is_taken_back_by_a_line),
		WITH_DIR(a_better_copy_is_the_one_that_counts),
		WITH_DIR(another_uidvalidity_goes_on_in_the_same_files),
		WITH_DIR(a_uidvalidity_that_comes_back_cuts_nothing),
		WITH_DIR(records_of_one_directory_share_it_in_a_run),
		WITH_DIR(folders_share_a_batch_and_are_come_back_to),
		WITH_DIR(an_abandoned_message_leaves_nothing),
		WITH_DIR(an_orderly_end_takes_back_what_was_not_sealed),
		WITH_DIR(a_resumed_run_ends_like_an_undisturbed_one),
		WITH_DIR(a_kill_before_the_first_commit_starts_the_file_anew),
		WITH_DIR(what_a_power_cut_tore_is_cut_off),
		WITH_DIR(mail_that_others_appended_is_never_cut),
		WITH_DIR(nor_is_it_behind_what_a_kill_left),
		WITH_DIR(a_bounce_that_came_after_a_clean_end_is_never_cut),
		WITH_DIR(a_changed_file_is_left),
		WITH_DIR(a_file_that_was_there_before_is_left),
		WITH_DIR(a_copied_tree_is_gone_on_with),
		WITH_DIR(a_delivery_in_the_middle_of_a_run_is_an_error),
		WITH_DIR(a_file_that_is_a_link_is_not_written_to),
		WITH_DIR(a_full_disk_leaves_what_was_committed),
		WITH_DIR(a_batch_that_fails_is_taken_back),
		WITH_DIR(a_batch_that_was_not_committed_is_cut_back_after_a_clean_end),
		WITH_DIR(marks_that_cannot_be_read_are_errors),
		WITH_DIR(a_place_that_cannot_be_made_is_said),
		WITH_DIR(a_path_cannot_leave_the_account),
		WITH_DIR(two_names_of_one_directory_are_refused),
		WITH_DIR(names_of_folders_are_paths),
		WITH_DIR(batches_are_synced_while_the_next_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
