/* base/file: modes, short writes, full disks, and what is left after a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/mem.h"
#include "tempdir.h"

static mode_t
mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(temp_path(name), &st), 0);
	return st.st_mode & 07777;
}

static void
file_made_by_us_is_for_us_alone(void **state)
{
	AUTO(file_close) int fd = -1;
	struct err err;

	(void)state;
	mode_t old = umask(0);

	assert_int_equal(file_make_dirs(temp_path("a/b//c/"), &err), 0);
	assert_int_equal(file_make_dirs(temp_path("a/b/c"), &err), 0);
	assert_int_equal(file_create(AT_FDCWD, temp_path("a/b/f"), &fd, &err), 0);
	umask(old);
	assert_int_equal(mode_of("a"), 0700);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(mode_of("a/b/f"), 0600);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	file_close(&fd);
	assert_int_equal(fd, -1);
	file_close(&fd);
}

static void
file_is_never_written_through_a_symbolic_link(void **state)
{
	AUTO(file_close) int fd = -1;
	struct err err;

	(void)state;
	temp_write("victim", "precious", 8, "w");
	assert_int_equal(symlink("victim", temp_path("link")), 0);
	assert_int_equal(file_create(AT_FDCWD, temp_path("link"), &fd, &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_int_equal(file_create_exclusive(AT_FDCWD, temp_path("link"), &fd, &err), 1);
	assert_int_equal(file_create_exclusive(AT_FDCWD, temp_path("victim"), &fd, &err), 1);
	assert_int_equal(file_open_append(AT_FDCWD, temp_path("link"), &fd, &err), -1);
	assert_true(temp_holds("victim", "precious"));
	assert_int_equal(file_replace(AT_FDCWD, temp_path("link"), slice_str("new"), &err), 0);
	assert_true(temp_holds("victim", "precious"));
	assert_true(temp_holds("link", "new"));
}

static void
file_make_dir_takes_a_directory_that_is_there_but_no_file(void **state)
{
	struct err err;

	(void)state;
	temp_write("plain", "x", 1, "w");
	assert_int_equal(file_make_dir(AT_FDCWD, temp_path("plain"), &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_int_equal(file_make_dirs(temp_path("plain/below"), &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_non_null(strstr(err.text, "plain"));
	assert_int_equal(mkdir(temp_path("real"), 0700), 0);
	assert_int_equal(symlink("real", temp_path("other disk")), 0);
	assert_int_equal(file_make_dir(AT_FDCWD, temp_path("other disk"), &err), 0);
}

static void
file_paths_start_at_the_directory_given(void **state)
{
	AUTO(file_close) int dir = -1;
	AUTO(file_close) int fd = -1;
	struct err err;

	(void)state;
	assert_int_equal(file_open_dir(AT_FDCWD, temp_dir, &dir, &err), 0);
	assert_int_equal(file_make_dir(dir, "cur", &err), 0);
	assert_int_equal(file_create(dir, "t", &fd, &err), 0);
	assert_int_equal(file_write(fd, "abc", 3, &err), 0);
	assert_int_equal(file_sync(fd, &err), 0);
	assert_int_equal(file_rename(dir, "t", dir, "cur/t", &err), 0);
	assert_int_equal(file_sync(dir, &err), 0);
	assert_true(temp_holds("cur/t", "abc"));
	assert_int_equal(file_rename(dir, "t", dir, "cur/t", &err), -1);
	assert_int_equal(err.kind, ERR_DISK);
	assert_int_equal(err.sys, ENOENT);
}

static void
file_open_append_adds_to_what_is_there(void **state)
{
	AUTO(file_close) int fd = -1;
	struct err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(file_open_append(AT_FDCWD, temp_path("log"), &fd, &err), 0);
		assert_int_equal(file_write(fd, "line\n", 5, &err), 0);
		file_close(&fd);
	}
	assert_true(temp_holds("log", "line\nline\n"));
}

static void
file_full_disk_is_told_as_full(void **state)
{
	AUTO(file_close) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err err;

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(file_write(fd, "x", 1, &err), -1);
	assert_int_equal(err.kind, ERR_FULL);
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err.text, "write: No space left on device");
	assert_int_equal(file_write(fd, "x", 0, &err), 0);
}

/* The limit makes the kernel write less than asked for once, then fail: both in one call. */
static void
file_write_finishes_short_writes_up_to_a_size_limit(void **state)
{
	static char data[10000];
	AUTO(file_close) int fd = -1;
	struct rlimit old, small;
	struct stat st;
	struct err err;

	(void)state;
	assert_int_equal(file_create(AT_FDCWD, temp_path("limited"), &fd, &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ .rlim_cur = 6000, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int first = file_write(fd, data, 5000, &err);
	int second = file_write(fd, data, 5000, &err);

	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(first, 0);
	assert_int_equal(second, -1);
	assert_int_equal(err.sys, EFBIG);
	assert_int_equal(err_exit_code(err.kind), 74);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 6000);
}

static void
file_replace_that_fails_leaves_the_old_file_and_no_litter(void **state)
{
	static char data[10000];
	struct rlimit old, small;
	struct err err;

	(void)state;
	assert_int_equal(file_replace(AT_FDCWD, temp_path("report"), slice_str("old"), &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ .rlim_cur = 100, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int done = file_replace(AT_FDCWD, temp_path("report"), (struct slice){ data, sizeof(data) }, &err);

	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(done, -1);
	assert_non_null(strstr(err.text, "report"));
	assert_true(temp_holds("report", "old"));
	assert_int_equal(temp_count("."), 1);
}

static void
file_replace_overwrites_what_a_killed_run_left(void **state)
{
	struct err err;

	(void)state;
	temp_write("report.imex-new", "half of a longer text", 21, "w");
	assert_int_equal(file_replace(AT_FDCWD, temp_path("report"), slice_str("new"), &err), 0);
	assert_true(temp_holds("report", "new"));
	assert_int_equal(temp_count("."), 1);
	assert_int_equal(file_replace(AT_FDCWD, temp_path("no/report"), slice_str("new"), &err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
}

static void
file_read_has_a_limit_and_knows_what_is_missing(void **state)
{
	static char data[50000];
	struct buf b;
	struct err err;

	(void)state;
	memset(data, 'r', sizeof(data));
	temp_write("whole", data, sizeof(data), "w");
	buf_init(&b, sizeof(data));
	assert_int_equal(file_read(AT_FDCWD, temp_path("whole"), &b, &err), 0);
	assert_int_equal(b.len, sizeof(data));
	assert_memory_equal(b.data, data, sizeof(data));
	buf_done(&b);
	buf_init(&b, sizeof(data) - 1);
	assert_int_equal(file_read(AT_FDCWD, temp_path("whole"), &b, &err), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
	buf_reset(&b);
	assert_int_equal(file_read(AT_FDCWD, temp_path("none"), &b, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(file_read(AT_FDCWD, temp_dir, &b, &err), -1);
	assert_int_equal(err.kind, ERR_DISK);
	buf_done(&b);
}

static void
file_sync_fails_where_nothing_can_be_synced(void **state)
{
	int pair[2];
	struct err err;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(file_sync(pair[0], &err), -1);
	assert_int_equal(err.kind, ERR_DISK);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(file_sync(pair[0], &err), -1);
	assert_int_equal(err.sys, EBADF);
	assert_int_equal(file_sync_system(pair[0], &err), -1);
	assert_int_equal(err.kind, ERR_DISK);
}

static void
file_trusts_no_file_system_it_does_not_know(void **state)
{
	AUTO(file_close) int proc = open("/proc/self", O_RDONLY | O_CLOEXEC);
	AUTO(file_close) int here = open(temp_dir, O_RDONLY | O_CLOEXEC);
	struct err err;

	(void)state;
	assert_false(file_can_syncfs(proc));
	assert_false(file_can_syncfs(-1));
	assert_false(file_is_network(proc));
	assert_false(file_is_network(-1));
	if (file_can_syncfs(here))
		assert_false(file_is_network(here));
	assert_int_equal(file_sync_system(here, &err), 0);
}

static void
file_same_compares_octets_of_files_alone(void **state)
{
	static char large[100000];

	(void)state;
	int dir = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	temp_write("a", large, sizeof(large), "wb");
	temp_write("b", large, sizeof(large), "wb");
	temp_write("short", large, sizeof(large) - 1, "wb");
	large[sizeof(large) - 1] = 1;
	temp_write("c", large, sizeof(large), "wb");
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	assert_true(file_same(dir, "a", dir, "b"));
	assert_false(file_same(dir, "a", dir, "c"));
	assert_false(file_same(dir, "a", dir, "short"));
	assert_false(file_same(dir, "a", dir, "none"));
	assert_false(file_same(dir, "a", dir, "link"));
	assert_false(file_same(dir, "pipe", dir, "pipe"));
	close(dir);
}

static void
file_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){ .rlim_cur = 64, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	size_t now = file_raise_limit();

	assert_true(now == (limit.rlim_max == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_max));
	setrlimit(RLIMIT_NOFILE, &limit);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(file_made_by_us_is_for_us_alone),
		FILE_TEST(file_is_never_written_through_a_symbolic_link),
		FILE_TEST(file_make_dir_takes_a_directory_that_is_there_but_no_file),
		FILE_TEST(file_paths_start_at_the_directory_given),
		FILE_TEST(file_open_append_adds_to_what_is_there),
		FILE_TEST(file_full_disk_is_told_as_full),
		FILE_TEST(file_write_finishes_short_writes_up_to_a_size_limit),
		FILE_TEST(file_replace_that_fails_leaves_the_old_file_and_no_litter),
		FILE_TEST(file_replace_overwrites_what_a_killed_run_left),
		FILE_TEST(file_read_has_a_limit_and_knows_what_is_missing),
		FILE_TEST(file_sync_fails_where_nothing_can_be_synced),
		FILE_TEST(file_trusts_no_file_system_it_does_not_know),
		FILE_TEST(file_same_compares_octets_of_files_alone),
		FILE_TEST(file_limit_is_raised_to_the_hard_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
