/* Where a job may live, and where a password comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/job/jobdir.h"
#include "app/users/errand.h"
#include "app/users/password.h"

static struct err err;

/* Every test works in a directory of its own. */
static int
enter_fresh_directory(void **state)
{
	char name[] = "/tmp/imex-test-XXXXXX";

	if (!mkdtemp(name) || chdir(name) < 0)
		return -1;
	*state = strdup(name);
	memset(&err, 0, sizeof(err));
	unsetenv("IMEX_PASSWORD");
	return setenv("HOME", name, 1);
}

static int
remove_directory(void **state)
{
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, *state, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/rm", argv);
		_exit(1);
	}
	free(*state);
	return chdir("/");
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
refused(const char *dir, int code, const char *says)
{
	assert_int_equal(jobdir_prepare(dir, &err), -1);
	assert_int_equal(err_exit_code(err.kind), code);
	assert_non_null(strstr(err.text, says));
}

static void
a_new_directory_is_made_with_its_parents(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(jobdir_prepare("a/b/c", &err), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(jobdir_prepare("a/b/c", &err), 0);
}

static void
a_file_or_a_path_through_one_is_refused(void **state)
{
	(void)state;
	put("file", "");
	refused("file", 73, "is a file");
	refused("file/below", 73, "file/below");
}

static void
foreign_files_are_never_mixed_with(void **state)
{
	(void)state;
	mkdir("d", 0700);
	put("d/thesis.txt", "");
	refused("d", 73, "thesis.txt");
}

static void
an_own_directory_is_taken_again(void **state)
{
	(void)state;
	mkdir("d", 0700);
	put("d/imex.db", "");
	put("d/notes-of-mine", "");
	assert_int_equal(jobdir_prepare("d", &err), 0);
}

static void
a_start_that_was_killed_is_taken_again(void **state)
{
	(void)state;
	mkdir("d", 0700);
	mkdir("d/mail", 0700);
	mkdir("d/mail/u@h", 0700);
	mkdir("d/mail/u@h/cur", 0700);
	mkdir("d/lost+found", 0700);
	put("d/events.jsonl", "");
	put("d/imex.lock", "");
	assert_int_equal(jobdir_prepare("d", &err), 0);
}

static void
mail_without_its_state_is_never_swept(void **state)
{
	(void)state;
	mkdir("d", 0700);
	mkdir("d/mail", 0700);
	mkdir("d/mail/u@h", 0700);
	mkdir("d/mail/u@h/.A", 0700);
	mkdir("d/mail/u@h/.A/cur", 0700);
	put("d/mail/u@h/.A/cur/1.V1U1.imex,S=1,W=1:2,", "x");
	refused("d", 65, "imex.db");
}

static void
a_job_must_be_there_to_be_read(void **state)
{
	(void)state;
	assert_int_equal(jobdir_require("nothing", &err), -1);
	assert_int_equal(err_exit_code(err.kind), 66);
	mkdir("d", 0700);
	assert_int_equal(jobdir_require("d", &err), -1);
	assert_int_equal(err_exit_code(err.kind), 66);
	put("d/imex.db", "");
	assert_int_equal(jobdir_require("d", &err), 0);
}

static void
a_runner_is_who_holds_the_lock(void **state)
{
	char text[64];

	(void)state;
	mkdir("d", 0700);
	assert_int_equal(jobdir_runner("d"), 0);
	snprintf(text, sizeof(text), "%ld host now\n", (long)getpid());
	put("d/imex.lock", text);
	assert_int_equal(jobdir_runner("d"), 0);
	int fd = open("d/imex.lock", O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(jobdir_runner("d"), getpid());
	put("d/imex.lock", "not a number\n");
	assert_int_equal(jobdir_runner("d"), 0);
	close(fd);
}

/* ---- passwords ---- */

static const struct imap_url url = { .user = "u", .host = "h", .port = "993", .tls = true };

static void
gives(struct options *o, const char *password, const char *from)
{
	struct secret *s = NULL;
	const char *said = NULL;

	assert_int_equal(password_get(o, PASSWORD_SOURCE, &url, &s, &said, &err), 0);
	assert_true(slice_eq(secret_value(s), password));
	assert_string_equal(said, from);
	secret_free(s);
}

static void
ways_to_a_password_have_an_order(void **state)
{
	struct options o;

	(void)state;
	options_init(&o, command_find("check"));
	put(".netrc", "machine h login u password netrc\n");
	chmod(".netrc", 0600);
	gives(&o, "netrc", "~/.netrc");
	setenv("IMEX_PASSWORD", "environment", 1);
	gives(&o, "environment", "IMEX_PASSWORD");
	o.way.command = "echo command; echo more";
	gives(&o, "command", "--password-command");
	put("pw", "file\r\nsecond line\n");
	o.way.file = "pw";
	gives(&o, "file", "--password-file");
	options_done(&o);
}

static void
a_way_that_fails_is_not_passed_over(void **state)
{
	struct secret *s = NULL;
	struct options o;
	const char *from;

	(void)state;
	setenv("IMEX_PASSWORD", "environment", 1);
	options_init(&o, command_find("check"));
	o.way.file = "absent";
	assert_int_equal(password_get(&o, PASSWORD_SOURCE, &url, &s, &from, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 66);
	put("empty", "\nsecond\n");
	o.way.file = "empty";
	assert_int_equal(password_get(&o, PASSWORD_SOURCE, &url, &s, &from, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 78);
	options_done(&o);
}

static void
a_command_must_succeed_and_print(void **state)
{
	struct secret *s = NULL;

	(void)state;
	assert_int_equal(errand_run("echo secret; exit 3", NULL, &s, &err), -1);
	assert_non_null(strstr(err.text, "exit code 3"));
	assert_null(strstr(err.text, "secret"));
	assert_int_equal(errand_run("kill -9 $$", NULL, &s, &err), -1);
	assert_non_null(strstr(err.text, "signal 9"));
	assert_int_equal(errand_run("true", NULL, &s, &err), -1);
	assert_non_null(strstr(err.text, "printed nothing"));
	assert_null(s);
}

static void
a_command_that_prints_without_end_is_bounded(void **state)
{
	struct secret *s = NULL;

	(void)state;
	assert_int_equal(errand_run("echo first; head -c 100000 /dev/zero", NULL, &s, &err), 0);
	assert_true(slice_eq(secret_value(s), "first"));
	secret_free(s);
}

int
main(void)
{
#define IN_A_DIRECTORY(test) \
	cmocka_unit_test_setup_teardown(test, enter_fresh_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		IN_A_DIRECTORY(a_new_directory_is_made_with_its_parents),
		IN_A_DIRECTORY(a_file_or_a_path_through_one_is_refused),
		IN_A_DIRECTORY(foreign_files_are_never_mixed_with),
		IN_A_DIRECTORY(an_own_directory_is_taken_again),
		IN_A_DIRECTORY(a_start_that_was_killed_is_taken_again),
		IN_A_DIRECTORY(mail_without_its_state_is_never_swept),
		IN_A_DIRECTORY(a_job_must_be_there_to_be_read),
		IN_A_DIRECTORY(a_runner_is_who_holds_the_lock),
		IN_A_DIRECTORY(ways_to_a_password_have_an_order),
		IN_A_DIRECTORY(a_way_that_fails_is_not_passed_over),
		IN_A_DIRECTORY(a_command_must_succeed_and_print),
		IN_A_DIRECTORY(a_command_that_prints_without_end_is_bounded),
	};

	/* In a directory that stays. */
	if (errands_open(&err) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
