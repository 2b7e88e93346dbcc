/* Files that only grow: what a mark allows to be cut, and what is never touched. Sidecars are tested
 * on their own; here is what other kinds ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/grown.h"
#include "store/pio.h"
#include "tempdir.h"

#define OK(call) assert_int_equal(call, 0)

static struct err err;
static struct grown g;
static enum grown_found found;
static int dir = -1, fd = -1;

static int
grown_test_begin(void **state)
{
	err = (struct err){ 0 };
	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static int
grown_test_end(void **state)
{
	file_close(&fd);
	file_close(&dir);
	return temp_dir_remove(state);
}

static void
box_name(const void *arg, unsigned number, char ret[GROWN_NAME_MAX])
{
	grown_name(arg, number, ret);
}

static enum grown_claim
box_claim(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	(void)arg;
	(void)at;
	(void)unclean;
	return *start.data == '#' ? GROWN_OURS : *start.data == '+' ? GROWN_OTHERS : GROWN_FOREIGN;
}

static const struct grown_kind box = {
	.name = box_name, .claim = box_claim, .start_max = 4, .ask_surplus = true, .arg = "box"
};

static int
open_box(const struct grown_mark *m)
{
	file_close(&fd);
	return grown_open(&g, dir, &box, m, true, &fd, &found, &err);
}

static struct grown_mark
mark_now(void)
{
	struct grown_mark m;
	char text[GROWN_MARK_MAX];
	struct slice s;

	grown_mark_text(&g, text);
	s = slice_str(text);
	assert_true(grown_mark_read(&s, &m));
	assert_int_equal(s.len, 0);
	return m;
}

static struct grown_mark
box_of(const char *octets)
{
	OK(open_box(NULL));
	OK(grown_append(fd, 0, slice_str(octets), &err));
	grown_add(&g, slice_str(octets));
	return mark_now();
}

static void
only_what_is_claimed_is_cut_behind_the_mark(void **state)
{
	(void)state;
	struct grown_mark m = box_of("#one");

	temp_write("box", "#two", 4, "ab");
	OK(open_box(&m));
	assert_int_equal(found, GROWN_LONGER);
	assert_true(temp_holds("box", "#one"));
	temp_write("box", "mail of others", 14, "ab");
	OK(open_box(&m));
	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(g.number, 2);
	assert_true(temp_holds("box", "#onemail of others"));
	assert_true(temp_holds("box.2", ""));
}

static void
without_a_mark_only_what_is_claimed_is_started_anew(void **state)
{
	(void)state;
	temp_write("box", "theirs", 6, "wb");
	temp_write("box.2", "+ours, of another", 17, "wb");
	temp_write("box.3", "#left by a kill", 15, "wb");
	OK(open_box(NULL));
	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(g.number, 3);
	assert_true(temp_holds("box", "theirs"));
	assert_true(temp_holds("box.2", "+ours, of another"));
	assert_true(temp_holds("box.3", ""));
}

static void
a_link_or_a_directory_in_the_place_is_not_followed(void **state)
{
	struct grown_mark m;

	(void)state;
	m = box_of("#one");
	OK(rename(temp_path("box"), temp_path("elsewhere")));
	OK(symlink("elsewhere", temp_path("box")));
	OK(open_box(&m));
	assert_int_equal(found, GROWN_LEFT);
	assert_int_equal(g.number, 2);
	assert_int_equal(open_box(NULL), -1);
	assert_true(temp_holds("elsewhere", "#one"));
}

/* However the octets came, by pieces or read back, the mark is the same. */
static void
the_end_can_be_read_back(void **state)
{
	static char octets[3 * GROWN_TAIL];
	struct grown_mark by_pieces;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)(i * 7 % 251);
	OK(open_box(NULL));
	for (size_t at = 0, n = 1; at < sizeof octets; at += n, n = n * 2 + 3) {
		n = n < sizeof octets - at ? n : sizeof octets - at;
		OK(grown_append(fd, at, (struct slice){ octets + at, n }, &err));
		grown_add(&g, (struct slice){ octets + at, n });
	}
	by_pieces = mark_now();
	g.tail_len = 0;
	OK(grown_look(&g, fd, sizeof octets, &err));
	struct grown_mark looked = mark_now();
	assert_memory_equal(&looked, &by_pieces, sizeof looked);
	assert_int_equal(grown_look(&g, fd, sizeof octets - 1, &err), -1);
	OK(unlink(temp_path("box")));
	assert_int_equal(grown_look(&g, fd, sizeof octets, &err), -1);
	assert_non_null(strstr(err.text, "removed"));
	assert_int_equal(grown_append(fd, sizeof octets, slice_str("x"), &err), -1);
}

