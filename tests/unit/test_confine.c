/* What a confined process can still do. Each test is a child of its own: what is given up is not got back. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/confine.h"
#include "tempdir.h"

/* Older kernels do without. */
static bool
can_confine(void)
{
	static const char *const dirs[] = { "/", NULL };
	struct err err;
	bool is;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(confine_writes(dirs, 1, &is, &err) == 0 && !is);
	return waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 0;
}

static bool
makes(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* `work` in a child that keeps to "in"; its answer. */
static int
in_child(bool (*work)(void))
{
	static const char *const dirs[] = { "in", NULL };
	struct err err;
	bool is;
	int status;
	pid_t pid;

	assert_int_equal(chdir(temp_dir), 0);
	assert_int_equal(mkdir("in", 0700), 0);
	assert_int_equal(mkdir("in/a", 0700), 0);
	assert_int_equal(mkdir("out", 0700), 0);
	assert_true(makes("out/there"));
	pid = fork();
	if (pid == 0) {
		if (confine_writes(dirs, 2, &is, &err) < 0)
			_exit(2);
		_exit(is && work() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
works_inside(void)
{
	return makes("in/a/one") && rename("in/a/one", "in/two") == 0 && truncate("in/two", 0) == 0 &&
	    mkdir("in/b", 0700) == 0 && unlink("in/two") == 0 && makes("/dev/null") &&
	    access("out/there", R_OK) == 0;
}

static bool
is_kept_inside(void)
{
	return !makes("out/one") && !makes("out/there") && !makes("one") && mkdir("out/b", 0700) < 0 &&
	    truncate("out/there", 0) < 0 && unlink("out/there") < 0 && makes("in/one") &&
	    rename("in/one", "out/one") < 0 && link("in/one", "out/one") < 0 &&
	    symlink("in/one", "out/one") < 0;
}

static bool
starts_nothing(void)
{
	char *argv[] = { (char[]){ "false" }, NULL }, *env[] = { NULL };

	(void)execve("/bin/false", argv, env);
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void
a_confined_process_writes_in_its_directory(void **state)
{
	(void)state;
	assert_int_equal(in_child(works_inside), 0);
}

static void
a_confined_process_writes_nowhere_else(void **state)
{
	(void)state;
	assert_int_equal(in_child(is_kept_inside), 0);
}

static void
a_confined_process_starts_no_program(void **state)
{
	(void)state;
	assert_int_equal(in_child(starts_nothing), 0);
}

static void
a_directory_that_is_not_there_is_named(void **state)
{
	static const char *const dirs[] = { "no such directory" };
	struct err err = { 0 };
	bool is = false;

	(void)state;
	assert_int_equal(confine_writes(dirs, 1, &is, &err), -1);
	assert_non_null(strstr(err.text, "no such directory"));
}

#define CONFINE_TEST(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONFINE_TEST(a_confined_process_writes_in_its_directory),
		CONFINE_TEST(a_confined_process_writes_nowhere_else),
		CONFINE_TEST(a_confined_process_starts_no_program),
		CONFINE_TEST(a_directory_that_is_not_there_is_named),
	};

	if (!can_confine()) {
		puts("1..0 # SKIP this kernel confines nothing");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
