/* What the mark allows: cutting back what was not committed, never what somebody else wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/file.h"
#include "store/sidecar.h"
#include "tempdir.h"

static int dir;
static struct sidecar car;
static int fd = -1;
static enum grown_found found;
static char mark[SIDECAR_MARK_MAX];

static const struct folder_rec folder = { .id = 1,
	.name = "A/Entw&APw-rfe",
	.delim = '/',
	.special_use = "\\Drafts \\Important",
	.subscribed = true,
	.path = ".A",
	.mark = "",
	.uidvalidity = 7 };

static int
sidecar_test_begin(void **state)
{
	struct err err;

	mark[0] = '\0';
	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static void
leave(void)
{
	sidecar_done(&car);
	file_close(&fd);
}

static int
sidecar_test_end(void **state)
{
	leave();
	file_close(&dir);
	return temp_dir_remove(state);
}

static int
enter(const struct folder_rec *rec, bool unclean)
{
	struct err err = { 0 };
	size_t key;
	char *head;

	assert_int_equal(sidecar_head(rec, &head, &key, &err), 0);
	int done = sidecar_open(&car, dir, mark, slice_str(head), key, unclean, &fd, &found, &err);
	free(head);
	return done;
}

static void
add(uint32_t uid)
{
	struct msg m = { .uid = uid, .verdict = VERDICT_STORED, .flags = { 0, "" } };
	struct err err = { 0 };

	assert_int_equal(sidecar_add(&car, &m, 7, &(struct sidecar_at){ .file = "base" },
		&m.flags, &err), 0);
}

/* Write what is queued; `commit` also keeps the mark. */
static void
put(bool commit)
{
	struct err err = { 0 };
	struct buf lines;
	uint64_t from;

	sidecar_take(&car, &lines, &from);
	assert_int_equal(sidecar_append(fd, from, buf_slice(&lines), &err), 0);
	buf_done(&lines);
	if (commit)
		sidecar_mark(&car, mark);
}

static size_t
size_of(const char *name)
{
	struct stat st;

	return stat(temp_path(name), &st) == 0 ? (size_t)st.st_size : 0;
}

/* A committed file of one folder line and `n` messages, closed. */
static void
committed(unsigned n)
{
	assert_int_equal(enter(&folder, false), 0);
	for (uint32_t uid = 1; uid <= n; uid++)
		add(uid);
	put(true);
	leave();
}

static void
the_first_line_describes_the_folder(void **state)
{
	(void)state;
	assert_int_equal(enter(&folder, false), 0);
	put(true);
	assert_true(temp_holds("folder.jsonl",
	    "{\"folder\":\"A/Entwürfe\",\"name\":\"A/Entw&APw-rfe\",\"delim\":\"/\","
	    "\"uidvalidity\":7,\"special_use\":[\"\\\\Drafts\",\"\\\\Important\"],\"subscribed\":"
	    "true}\n"));
}

