/* Octets in memory, then in a file without a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/spool.h"
#include "tempdir.h"

enum { LIMIT = 1000 };

static struct spool *
fresh(size_t memory_max)
{
	int dir = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool *s = spool_new(dir, memory_max);

	assert_true(dir >= 0);
	close(dir); /* the spool has its own */
	return s;
}

static void
add(struct spool *s, const char *data, size_t len)
{
	struct err err = { .text = "" };

	if (spool_add(s, (struct slice){ data, len }, &err) < 0)
		fail_msg("%s", err.text);
}

/* n octets that depend on their place. */
static void
add_pattern(struct spool *s, size_t n, size_t step)
{
	char piece[4096];

	assert_true(step <= sizeof(piece));
	for (size_t at = 0; at < n; at += step) {
		size_t len = n - at < step ? n - at : step;

		for (size_t i = 0; i < len; i++)
			piece[i] = (char)((at + i) * 31 % 251);
		add(s, piece, len);
	}
}

static void
check_pattern(struct spool *s, size_t n, size_t step)
{
	struct err err;
	struct slice got;

	assert_int_equal(spool_len(s), n);
	for (size_t at = 0; at < n; at += got.len) {
		assert_int_equal(spool_read(s, at, step, &got, &err), 0);
		assert_int_equal(got.len, n - at < step ? n - at : step);
		for (size_t i = 0; i < got.len; i++) {
			if (got.data[i] != (char)((at + i) * 31 % 251))
				fail_msg("octet %zu of %zu is wrong", at + i, n);
		}
	}
	assert_int_equal(spool_read(s, n, step, &got, &err), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(spool_read(s, n + 5, step, &got, &err), 0);
	assert_int_equal(got.len, 0);
}

static void
what_fits_stays_in_memory(void **state)
{
	struct spool *s = fresh(LIMIT);

	(void)state;
	assert_int_equal(spool_memory(s).len, 0);
	assert_non_null(spool_memory(s).data);
	add_pattern(s, LIMIT, 7);
	assert_int_equal(spool_fd(s), -1);
	assert_int_equal(spool_memory(s).len, LIMIT);
	check_pattern(s, LIMIT, 13);
	spool_free(&s);
	assert_null(s);
	spool_free(&s);
}

static void
one_octet_more_goes_to_a_file_without_a_name(void **state)
{
	struct spool *s = fresh(LIMIT);
	struct stat st;

	(void)state;
	add_pattern(s, LIMIT + 1, 7);
	assert_true(spool_fd(s) >= 0);
	assert_null(spool_memory(s).data);
	assert_int_equal(fstat(spool_fd(s), &st), 0);
	assert_int_equal(st.st_size, LIMIT + 1);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(temp_count("."), 0);
	check_pattern(s, LIMIT + 1, 13);
	check_pattern(s, LIMIT + 1, 4096);
	spool_free(&s);
}

static void
a_large_piece_goes_straight_to_the_file(void **state)
{
	struct spool *s = fresh(LIMIT);

	(void)state;
	add_pattern(s, 1, 1);
	spool_reset(s);
	add_pattern(s, 300000, 4096);
	check_pattern(s, 300000, 1000);
	check_pattern(s, 300000, 300000);
	add(s, "x", 1); /* what was read before is not stale */
	struct slice got;
	struct err err;
	assert_int_equal(spool_read(s, 299999, 10, &got, &err), 0);
	assert_int_equal(got.len, 2);
	assert_int_equal(got.data[1], 'x');
	spool_free(&s);
}

static void
one_spool_holds_many_messages(void **state)
{
	struct spool *s = fresh(LIMIT);
	struct stat st;

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		size_t n = i % 3 == 0 ? i * 17 : i % 50;

		spool_reset(s);
		assert_int_equal(spool_len(s), 0);
		add_pattern(s, n, 100);
		assert_int_equal(spool_fd(s) >= 0, n > LIMIT);
		check_pattern(s, n, 37);
	}
	add_pattern(s, 5000, 100);
	int fd = spool_fd(s);
	spool_reset(s);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0); /* the disk is given back */
	assert_int_equal(spool_fd(s), -1);
	spool_free(&s);
}

static void
small_messages_need_neither_system_nor_memory(void **state)
{
	struct spool *s = spool_new(-1, LIMIT);

	(void)state;
	add_pattern(s, LIMIT, 100);
	const char *memory = spool_memory(s).data;
	for (int i = 0; i < 100000; i++) {
		spool_reset(s);
		add_pattern(s, 100, 100);
		assert_ptr_equal(spool_memory(s).data, memory);
	}
	spool_free(&s);
}

static void
a_spool_without_a_directory_says_so(void **state)
{
	struct spool *s = spool_new(-1, LIMIT);
	struct err err;

	(void)state;
	add_pattern(s, LIMIT, 100);
	assert_int_equal(spool_add(s, (struct slice){ "x", 1 }, &err), -1);
	assert_int_equal(err.kind, ERR_MESSAGE);
	spool_reset(s);
	add_pattern(s, LIMIT, 100);
	check_pattern(s, LIMIT, 100);
	spool_free(&s);
}

static void
what_is_no_directory_is_an_error(void **state)
{
	struct err err = { .text = "" };

	(void)state;
	int file = open(temp_path("file"), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	struct spool *s = spool_new(file, 0);
	close(file);
	assert_int_equal(spool_add(s, (struct slice){ "x", 1 }, &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	spool_free(&s);
}

static void
a_full_file_is_an_error_and_the_next_message_is_fine(void **state)
{
	struct spool *s = fresh(LIMIT);
	struct rlimit old, small;
	struct err err = { .text = "" };
	char piece[4096] = { 0 };

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ .rlim_cur = 8192, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	int done = 0;
	for (int i = 0; i < 3 && done == 0; i++)
		done = spool_add(s, (struct slice){ piece, sizeof(piece) }, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(done, -1);
	assert_int_equal(err.kind, ERR_DISK);
	spool_reset(s);
	add_pattern(s, 9000, 500);
	check_pattern(s, 9000, 500);
	spool_free(&s);
}

static void
copies_are_whole(void **state)
{
	(void)state;
	for (size_t limit = 10; limit <= 1000000; limit *= 100000) {
		struct spool *s = fresh(limit), *t = fresh(100);
		struct err err;
		size_t len;

		add_pattern(s, 700001, 4096);
		int fd = open(temp_path("copy"), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, "head", 4), 4);
		assert_int_equal(spool_copy(s, fd, &err), 0);
		close(fd);
		char *copy = temp_read("copy", &len);
		assert_int_equal(len, 700005);
		assert_memory_equal(copy, "head", 4);
		add(t, copy + 4, 10);
		assert_int_equal(spool_copy_range(s, 10, UINT64_MAX, t, &err), 0);
		check_pattern(t, 700001, 9999);
		free(copy);
		spool_free(&s);
		spool_free(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_stays_in_memory),
		cmocka_unit_test(one_octet_more_goes_to_a_file_without_a_name),
		cmocka_unit_test(a_large_piece_goes_straight_to_the_file),
		cmocka_unit_test(one_spool_holds_many_messages),
		cmocka_unit_test(small_messages_need_neither_system_nor_memory),
		cmocka_unit_test(a_spool_without_a_directory_says_so),
		cmocka_unit_test(what_is_no_directory_is_an_error),
		cmocka_unit_test(a_full_file_is_an_error_and_the_next_message_is_fine),
		cmocka_unit_test(copies_are_whole),
	};

	return cmocka_run_group_tests(tests, temp_dir_make, temp_dir_remove);
}
