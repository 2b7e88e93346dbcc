/* base/journal: the datagram of an event, as systemd reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/journal.h"
#include "tempdir.h"

static const struct event seed = {
	.no = EV_REFUSED, .level = LEVEL_WARNING, .account = "usuario1%ncc%migracion", .folder = "INBOX",
	.uid = 5, .command = "UID FETCH 5 (RFC822.PEEK)",
};

/* What listens in place of the journal. */
static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void
an_event_has_its_fields(void **state)
{
	static const char want[] =
	    "MESSAGE\n\x08\0\0\0\0\0\0\0two\nline\n"
	    "PRIORITY=4\n"
	    "SYSLOG_IDENTIFIER\n\x04\0\0\0\0\0\0\0imex\n"
	    "IMEX_EVENT=14002\n"
	    "IMEX_ACCOUNT\n\x16\0\0\0\0\0\0\0usuario1%ncc%migracion\n"
	    "IMEX_FOLDER\n\x05\0\0\0\0\0\0\0INBOX\n"
	    "IMEX_UID=5\n"
	    "IMEX_COMMAND\n\x19\0\0\0\0\0\0\0UID FETCH 5 (RFC822.PEEK)\n";
	const struct event bare = { .no = EV_ACCOUNT_END, .level = LEVEL_INFO };
	struct journal *j = NULL;
	struct err err;
	char got[1024];

	(void)state;
	int fd = listen_at(temp_path("socket"));

	assert_int_equal(journal_open(&j, temp_path("socket"), &err), 0);
	journal_put(j, &seed, "two\nline");
	assert_int_equal(recv(fd, got, sizeof(got), 0), sizeof(want) - 1);
	assert_memory_equal(got, want, sizeof(want) - 1);
	journal_put(j, &bare, "over");
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(n > 0);
	assert_null(memmem(got, (size_t)n, "IMEX_FOLDER", 11));
	assert_null(memmem(got, (size_t)n, "IMEX_UID", 8));
	journal_close(&j);
	close(fd);
}

static void
a_journal_that_was_started_anew_is_found(void **state)
{
	const char *path = temp_path("socket");
	struct journal *j = NULL;
	struct err err;
	char got[1024];

	(void)state;
	int fd = listen_at(path);

	assert_int_equal(journal_open(&j, path, &err), 0);
	close(fd);
	journal_put(j, &seed, "lost: nobody is there");
	unlink(path);
	fd = listen_at(path);
	journal_put(j, &seed, "again");
	assert_true(recv(fd, got, sizeof(got), 0) > 0);
	journal_close(&j);
	close(fd);
}

static void
without_a_journal_it_says_so(void **state)
{
	struct journal *j = NULL;
	struct err err;

	(void)state;
	assert_int_equal(journal_open(&j, temp_path("none"), &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.text, "there is no journal at "));
	assert_null(j);
	journal_put(NULL, &seed, "nothing");
	journal_close(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_has_its_fields, temp_dir_make, temp_dir_remove),
		cmocka_unit_test_setup_teardown(a_journal_that_was_started_anew_is_found, temp_dir_make, temp_dir_remove),
		cmocka_unit_test_setup_teardown(without_a_journal_it_says_so, temp_dir_make, temp_dir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
