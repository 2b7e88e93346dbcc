/* Columns and the progress display's lines, at every width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/cli/cells.h"
#include "app/cli/out.h"
#include "app/report/meter.h"

static const char mixed[] = "Archive/\xc3\x9c" "bersicht \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e e\xcc\x81";

static void
width_counts_wide_and_combining_characters(void **state)
{
	(void)state;
	assert_int_equal(cells_width(slice_str("abc")), 3);
	assert_int_equal(cells_width(slice_str("\xc3\x9c")), 1);
	assert_int_equal(cells_width(slice_str("\xe6\x97\xa5\xe6\x9c\xac")), 4);
	assert_int_equal(cells_width(slice_str("e\xcc\x81")), 1);
	assert_int_equal(cells_width(slice_str("")), 0);
}

static void
a_wide_character_is_never_cut_in_two(void **state)
{
	(void)state;
	for (size_t width = 0; width < 40; width++) {
		struct slice part = cells_fit(slice_str(mixed), width);

		assert_true(cells_width(part) <= width);
		assert_true(part.len == strlen(mixed) || cells_width(part) + 2 > width);
		assert_true(part.len == strlen(mixed) || ((unsigned char)mixed[part.len] & 0xc0) != 0x80);
	}
	assert_int_equal(cells_fit(slice_str("\xe6\x97\xa5"), 1).len, 0);
}

static void
columns_are_exact(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t width = 1; width < 60; width++) {
		buf_reset(&out);
		cells_column(slice_str(mixed), width, &out);
		assert_int_equal(cells_width(buf_slice(&out)), width);
	}
	buf_done(&out);
}

static void
lines_break_at_blanks(void **state)
{
	(void)state;
	assert_int_equal(cells_line(slice_str("one two three"), 9).len, 8);
	assert_int_equal(cells_line(slice_str("one two three"), 7).len, 7);
	assert_int_equal(cells_line(slice_str("onetwothree"), 4).len, 4);
	assert_int_equal(cells_line(slice_str("\xe6\x97\xa5"), 1).len, 3);
	assert_int_equal(cells_line(slice_str("short"), 79).len, 5);
}

static struct view
busy_view(void)
{
	struct view v = {
		.folders_done = 7, .folders_total = 40, .problems = 2,
		.messages_done = 123456, .messages_total = 1234567,
		.bytes_done = 1234567890, .bytes_total = 45678901234, .bytes_s = 45600000,
		.messages_s = 4321, .eta_s = 975, .waiting = WAITING_BACKOFF, .wait_s = 61,
	};

	memcpy(v.folder, mixed, sizeof(mixed));
	return v;
}

static void
both_lines_fit_every_width(void **state)
{
	struct view v = busy_view();
	struct buf line;

	(void)state;
	buf_init(&line, 4096);
	for (size_t width = 20; width <= 200; width++) {
		for (int w = WAITING_NOTHING; w <= WAITING_BACKOFF; w++) {
			v.waiting = (enum waiting)w;
			buf_reset(&line);
			view_numbers(&v, width, &line);
			assert_true(line.len > 0);
			assert_true(cells_width(buf_slice(&line)) <= width);
			buf_reset(&line);
			view_place(&v, width, &line);
			assert_true(line.len > 0);
			assert_true(cells_width(buf_slice(&line)) <= width);
		}
	}
	buf_done(&line);
}

static void
eighty_columns_hold_what_matters(void **state)
{
	struct view v = busy_view();
	struct buf line;

	(void)state;
	buf_init(&line, 4096);
	v.problems = 0;
	v.messages_total = 50000;
	v.messages_done = 20000;
	view_numbers(&v, 79, &line);
	assert_string_equal(line.data,
	    "40%  7/40 folders  20,000/50,000 messages  1.2 GB of 46 GB  46 MB/s  16:15 left");
	buf_reset(&line);
	view_place(&v, 79, &line);
	assert_non_null(strstr(line.data, "the server asked to wait, 1:01 left"));
	buf_done(&line);
}

static void
a_list_shows_its_accounts(void **state)
{
	struct view v = { .accounts_total = 2000, .accounts_done = 500, .accounts_running = 32,
		.accounts_waiting = 3, .accounts_failed = 1, .folders_total = 9, .messages_done = 40000,
		.messages_total = 50000, .eta_s = 60 };
	struct buf line;

	(void)state;
	buf_init(&line, 4096);
	view_numbers(&v, 82, &line);
	assert_string_equal(line.data,
	    "25%  500/2,000 accounts  32 running, 3 waiting, 1 failed  40,000/50,000 messages");
	buf_reset(&line);
	view_numbers(&v, 24, &line);
	assert_string_equal(line.data, "25%  500/2,000 accounts");
	buf_reset(&line);
	view_json(&v, false, &line);
	assert_non_null(strstr(line.data, "\"accounts_waiting\":3"));
	buf_done(&line);
}

static void
names_of_folders_cannot_command_the_terminal(void **state)
{
	struct view v = { .folder = "a\x1b[2Jb\nc", .eta_s = -1 };
	struct buf line;

	(void)state;
	buf_init(&line, 4096);
	view_place(&v, 79, &line);
	for (size_t i = 0; i < line.len; i++)
		assert_true(line.data[i] >= ' ');
	buf_done(&line);
}

static void
rates_are_smoothed_and_give_the_time_left(void **state)
{
	struct progress_all all;
	struct progress p;
	struct meter m = { 0 };
	struct view v;

	(void)state;
	progress_all_init(&all);
	progress_init(&p);
	progress_join(&all, &p);
	atomic_store(&p.bytes_total, 100000000);
	meter_read(&m, &all, 1000, &v);
	assert_int_equal(v.eta_s, -1);
	for (int64_t now = 2000; now <= 31000; now += 1000) {
		atomic_fetch_add(&p.bytes_done, 1000000);
		meter_read(&m, &all, now, &v);
	}
	assert_int_equal(v.bytes_s, 1000000);
	assert_int_equal(v.eta_s, 70);
	assert_int_equal(v.elapsed_s, 30);
	/* One second without a byte must not look like a halt. */
	meter_read(&m, &all, 32000, &v);
	assert_true(v.bytes_s > 700000 && v.bytes_s < 1000000);
	progress_leave(&all, &p);
	progress_done(&p);
	/* What has ended counts on. */
	meter_read(&m, &all, 33000, &v);
	assert_int_equal(v.bytes_done, 30000000);
	progress_all_done(&all);
}