static void
marks_have_an_order_in_time(void **state)
{
	struct grown_mark a = { .number = 1, .len = 900 }, b = { .number = 2, .len = 5 };

	(void)state;
	assert_true(grown_mark_later(&b, &a));
	assert_false(grown_mark_later(&a, &b));
	b.number = 1;
	assert_true(grown_mark_later(&a, &b));
	assert_false(grown_mark_later(&a, &a));
}

static void
marks_that_are_none_are_not_read(void **state)
{
	static const char *const bad[] = { "", "1", "0 1 1 ", "10000 1 1 ", "1 -1 1 ", "1 1 x ",
		"1 1 18446744073709551616 ", " 1 1 1 " };
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct grown_mark m;

		snprintf(text, sizeof text, "%s%064d", bad[i], 0);
		struct slice s = slice_str(text);
		assert_false(grown_mark_read(&s, &m));
		s = slice_str(bad[i]);
		assert_false(grown_mark_read(&s, &m));
	}
}

/* ---- making wide in place ---- */

static void
line_ends_are_made_wide_in_place_behind_an_offset(void **state)
{
	static char room[3 * PIO_STEP];
	static char lines[200001];
	uint64_t lfs = 0;
	size_t len = 0, at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof lines; i++) {
		lines[i] = i % 41 == 40 || i % 1000 > 990 ? '\n' : (char)('a' + i % 26);
		lfs += lines[i] == '\n';
	}
	OK(file_open_append(dir, "f", &fd, &err));
	OK(fcntl(fd, F_SETFL, 0));
	OK(pio_write(fd, 0, slice_str("head\n"), &err));
	OK(pio_write(fd, 5, (struct slice){ lines, sizeof lines }, &err));
	OK(pio_widen(fd, fd, 5, sizeof lines, lfs, room, &err));
	char *text = temp_read("f", &len);
	assert_int_equal(len, 5 + sizeof lines + lfs);
	assert_memory_equal(text, "head\n", 5);
	for (size_t i = 5; i < len; i++) {
		if (text[i] == '\r')
			assert_int_equal(text[++i], '\n');
		assert_int_equal(text[i], lines[at]);
		at++;
	}
	free(text);
}

static void
a_wrong_count_of_line_ends_is_an_error(void **state)
{
	static char room[3 * PIO_STEP];

	(void)state;
	OK(file_open_append(dir, "f", &fd, &err));
	OK(fcntl(fd, F_SETFL, 0));
	for (uint64_t lfs = 1; lfs < 6; lfs++) {
		OK(ftruncate(fd, 0));
		OK(pio_write(fd, 0, slice_str("a\nb\nc\nd"), &err));
		assert_int_equal(pio_widen(fd, fd, 0, 7, lfs, room, &err), lfs == 3 ? 0 : -1);
	}
	assert_int_equal(pio_widen(fd, fd, 0, 100, 3, room, &err), -1);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, grown_test_begin, grown_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(only_what_is_claimed_is_cut_behind_the_mark),
		WITH_DIR(without_a_mark_only_what_is_claimed_is_started_anew),
		WITH_DIR(a_link_or_a_directory_in_the_place_is_not_followed),
		WITH_DIR(the_end_can_be_read_back),
		cmocka_unit_test(marks_have_an_order_in_time),
		cmocka_unit_test(marks_that_are_none_are_not_read),
		WITH_DIR(line_ends_are_made_wide_in_place_behind_an_offset),
		WITH_DIR(a_wrong_count_of_line_ends_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
