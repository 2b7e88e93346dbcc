/* app/metrics: what Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/report/metrics.h"
#include "base/file.h"
#include "tempdir.h"

static const struct view seen = { .accounts_total = 20, .accounts_done = 7, .accounts_failed = 2,
	.accounts_running = 4, .accounts_waiting = 1, .folders_total = 30, .folders_done = 12,
	.messages_total = 900, .messages_done = 500, .messages_new = 450, .bytes_done = 123456,
	.problems = 3 };

static void
has(const struct buf *text, const char *line)
{
	if (strstr(text->data, line) == NULL)
		fail_msg("no line '%s' in:\n%s", line, text->data);
}

static void
each_number_has_its_line(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 64 * 1024);
	metrics_text(&seen, "/srv/job", 1700000000000, 1700000060500, -1, &text);
	has(&text, "# TYPE imex_accounts gauge\n");
	has(&text, "imex_accounts{job=\"/srv/job\",state=\"queued\"} 8\n");
	has(&text, "imex_accounts{job=\"/srv/job\",state=\"running\"} 4\n");
	has(&text, "imex_accounts{job=\"/srv/job\",state=\"waiting\"} 1\n");
	has(&text, "imex_accounts{job=\"/srv/job\",state=\"done\"} 5\n");
	has(&text, "imex_accounts{job=\"/srv/job\",state=\"failed\"} 2\n");
	has(&text, "# TYPE imex_messages_done gauge\n"); /* falls when an account is tried again */
	has(&text, "# TYPE imex_messages_stored_total counter\n");
	has(&text, "imex_messages_stored_total{job=\"/srv/job\"} 450\n");
	has(&text, "imex_fetched_bytes_total{job=\"/srv/job\"} 123456\n");
	has(&text, "imex_run_start_time_seconds{job=\"/srv/job\"} 1700000000\n");
	has(&text, "imex_updated_time_seconds{job=\"/srv/job\"} 1700000060\n");
	has(&text, "imex_run_finished{job=\"/srv/job\"} 0\n");
	assert_null(strstr(text.data, "imex_exit_code"));
	buf_reset(&text);
	metrics_text(&seen, "/srv/job", 0, 0, 2, &text);
	has(&text, "imex_run_finished{job=\"/srv/job\"} 1\n");
	has(&text, "imex_exit_code{job=\"/srv/job\"} 2\n");
	buf_done(&text);
}

static void
each_name_is_explained_once(void **state)
{
	struct buf text;
	size_t lines = 0, helps = 0, types = 0;

	(void)state;
	buf_init(&text, 64 * 1024);
	metrics_text(&seen, "j", 0, 0, 0, &text);
	for (const char *p = text.data; *p; p = strchr(p, '\n') + 1) {
		helps += strncmp(p, "# HELP imex_", 12) == 0;
		types += strncmp(p, "# TYPE imex_", 12) == 0;
		lines += strncmp(p, "imex_", 5) == 0;
	}
	assert_int_equal(helps, types);
	assert_int_equal(lines, helps + 4); /* accounts have five */
	buf_done(&text);
}

static void
labels_are_escaped(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 64 * 1024);
	metrics_text(&seen, "a\"b\\c\nd", 0, 0, 0, &text);
	has(&text, "{job=\"a\\\"b\\\\c\\nd\"}");
	buf_reset(&text);
	metrics_text(&seen, "caf\xe9", 0, 0, 0, &text);
	has(&text, "{job=\"caf\\\\xe9\"}");
	buf_done(&text);
}

static void
the_file_is_replaced_and_stays(void **state)
{
	char path[512];
	struct progress_all all;
	struct metrics *m;
	struct buf text;
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/imex.prom", temp_dir);
	progress_all_init(&all);
	buf_init(&text, 64 * 1024);
	assert_int_equal(metrics_open(&m, path, "j", &all, &err), 0);
	assert_int_equal(file_read(AT_FDCWD, path, &text, &err), 0);
	has(&text, "imex_run_finished{job=\"j\"} 0\n");
	metrics_close(&m, 1);
	buf_reset(&text);
	assert_int_equal(file_read(AT_FDCWD, path, &text, &err), 0);
	has(&text, "imex_exit_code{job=\"j\"} 1\n");
	buf_done(&text);
	progress_all_done(&all);
}

static void
a_place_that_is_none_is_told_at_once(void **state)
{
	struct progress_all all;
	struct metrics *m;
	struct err err;

	(void)state;
	progress_all_init(&all);
	assert_int_equal(metrics_open(&m, "/no/such/place/imex.prom", "j", &all, &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_null(m);
	assert_int_equal(metrics_open(&m, NULL, "j", &all, &err), 0);
	metrics_tick(m);
	metrics_close(&m, 0);
	progress_all_done(&all);
}

static void
what_is_no_file_is_not_replaced(void **state)
{
	char path[512], left[600];
	struct progress_all all;
	struct metrics *m;
	struct stat st;
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/pipe", temp_dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	progress_all_init(&all);
	assert_int_equal(metrics_open(&m, path, "j", &all, &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_null(m);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	snprintf(left, sizeof(left), "%s.%ld", path, (long)getpid());
	assert_int_equal(access(left, F_OK), -1);
	progress_all_done(&all);
}

static void
another_file_is_not_replaced(void **state)
{
	char path[512];
	struct progress_all all;
	struct metrics *m;
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/imex.db", temp_dir);
	progress_all_init(&all);
	for (size_t i = 0; i < 2; i++) {
		const char *there = i == 0 ? "SQLite format 3" : "# HELP";

		temp_write("imex.db", there, strlen(there), "wb");
		assert_int_equal(metrics_open(&m, path, "j", &all, &err), -1);
		assert_int_equal(err.kind, ERR_CREATE);
		assert_true(temp_holds("imex.db", there));
	}
	temp_write("imex.db", "", 0, "wb");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(metrics_open(&m, path, "j", &all, &err), 0);
		metrics_close(&m, 0);
	}
	progress_all_done(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_number_has_its_line),
		cmocka_unit_test(each_name_is_explained_once),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test_setup_teardown(the_file_is_replaced_and_stays, temp_dir_make, temp_dir_remove),
		cmocka_unit_test(a_place_that_is_none_is_told_at_once),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, temp_dir_make, temp_dir_remove),
		cmocka_unit_test_setup_teardown(another_file_is_not_replaced, temp_dir_make, temp_dir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