static void
go_through(struct progress_all *all, struct progress_sum *counted, unsigned folders, unsigned stored)
{
	struct progress p;

	progress_init(&p);
	progress_join(all, &p);
	progress_instead(all, &p, counted);
	atomic_store(&p.folders_total, 3);
	atomic_store(&p.folders_done, folders);
	atomic_store(&p.messages_total, 30);
	atomic_store(&p.messages_done, folders * 10);
	atomic_store(&p.messages_new, stored);
	atomic_store(&p.bytes_total, 100 * (30 - stored));
	atomic_store(&p.bytes_done, 100 * stored);
	progress_leave(all, &p);
	progress_done(&p);
}

static void
an_account_that_is_tried_again_counts_once(void **state)
{
	struct progress_sum counted = { 0 }, sum;
	struct progress_all all;
	enum waiting why;
	int64_t until_ms;
	char folder[16];

	(void)state;
	progress_all_init(&all);
	go_through(&all, &counted, 1, 10);
	go_through(&all, &counted, 2, 10);
	go_through(&all, &counted, 3, 10);
	progress_read(&all, &sum, &why, &until_ms, folder, sizeof(folder));
	assert_int_equal(sum.folders_total, 3);
	assert_int_equal(sum.folders_done, 3);
	assert_int_equal(sum.messages_total, 30);
	assert_int_equal(sum.messages_done, 30);
	assert_int_equal(sum.messages_new, 30);
	assert_int_equal(sum.bytes_done, 3000);
	progress_all_done(&all);
}

static void
human_numbers_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 9949, "9.9 kB" }, { 9950, "10 kB" },
		{ 999499, "999 kB" }, { 999500, "1.0 MB" }, { UINT64_MAX, "18 EB" },
	};
	char text[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		human_bytes(sizes[i].bytes, text);
		assert_string_equal(text, sizes[i].text);
	}
	human_count(999, text);
	assert_string_equal(text, "999");
	human_count(UINT64_MAX, text);
	assert_string_equal(text, "18,446,744,073,709,551,615");
	human_span(59, text);
	assert_string_equal(text, "0:59");
	human_span(3661, text);
	assert_string_equal(text, "1:01:01");
	human_span(INT64_MAX, text);
	assert_string_equal(text, "106751991167300 d 15 h");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(width_counts_wide_and_combining_characters),
		cmocka_unit_test(a_wide_character_is_never_cut_in_two),
		cmocka_unit_test(columns_are_exact),
		cmocka_unit_test(lines_break_at_blanks),
		cmocka_unit_test(both_lines_fit_every_width),
		cmocka_unit_test(eighty_columns_hold_what_matters),
		cmocka_unit_test(a_list_shows_its_accounts),
		cmocka_unit_test(names_of_folders_cannot_command_the_terminal),
		cmocka_unit_test(rates_are_smoothed_and_give_the_time_left),
		cmocka_unit_test(an_account_that_is_tried_again_counts_once),
		cmocka_unit_test(human_numbers_are_short),
	};

	cells_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
