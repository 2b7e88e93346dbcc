/* DEST and its options: rules for names, the password's ways, what a job keeps of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/job/destination.h"
#include "app/job/destined.h"
#include "app/job/placed.h"
#include "base/clock.h"
#include "tempdir.h"

static struct err err;
static struct options o;
static struct destination d;

/* `imex migrate` with these words; the end is due to done(). */
static int
opened(const char *dest, const char *const *words, size_t n)
{
	char *argv[16];
	int rc;

	assert_true(n < 16);
	options_init(&o, command_find("migrate"));
	for (size_t i = 0; i < n; i++)
		argv[i] = strdup(words[i]);
	d = (struct destination){ 0 };
	rc = options_command_line(&o, (int)n, argv, &err);
	if (rc == 0)
		rc = destination_open(&d, &o, dest, &err);
	for (size_t i = 0; i < n; i++)
		free(argv[i]);
	return rc;
}

#define OPEN(dest, ...)                                                                            \
	opened(dest, (const char *const[]){ __VA_ARGS__ },                                         \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void
done(void)
{
	destination_done(&d);
	options_done(&o);
}

static int
with_a_password(void **state)
{
	(void)state;
	setenv("IMEX_DEST_PASSWORD", "there", 1);
	setenv("IMEX_PASSWORD", "here", 1);
	return 0;
}

/* ---- DEST ---- */

static void
an_address_becomes_an_endpoint(void **state)
{
	(void)state;
	assert_int_equal(OPEN("imaps://b%40x@New.example.org/", "--timeout=5s"), 0);
	assert_string_equal(d.account, "b@x@new.example.org");
	assert_string_equal(d.dest.server.login, "b@x");
	assert_string_equal(d.dest.server.host, "new.example.org");
	assert_string_equal(d.dest.server.port, "993");
	assert_int_equal(d.dest.server.tls, TLS_FROM_START);
	assert_int_equal(d.dest.server.timeout_ms, 5000);
	assert_int_equal(d.dest.doubt_wait_ms, 60 * SEC);
	assert_false(d.insecure);
	assert_true(slice_eq(secret_value(d.dest.server.secret), "there"));
	assert_string_equal(d.password_from, "IMEX_DEST_PASSWORD");
	done();
}

static void
protection_is_its_own(void **state)
{
	(void)state;
	assert_int_equal(OPEN("imap://b@new:1143/", "--insecure-plaintext", "--insecure-tls"), 0);
	assert_int_equal(d.dest.server.tls, TLS_STARTTLS);
	assert_false(d.dest.server.trust.insecure);
	assert_false(d.insecure);
	assert_string_equal(d.account, "b@new:1143");
	done();
	assert_int_equal(OPEN("imap://b@new/", "--dest-insecure-plaintext", "--dest-tls-ca=/ca",
	    "--doubt-wait=0s"), 0);
	assert_int_equal(d.dest.server.tls, TLS_NONE);
	assert_false(d.insecure);
	assert_string_equal(d.dest.server.trust.ca_file, "/ca");
	assert_int_equal(d.dest.doubt_wait_ms, 0);
	done();
}

static void
rules_are_read_from_left_to_right(void **state)
{
	(void)state;
	assert_int_equal(OPEN("imaps://b@new/", "--map=Sent Items=Sent", "--map", "A/B=C=D",
	    "--prefix=old-", "--under=Archive/2026"), 0);
	assert_int_equal(d.dest.rules.n_rules, 2);
	assert_string_equal(d.dest.rules.rule[0].from, "Sent Items");
	assert_string_equal(d.dest.rules.rule[0].to, "Sent");
	assert_string_equal(d.dest.rules.rule[1].from, "A/B");
	assert_string_equal(d.dest.rules.rule[1].to, "C=D");
	assert_string_equal(d.dest.rules.prefix, "old-");
	assert_string_equal(d.dest.rules.under, "Archive/2026");
	done();
}

static void
a_rule_without_two_folders_is_refused(void **state)
{
	static const char *const bad[] = { "--map=Sent", "--map==Sent", "--map=Sent=" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(opened("imaps://b@new/", &bad[i], 1), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.text, "FOLDER=FOLDER"));
		done();
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	(void)state;
	assert_int_equal(OPEN("b@new", "--quiet"), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	done();
	options_init(&o, command_find("migrate"));
	assert_int_equal(destination_check(&o, "imaps://%u@new/", &err), -1);
	assert_int_equal(destination_check(&o, "imaps://u@new/", &err), 0);
	options_done(&o);
}

static void
the_password_has_ways_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(OPEN("imaps://b@new/", "--password-command=echo wrong",
	    "--dest-password-command=echo right"), 0);
	assert_true(slice_eq(secret_value(d.dest.server.secret), "right"));
	assert_string_equal(d.password_from, "--dest-password-command");
	done();
	assert_int_equal(OPEN("imaps://b@new/", "--dest-password-file=/does/not/exist"), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_non_null(strstr(err.text, "--dest-password-file"));
	done();
}

/* ---- many accounts ---- */

static void
the_login_takes_its_place(void **state)
{
	struct arena a;
	struct imap_url url;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_string_equal(destination_url("imaps://%u@new/", "anna", &a), "imaps://anna@new/");
	assert_string_equal(
	    destination_url("imaps://%u*boss@%u.new/", "anna", &a), "imaps://anna*boss@anna.new/");
	assert_string_equal(destination_url("imaps://x@new/", "anna", &a), "imaps://x@new/");
	assert_string_equal(destination_name("imap://%u@new:143/", "anna", &a), "anna@new");
	assert_string_equal(destination_name("imap://%u@new:993/", "anna", &a), "anna@new:993");
	assert_string_equal(destination_name("nonsense", "anna", &a), "nonsense");

	/* Whatever a login is, it comes back. */
	static const char *const logins[] = { "a b", "50%u", "a@b", "a/b", "\"q\\", "\x01\x7f", "\xc3\xa4" };

	for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++) {
		const char *text = destination_url("imaps://%u@new/", logins[i], &a);

		assert_int_equal(imap_url_parse(text, &a, &url, &err), 0);
		assert_string_equal(url.user, logins[i]);
		assert_string_equal(url.host, "new");
	}
	arena_done(&a);
}

static void
source_and_destination_are_told_apart(void **state)
{
	static const struct {
		const char *source;
		bool same;
	} rows[] = {
		{ "imaps://b@new/", true }, { "imap://b@new/", true }, { "imaps://b@NEW:993/", true },
		{ "imaps://B@new/", false }, { "imaps://b@old/", false }, { "imaps://b@new:10993/", false },
	};
	struct imap_url url;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(OPEN("imaps://b@new/", "--quiet"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(imap_url_parse(rows[i].source, &a, &url, &err), 0);
		assert_int_equal(destination_is(&d, &url), rows[i].same);
	}
	done();
	arena_done(&a);
}

/* ---- in a job ---- */

static void
a_job_keeps_its_destination(void **state)
{
	struct state *job = NULL;
	const char *dest;
	const char *dir = temp_dir;

	(void)state;
	assert_int_equal(OPEN("imaps://b@new/", "--quiet"), 0);
	assert_int_equal(state_open(&job, dir, STATE_RUN, &err), 0);
	assert_int_equal(destined_keep(job, "imaps://b@new/", &d.url, &err), 0);
	/* The same account, written otherwise. */
	assert_int_equal(destined_keep(job, "imaps://b@new:993/", &d.url, &err), 0);
	done();
	assert_int_equal(OPEN("imaps://c@new/", "--quiet"), 0);
	assert_int_equal(destined_keep(job, "imaps://c@new/", &d.url, &err), -1);
	assert_int_equal(err.kind, ERR_OTHER_JOB);
	assert_int_equal(err_exit_code(err.kind), 78);
	state_close(&job);
	assert_int_equal(destination_of_job(&o, dir, &dest, &err), 0);
	assert_string_equal(dest, "imaps://b@new:993/");
	done();
}

static void
an_account_of_a_list_keeps_its_own(void **state)
{
	const struct imap_url anna = { .user = "anna", .host = "old", .port = "993" };
	const struct imap_url bert = { .user = "bert", .host = "old", .port = "993" };
	struct state *job = NULL;
	struct destined to;
	struct arena a;

	(void)state;
	arena_init(&a, 64 * 1024);
	assert_int_equal(OPEN("imaps://b@new/", "--quiet"), 0);
	assert_int_equal(state_open(&job, temp_dir, STATE_RUN, &err), 0);
	assert_int_equal(destined_keep_own(job, &anna, "imaps://b@new/", &d.url, &err), 0);
	assert_int_equal(destined_keep_own(job, &bert, "imaps://b2@new2/", &d.url, &err), 0);
	/* It may not change, and neither may the job become one with a single destination. */
	done();
	assert_int_equal(OPEN("imaps://c@new/", "--quiet"), 0);
	assert_int_equal(destined_keep_own(job, &anna, "imaps://c@new/", &d.url, &err), -1);
	assert_int_equal(err.kind, ERR_OTHER_DEST);
	assert_int_equal(destined_keep(job, "imaps://c@new/", &d.url, &err), -1);
	assert_int_equal(err.kind, ERR_OTHER_JOB);
	assert_int_equal(destined_read(&to, job, &a, &err), 0);
	assert_string_equal(destined_url(&to, "anna", "old", "993", &a), "imaps://b@new/");
	assert_string_equal(destined_name(&to, "bert", "old", "993", &a), "b2@new2");
	assert_null(destined_url(&to, "carl", "old", "993", &a));
	state_close(&job);
	arena_done(&a);
	done();
}

/* A job of two accounts, each to its own. */
static void
make_job(const char *dir)
{
	const struct job_birth birth = {
		.command = "migrate", .format = "imap", .eol = "crlf", .zone = "UTC" };
	static const char *const source[] = { "imaps://anna@old/", "imaps://b%2525@old/" };
	struct state *job = NULL;

	assert_int_equal(state_open(&job, dir, STATE_RUN, &err), 0);
	assert_int_equal(state_birth(job, &birth, &err), 0);
	assert_int_equal(state_note_set(job, "dest", "imaps://%u@new/", &err), 0);
	for (size_t i = 0; i < 2; i++) {
		struct origin g = { 0 };

		arena_init(&g.arena, 1 << 16);
		assert_int_equal(imap_url_parse(source[i], &g.arena, &g.url, &err), 0);
		assert_int_equal(OPEN("imaps://x@new/", i == 0 ? "--map=A=B" : "--map=C=D",
		    "--dest-password-command=echo s3cret"), 0);
		assert_int_equal(
		    stored_write(job, &g, source[i], &o, d.password, &err), 0);
		done();
		arena_done(&g.arena);
	}
	state_close(&job);
}

static void
accounts_of_a_job_find_their_ends(void **state)
{
	const char *dir = temp_dir;
	struct options given, own;
	struct placed p;
	const char *dest;
	bool *mine;

	(void)state;
	make_job(dir);
	assert_int_equal(placed_open(&p, dir, NULL, &err), 0);
	assert_int_equal(placed_len(&p), 2);
	assert_false(p.files);
	assert_int_equal(placed_dest(&p, 1, &dest, &err), 0);
	assert_string_equal(dest, "imaps://b%2525@new/");
	assert_true(placed_is(&p, 0, "anna") && placed_is(&p, 0, "anna@old"));
	assert_false(placed_is(&p, 0, "ann") || placed_is(&p, 1, "anna"));
	assert_true(placed_is(&p, 1, "b%25"));

	assert_int_equal(placed_choose(&p, "imaps://anna@new/", false, &mine, &err), 0);
	assert_true(mine[0] && !mine[1]);
	free(mine);
	assert_int_equal(placed_choose(&p, NULL, false, &mine, &err), 0);
	assert_true(mine[0] && mine[1]);
	free(mine);
	assert_int_equal(placed_choose(&p, "imaps://anna@old/", true, &mine, &err), 0);
	assert_true(mine[0] && !mine[1]);
	free(mine);
	assert_int_equal(placed_choose(&p, "imaps://anna@old/", false, &mine, &err), -1);
	assert_int_equal(err.kind, ERR_OTHER_JOB);

	/* Each has the rules of its own, and no command that spells a password out. */
	options_init(&given, command_find("retry"));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(placed_options(&p, i, &given, &own, &err), 0);
		assert_int_equal(own.maps.len, 1);
		assert_string_equal(own.maps.item[0], i == 0 ? "A=B" : "C=D");
		assert_null(own.dest_way.command);
		options_done(&own);
	}
	options_done(&given);
	placed_close(&p);
}

static void
an_import_is_found_below_its_source(void **state)
{
	const char *dir = temp_dir;
	const char *sub;
	struct placed p;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(destination_import_dir(&a, dir, "imaps://a%2Fb@New:1993/", &sub, &err), 0);
	assert_non_null(strstr(sub, "/import/a%2Fb@new%3A1993"));
	assert_int_equal(placed_open(&p, dir, "imaps://b@new/", &err), 0);
	assert_null(p.dest);
	assert_int_equal(placed_len(&p), 0);
	placed_close(&p);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_becomes_an_endpoint),
		cmocka_unit_test(protection_is_its_own),
		cmocka_unit_test(rules_are_read_from_left_to_right),
		cmocka_unit_test(a_rule_without_two_folders_is_refused),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(the_password_has_ways_of_its_own),
		cmocka_unit_test(the_login_takes_its_place),
		cmocka_unit_test(source_and_destination_are_told_apart),
		cmocka_unit_test_setup_teardown(an_account_of_a_list_keeps_its_own, temp_dir_make,
		    temp_dir_remove),
		cmocka_unit_test_setup_teardown(a_job_keeps_its_destination, temp_dir_make,
		    temp_dir_remove),
		cmocka_unit_test_setup_teardown(accounts_of_a_job_find_their_ends, temp_dir_make,
		    temp_dir_remove),
		cmocka_unit_test_setup_teardown(an_import_is_found_below_its_source, temp_dir_make,
		    temp_dir_remove),
	};

	return cmocka_run_group_tests(tests, with_a_password, NULL);
}
