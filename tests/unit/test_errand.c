/* The process that starts programs for their passwords. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/users/errand.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tempdir.h"

enum { SOON_MS = 60 * SEC, ASKERS = 8 };

static int
begin(void **state)
{
	struct err err;

	return temp_dir_make(state) == 0 && chdir(temp_dir) == 0 && errands_open(&err) == 0 ? 0 : -1;
}

static int
end(void **state)
{
	errands_close();
	return temp_dir_remove(state);
}

static bool
says(const char *command, const char *password)
{
	struct secret *s = NULL;
	struct err err;
	bool is = errand_run(command, NULL, &s, &err) == 0 &&
	    slice_eq(secret_value(s), password);

	secret_free(s);
	return is;
}

static void
fails(const char *command, const char *words)
{
	struct secret *s = NULL;
	struct err err = { 0 };

	assert_int_equal(errand_run(command, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	if (strstr(err.text, words) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, words);
}

/* The number in a file that a command wrote. */
static pid_t
pid_in(const char *path)
{
	char line[32];
	long pid = 0;

	for (int64_t until_ms = clock_mono_ms() + SOON_MS; pid == 0 && clock_mono_ms() < until_ms;) {
		FILE *f = fopen(path, "r");

		if (f != NULL) {
			if (fgets(line, sizeof(line), f) != NULL)
				pid = strtol(line, NULL, 10);
			(void)fclose(f);
		}
		(void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	assert_true(pid > 0);
	return (pid_t)pid;
}

static bool
is_gone(pid_t pid)
{
	for (int64_t until_ms = clock_mono_ms() + SOON_MS; clock_mono_ms() < until_ms;) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return false;
}

/* ---- answers ---- */

static void
a_command_answers_with_its_first_line(void **state)
{
	(void)state;
	assert_true(says("echo one; echo two", "one"));
	assert_true(says("printf 'no line end'", "no line end"));
	fails("exit 3", "exit code 3");
	fails("kill -9 $$", "signal 9");
	fails("true", "printed nothing");
	assert_true(says("echo again", "again"));
}

static void *
ask(void *arg)
{
	char command[64], *word = arg;

	(void)snprintf(command, sizeof(command), "sleep 0.2; echo %s", word);
	return says(command, word) ? arg : NULL;
}

static void
commands_of_several_threads_run_side_by_side(void **state)
{
	pthread_t thread[ASKERS];
	char word[ASKERS][16];
	void *said;

	(void)state;
	for (int i = 0; i < ASKERS; i++) {
		(void)snprintf(word[i], sizeof(word[i]), "word-%d", i);
		assert_int_equal(pthread_create(&thread[i], NULL, ask, word[i]), 0);
	}
	for (int i = 0; i < ASKERS; i++) {
		assert_int_equal(pthread_join(thread[i], &said), 0);
		assert_ptr_equal(said, word[i]);
	}
}

/* ---- limits ---- */

static void
after_the_seal_only_what_was_named_is_run(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(errands_allow("echo one", &err), 0);
	assert_int_equal(errands_allow("echo two", &err), 0);
	assert_int_equal(errands_allow(NULL, &err), 0);
	assert_true(says("echo three", "three"));
	assert_int_equal(errands_seal(&err), 0);
	assert_int_equal(errands_allow("echo three", &err), 0);
	assert_true(says("echo one", "one"));
	assert_true(says("echo two", "two"));
	fails("echo three", "not named");
	fails("echo one; touch made", "not named");
	assert_int_equal(access("made", F_OK), -1);
}

static void
a_command_has_a_longest_length(void **state)
{
	char *command = mem_new(COMMAND_MAX + 2);

	(void)state;
	memset(command, ' ', COMMAND_MAX + 1);
	fails(command, "more than");
	memcpy(command, "echo long", 9);
	command[COMMAND_MAX] = '\0';
	assert_true(says(command, "long"));
	free(command);
}

/* ---- ends ---- */

static void *
raise_soon(void *arg)
{
	(void)pid_in("pid");
	cancel_raise(arg);
	return NULL;
}

static void
a_command_ends_when_the_run_is_stopped(void **state)
{
	struct cancel *stop = cancel_new();
	struct secret *s = NULL;
	struct err err = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, raise_soon, stop), 0);
	assert_int_equal(errand_run("sleep 600 & echo $! >pid.new; mv pid.new pid; wait", stop, &s, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* What the shell started, too: unless a terminal has them all in its foreground. */
	if (open("/dev/tty", O_RDWR | O_CLOEXEC) < 0)
		assert_true(is_gone(pid_in("pid")));
	cancel_free(stop);
}

static void
a_command_that_hears_no_signal_ends_too(void **state)
{
	struct cancel *stop = cancel_new();
	struct secret *s = NULL;
	struct err err = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, raise_soon, stop), 0);
	assert_int_equal(
	    errand_run("trap '' TERM; echo $$ >pid.new; mv pid.new pid; while :; do sleep 1; done", stop, &s, &err),
	    -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(is_gone(pid_in("pid")));
	cancel_free(stop);
}

/* A process that asks and is killed: neither its helper nor the command stays. */
static void
nothing_stays_behind_a_run_that_is_killed(void **state)
{
	struct err err;
	int status;
	pid_t pid, helper, command;

	(void)state;
	errands_close();
	pid = fork();
	if (pid == 0) {
		struct secret *s = NULL;

		(void)!errand_run("echo $PPID >helper.new; mv helper.new helper; echo $$ >pid.new; mv pid.new pid; "
				  "exec >&-; sleep 600; true",
		    NULL, &s, &err);
		_exit(1);
	}
	helper = pid_in("helper");
	command = pid_in("pid");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(is_gone(command));
	assert_true(is_gone(helper));
}

static void
the_process_leaves_no_child_behind(void **state)
{
	(void)state;
	assert_true(says("echo one", "one"));
	errands_close();
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
signals_that_end_a_run_are_not_for_its_helper(void **state)
{
	(void)state;
	/* $PPID forked for this command from the process that serves, and has its signals. */
	assert_true(says("kill -INT $PPID; kill -TERM $PPID; kill -HUP $PPID; echo still", "still"));
}

#define ERRAND_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ERRAND_TEST(a_command_answers_with_its_first_line),
		ERRAND_TEST(commands_of_several_threads_run_side_by_side),
		ERRAND_TEST(after_the_seal_only_what_was_named_is_run),
		ERRAND_TEST(a_command_has_a_longest_length),
		ERRAND_TEST(a_command_ends_when_the_run_is_stopped),
		ERRAND_TEST(a_command_that_hears_no_signal_ends_too),
		ERRAND_TEST(nothing_stays_behind_a_run_that_is_killed),
		ERRAND_TEST(the_process_leaves_no_child_behind),
		ERRAND_TEST(signals_that_end_a_run_are_not_for_its_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