static void
a_message_line_holds_what_the_name_cannot(void **state)
{
	struct msg m = { .uid = 5,
		.size_known = true,
		.size = 99,
		.date = { true, 837596665, -420 },
		.flags = { FLAG_SEEN | FLAG_ANSWERED | FLAG_RECENT,
		    "$Forwarded gr\xc3\xbc\xc3\x9f" },
		.verdict = VERDICT_HEADER_ONLY,
		.wire_bytes = 100,
		.file_bytes = 97 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(enter(&folder, false), 0);
	put(false);
	memset(m.sha256, 0xab, sizeof m.sha256);
	assert_int_equal(sidecar_add(&car, &m, 7, &(struct sidecar_at){ .file = "1.V7U5.imex,S=97,W=100" },
		&m.flags, &err), 0);
	m.raw_date = "00-Jan-0000 \"x\"";
	m.size_known = false;
	assert_int_equal(sidecar_add(&car, &m, 7, &(struct sidecar_at){ .file = "b" },
		&m.flags, &err), 0);
	m.raw_date = NULL;
	m.date.known = false;
	assert_int_equal(sidecar_add(&car, &m, 7, &(struct sidecar_at){ .file = "b" },
		&m.flags, &err), 0);
	char *end = NULL;
	char *line = strtok_r(car.lines.data, "\n", &end);
	assert_string_equal(line,
	    "{\"uid\":5,\"uidvalidity\":7,\"file\":\"1.V7U5.imex,S=97,W=100\","
	    "\"flags\":[\"\\\\Answered\",\"\\\\Seen\"],\"keywords\":[\"$Forwarded\","
	    "\"gr\xc3\xbc\xc3\x9f\"],"
	    "\"internaldate\":\"17-Jul-1996 02:44:25 "
	    "-0700\",\"size\":99,\"wire\":100,\"stored\":97,\"sha256\":"
	    "\"abababababababababababababababababababababababababababababababab\",\"verdict\":"
	    "\"header-only\"}");
	json_t *second = json_loads(strtok_r(NULL, "\n", &end), 0, NULL);
	assert_non_null(second);
	assert_string_equal(
	    json_string_value(json_object_get(second, "internaldate")), "00-Jan-0000 \"x\"");
	assert_true(json_is_null(json_object_get(second, "size")));
	json_decref(second);
	json_t *third = json_loads(strtok_r(NULL, "\n", &end), 0, NULL);
	assert_true(json_is_null(json_object_get(third, "internaldate")));
	json_decref(third);
}

static void
what_was_not_committed_is_cut_back(void **state)
{
	(void)state;
	committed(3);
	size_t len = size_of("folder.jsonl");
	assert_int_equal(enter(&folder, false), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	add(4);
	put(false);
	leave();
	assert_true(size_of("folder.jsonl") > len);
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(found, GROWN_LONGER);
	assert_int_equal(size_of("folder.jsonl"), len);
	assert_int_equal(car.lines.len, 0);
}

/* The mark must be of the content, not of how it was put together. */
static void
marks_do_not_depend_on_batches(void **state)
{
	char one[SIDECAR_MARK_MAX];

	(void)state;
	assert_int_equal(enter(&folder, false), 0);
	for (uint32_t uid = 1; uid <= 60; uid++) {
		add(uid);
		if (uid % 7 == 0)
			put(true);
	}
	put(true);
	leave();
	memcpy(one, mark, sizeof one);
	assert_true(size_of("folder.jsonl") > 2 * SIDECAR_TAIL);
	assert_int_equal(enter(&folder, false), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	sidecar_mark(&car, mark);
	assert_string_equal(mark, one);
}

static void
check_left(const char *was, size_t len)
{
	size_t now_len;
	char *now = temp_read("folder.jsonl", &now_len);

	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(car.file.number, 2);
	assert_true(car.lines.len > 0);
	assert_int_equal(now_len, len);
	assert_memory_equal(now, was, len);
	free(now);
}

static void
a_file_that_somebody_changed_is_left_and_the_next_started(void **state)
{
	size_t len = 0;

	(void)state;
	committed(3);
	char *text = temp_read("folder.jsonl", &len);
	text[len - 10] ^= 1;
	temp_write("folder.jsonl", text, len, "r+b");
	assert_int_equal(enter(&folder, true), 0);
	check_left(text, len);
	put(true);
	leave();
	free(text);
	assert_int_equal(enter(&folder, false), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	assert_int_equal(car.file.number, 2);
}

static void
a_file_that_became_shorter_is_left(void **state)
{
	size_t len = 0;

	(void)state;
	committed(3);
	char *text = temp_read("folder.jsonl", &len);
	assert_int_equal(truncate(temp_path("folder.jsonl"), (off_t)len - 1), 0);
	assert_int_equal(enter(&folder, true), 0);
	check_left(text, len - 1);
	free(text);
}

/* A tree that was copied has other inodes: gone on with when nothing needs to be cut. */
static void
a_copy_is_gone_on_with_only_at_the_very_length(void **state)
{
	size_t len = 0;

	(void)state;
	committed(3);
	char *text = temp_read("folder.jsonl", &len);
	assert_int_equal(link(temp_path("folder.jsonl"), temp_path("its inode stays taken")), 0);
	temp_write("copy", text, len, "wb");
	assert_int_equal(rename(temp_path("copy"), temp_path("folder.jsonl")), 0);
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	assert_int_equal(car.file.number, 1);
	leave();
	temp_write("copy", text, len, "wb");
	temp_write("copy", "{}\n", 3, "ab");
	assert_int_equal(rename(temp_path("copy"), temp_path("folder.jsonl")), 0);
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(size_of("folder.jsonl"), len + 3);
	free(text);
}

static void
a_file_that_is_gone_is_told(void **state)
{
	(void)state;
	committed(1);
	assert_int_equal(unlink(temp_path("folder.jsonl")), 0);
	assert_int_equal(enter(&folder, false), 0);
	assert_int_equal(found, GROWN_LEFT);
	assert_true(car.lines.len > 0);
}

static void
without_a_mark_only_ours_is_cut_and_only_after_a_kill(void **state)
{
	size_t len = 0;

	(void)state;
	committed(2);
	mark[0] = '\0';
	len = size_of("folder.jsonl");
	assert_int_equal(enter(&folder, false), 0); /* the state was lost: hands off */
	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(car.file.number, 2);
	assert_int_equal(size_of("folder.jsonl"), len);
	leave();
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	assert_int_equal(car.file.number, 1);
	assert_int_equal(size_of("folder.jsonl"), 0);
	leave();
	temp_write("folder.jsonl", "{\"folder\":\"A/En", 15, "wb"); /* torn */
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(car.file.number, 1);
	leave();
	temp_write("folder.jsonl", "\0\0\0\0\0\0", 6, "wb");
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(car.file.number, 1);
	leave();
	temp_write("folder.jsonl", "my notes\n", 9, "wb");
	assert_int_equal(enter(&folder, true), 0);
	assert_int_equal(found, GROWN_LEFT);
	assert_true(temp_holds("folder.jsonl", "my notes\n"));
}

static void
another_uidvalidity_has_its_own_file(void **state)
{
	struct folder_rec renumbered = folder;

	(void)state;
	committed(2);
	size_t len = size_of("folder.jsonl");
	mark[0] = '\0';
	renumbered.uidvalidity = 77;
	assert_int_equal(enter(&renumbered, true), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	assert_int_equal(car.file.number, 2);
	assert_int_equal(size_of("folder.jsonl"), len);
}

/* The engine may hand on the mark of the older record instead: then the file goes on with a new
 * folder line. */
static void
the_folder_line_is_written_again_when_it_changed(void **state)
{
	struct folder_rec changed = folder;

	(void)state;
	committed(2);
	changed.subscribed = false;
	assert_int_equal(enter(&changed, false), 0);
	assert_int_equal(found, GROWN_AS_LEFT);
	assert_non_null(strstr(car.lines.data, "\"subscribed\":false"));
	put(true);
	leave();
	assert_int_equal(enter(&changed, false), 0);
	assert_int_equal(car.lines.len, 0);
}

static void
a_damaged_mark_is_an_error(void **state)
{
	static const char *const bad[] = { "2 1 0 0 x -", "1", "1 0 0 0 x -", "1 1 -1 0 x -",
		"rubbish",
		"1 1 0 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 short" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(mark, sizeof mark, "%s", bad[i]);
		assert_int_equal(enter(&folder, false), -1);
		sidecar_done(&car);
	}
	assert_int_equal(temp_count("."), 0);
}

static void
an_append_onto_a_changed_file_is_refused(void **state)
{
	struct err err = { 0 };

	(void)state;
	committed(1);
	assert_int_equal(enter(&folder, false), 0);
	temp_write("folder.jsonl", "x", 1, "ab");
	assert_int_equal(sidecar_append(fd, car.file.len, (struct slice){ "y\n", 2 }, &err), -1);
}

static void
later_marks_are_those_of_longer_files_and_higher_numbers(void **state)
{
	char older[SIDECAR_MARK_MAX];

	(void)state;
	committed(1);
	memcpy(older, mark, sizeof older);
	assert_int_equal(enter(&folder, false), 0);
	add(2);
	put(true);
	assert_true(sidecar_mark_later(mark, older));
	assert_false(sidecar_mark_later(older, mark));
	assert_true(sidecar_mark_later(older, ""));
	assert_false(sidecar_mark_later("", older));
	assert_false(sidecar_mark_later("rubbish", older));
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, sidecar_test_begin, sidecar_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(the_first_line_describes_the_folder),
		WITH_DIR(a_message_line_holds_what_the_name_cannot),
		WITH_DIR(what_was_not_committed_is_cut_back),
		WITH_DIR(marks_do_not_depend_on_batches),
		WITH_DIR(a_file_that_somebody_changed_is_left_and_the_next_started),
		WITH_DIR(a_file_that_became_shorter_is_left),
		WITH_DIR(a_copy_is_gone_on_with_only_at_the_very_length),
		WITH_DIR(a_file_that_is_gone_is_told),
		WITH_DIR(without_a_mark_only_ours_is_cut_and_only_after_a_kill),
		WITH_DIR(another_uidvalidity_has_its_own_file),
		WITH_DIR(the_folder_line_is_written_again_when_it_changed),
		WITH_DIR(a_damaged_mark_is_an_error),
		WITH_DIR(an_append_onto_a_changed_file_is_refused),
		WITH_DIR(later_marks_are_those_of_longer_files_and_higher_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
