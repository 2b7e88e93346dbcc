/* The option table from both of its sides: command line and config file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "app/cli/config.h"
#include "app/cli/option_value.h"
#include "app/cli/usage.h"

static struct err err;

static struct options
parsed(const char *command, const char *const *words, int *rc)
{
	struct options o;
	int n = 0;

	while (words[n])
		n++;
	options_init(&o, command_find(command));
	memset(&err, 0, sizeof(err));
	*rc = options_command_line(&o, n, (char **)words, &err);
	return o;
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* The command line is refused with 64 and these words. */
static void
refused(const char *command, const char *const *words, const char *says)
{
	int rc;
	struct options o = parsed(command, words, &rc);

	if (rc == 0)
		rc = options_check(&o, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err_exit_code(err.kind), 64);
	assert_non_null(strstr(err.text, says));
	options_done(&o);
}

static void
values_come_behind_equal_sign_or_blank(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("--to=a b", "imaps://u@h/", "--folder", "A*",
	    "--folder=--x", "--timeout", "500ms", "--connections=3", "--eol=crlf"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_string_equal(o.to, "a b");
	assert_string_equal(o.word[0], "imaps://u@h/");
	assert_int_equal(o.folders.len, 2);
	assert_string_equal(o.folders.item[1], "--x");
	assert_int_equal(o.timeout_ms, 500);
	assert_int_equal(o.connections, 3);
	assert_int_equal(o.eol, EOL_CRLF);
	assert_int_equal(options_check(&o, &err), 0);
	options_done(&o);
}

static void
letters_are_bundled(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("-vnv", "x", "--to", "d"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(o.verbose, 2);
	assert_true(o.dry_run);
	options_done(&o);
}

static void
two_dashes_end_the_options(void **state)
{
	int rc;
	struct options o = parsed("status", WORDS("--json", "--", "--odd-dir"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_true(o.json);
	assert_string_equal(o.word[0], "--odd-dir");
	options_done(&o);
}

static void
flags_can_be_said_no_to(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("--subscribed", "--subscribed=no", "x"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_false(o.subscribed);
	assert_true(option_given(&o, &o.subscribed));
	options_done(&o);
}

static void
namespaces_are_added_to_ones_own(void **state)
{
	int rc;
	struct options o = parsed("check", WORDS("--namespace=other,shared", "x"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(o.namespaces, NAMESPACE_PERSONAL | NAMESPACE_OTHER | NAMESPACE_SHARED);
	options_done(&o);
	refused("check", WORDS("x", "--namespace=other,"), "personal|other|shared");
	refused("check", WORDS("x", "--namespace=othershared"), "personal|other|shared");
}

static void
unknown_options_name_their_neighbour(void **state)
{
	(void)state;
	refused("extract", WORDS("--flder", "x"), "did you mean '--folder'?");
	refused("extract", WORDS("--pasword-file=x"), "did you mean '--password-file'?");
	refused("extract", WORDS("--insecure"), "did you mean '--insecure-");
	refused("check", WORDS("--owner", "x"), "imex check has no option --owner");
	refused("check", WORDS("-x"), "unknown option '-x'");
}

static void
values_out_of_range_name_the_accepted_ones(void **state)
{
	(void)state;
	refused("extract", WORDS("--eol=cr"), "lf|crlf");
	refused("extract", WORDS("--format=mbx"), "maildir|mbox|eml|exchange");
	refused("report", WORDS("--format=xml"), "text|json|csv|html");
	refused("extract", WORDS("--connections=0"), "1 to 32");
	refused("extract", WORDS("--connections=33"), "1 to 32");
	refused("extract", WORDS("--timeout=5x"), "90s");
	refused("extract", WORDS("--timeout=2d"), "100ms to 1d");
	refused("extract", WORDS("--tls-pin=sha256:00"), "64 hex digits");
	refused("extract", WORDS("--to="), "empty");
	refused("extract", WORDS("--subscribed=maybe"), "yes and no");
}

static void
formats_have_their_options(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("x", "--to=d", "--format=exchange", "--codepage=932",
	    "--full-source", "--smtp-address=anna@example.org", "--timezone=Europe/Berlin",
	    "--windows-names"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(options_fit(&o, &err), 0);
	assert_int_equal(o.format, FORMAT_EXCHANGE);
	assert_int_equal(o.codepage, 932);
	assert_true(o.full_source && o.windows_names);
	assert_string_equal(o.smtp_address, "anna@example.org");
	assert_string_equal(o.timezone, "Europe/Berlin");
	options_done(&o);
	o = parsed("extract", WORDS("x"), &rc);
	assert_int_equal(o.codepage, 1252);
	assert_int_equal(o.format, FORMAT_MAILDIR);
	options_done(&o);
	refused("extract", WORDS("--codepage=0"), "1 to 65535");
	refused("extract", WORDS("--codepage=utf8"), "1 to 65535");
	refused("extract", WORDS("--timezone=Europe/Berln"), "Europe/Berlin");
	refused("extract", WORDS("--smtp-address=anna"), "anna@example.org");
	refused("extract", WORDS("--smtp-address=a@b@c"), "anna@example.org");
	refused("extract", WORDS("--smtp-address=a b@c"), "anna@example.org");
}

static void
fits_not(const char *const *words, const char *says)
{
	int rc;
	struct options o = parsed("extract", words, &rc);

	assert_int_equal(rc, 0);
	assert_int_equal(options_fit(&o, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 64);
	assert_non_null(strstr(err.text, says));
	options_done(&o);
}

static void
options_that_make_no_sense_together_say_so(void **state)
{
	struct options o;
	int rc;

	(void)state;
	fits_not(WORDS("--mbox-status"), "--mbox-status is for --format mbox; the format is maildir");
	fits_not(WORDS("--mbox-status", "--format=eml"), "the format is eml");
	fits_not(WORDS("--windows-names"), "mbox, eml and exchange");
	fits_not(WORDS("--codepage=1252", "--format=mbox"), "exchange");
	fits_not(WORDS("--full-source"), "exchange");
	fits_not(WORDS("--smtp-address=a@b"), "exchange");
	fits_not(WORDS("--eol=lf", "--format=eml"), "maildir and mbox");
	fits_not(WORDS("--eol=lf", "--format=exchange"), "maildir and mbox");
	fits_not(WORDS("--since=2003-11-07", "--before=2003-11-07"), "--since is not before --before");
	o = parsed("extract", WORDS("--eol=crlf", "--format=mbox", "--mbox-status"), &rc);
	assert_int_equal(options_fit(&o, &err), 0);
	options_done(&o);
	/* A config file speaks for every format. */
	o = parsed("extract", WORDS("x"), &rc);
	assert_int_equal(config_parse(&o, "f", slice_str("[extract]\nmbox-status = yes\n"), &err), 0);
	assert_int_equal(options_fit(&o, &err), 0);
	options_done(&o);
	/* A list of users has a code page, whatever it is made into. */
	o = parsed("control", WORDS("f", "--codepage=850"), &rc);
	assert_int_equal(options_fit(&o, &err), 0);
	options_done(&o);
}

static void
dates_go_to_text_and_back(void **state)
{
	int rc;
	struct options o = parsed("retry", WORDS("d", "--since=2003-11-07T14:18:49+02:00",
	    "--before=20031108000000", "--skip-deleted"), &rc);
	struct buf text;

	(void)state;
	assert_int_equal(rc, 0);
	assert_true(o.since.given && o.since.zoned && o.before.given && !o.before.zoned);
	assert_true(o.skip_deleted);
	buf_init(&text, 100);
	assert_true(option_text(&o, option_find("since", CMD_RETRY), 0, &text));
	assert_string_equal(text.data, "2003-11-07T12:18:49Z");
	buf_reset(&text);
	assert_true(option_text(&o, option_find("before", CMD_RETRY), 0, &text));
	assert_string_equal(text.data, "2003-11-08T00:00:00");
	options_done(&o);
	o = parsed("retry", WORDS("d"), &rc);
	assert_false(option_text(&o, option_find("before", CMD_RETRY), 0, &text));
	options_done(&o);
	buf_done(&text);
	refused("check", WORDS("--since=yesterday"), "2003-11-07");
	refused("status", WORDS("--since=2003-11-07"), "has no option --since");
}

static void
missing_and_surplus_words_are_told(void **state)
{
	(void)state;
	refused("extract", WORDS("imaps://u@h/"), "needs SOURCE --to DIR");
	refused("extract", WORDS("--to", "d"), "needs SOURCE --to DIR");
	refused("extract", WORDS("x", "--to"), "--to needs a value");
	refused("status", WORDS("a", "b"), "one word too many");
	refused("status", WORDS(""), "empty word");
}

static void
lists_have_a_limit(void **state)
{
	const char *words[LIST_MAX + 2];

	(void)state;
	for (int i = 0; i <= LIST_MAX; i++)
		words[i] = "--folder=x";
	words[LIST_MAX + 1] = NULL;
	refused("extract", words, "at most");
}

static void
every_row_goes_to_text_and_back(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("--folder=A", "--folder=B", "--eol=crlf",
	    "--timeout=90s", "--namespace=shared", "--subscribed", "--tls-ca=/ca"), &rc);
	struct options back;
	struct buf text;

	(void)state;
	assert_int_equal(rc, 0);
	options_init(&back, o.command);
	buf_init(&text, 4096);
	for (size_t i = 0; i < option_count; i++) {
		for (size_t k = 0; o.from[i] && option_text(&o, &option_table[i], k, &text); k++) {
			assert_int_equal(
			    options_set(&back, &option_table[i], FROM_JOB, text.data, &err), 0);
			buf_reset(&text);
		}
	}
	assert_int_equal(back.folders.len, 2);
	assert_string_equal(back.folders.item[1], "B");
	assert_int_equal(back.eol, EOL_CRLF);
	assert_int_equal(back.timeout_ms, 90000);
	assert_int_equal(back.namespaces, NAMESPACE_PERSONAL | NAMESPACE_SHARED);
	assert_true(back.subscribed);
	assert_string_equal(back.tls_ca, "/ca");
	buf_done(&text);
	options_done(&back);
	options_done(&o);
}

/* ---- config file ---- */

static int
config(struct options *o, const char *text)
{
	memset(&err, 0, sizeof(err));
	return config_parse(o, "imex.conf", slice_str(text), &err);
}

static void
config_refused(const char *text, const char *says)
{
	struct options o;

	options_init(&o, command_find("extract"));
	assert_int_equal(config(&o, text), -1);
	assert_int_equal(err_exit_code(err.kind), 78);
	assert_non_null(strstr(err.text, says));
	options_done(&o);
}

static void
config_sections_are_for_their_command(void **state)
{
	struct options o;

	(void)state;
	options_init(&o, command_find("extract"));
	assert_int_equal(config(&o, "# comment\r\n[global]\ntimeout = 90s\ndeep=yes\n\n"
	    "  [extract]  \n\tfolder = A ; the first\nfolder = B C\n[check]\ntimeout=5s\n"), 0);
	assert_int_equal(o.timeout_ms, 90000);
	assert_int_equal(o.folders.len, 2);
	assert_string_equal(o.folders.item[0], "A");
	assert_string_equal(o.folders.item[1], "B C");
	assert_false(o.deep);
	options_done(&o);
}

static void
command_line_wins_whatever_the_order(void **state)
{
	int rc;
	struct options o = parsed("extract", WORDS("--folder=X", "--timeout=1s", "u", "--to=d"), &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(config(&o, "timeout = 90s\nfolder = A\nfolder = B\nexclude = C\n"), 0);
	assert_int_equal(o.timeout_ms, 1000);
	assert_int_equal(o.folders.len, 1);
	assert_string_equal(o.folders.item[0], "X");
	assert_string_equal(o.excludes.item[0], "C");
	options_done(&o);
}

static void
config_format_is_each_commands_own(void **state)
{
	struct options o;

	(void)state;
	options_init(&o, command_find("report"));
	assert_int_equal(config(&o, "[global]\nformat = maildir\n"), 0);
	assert_int_equal(o.report_format, REPORT_TEXT);
	assert_int_equal(config(&o, "[global]\nformat = html\n"), 0);
	assert_int_equal(o.report_format, REPORT_HTML);
	assert_int_equal(config(&o, "[report]\nformat = maildir\n"), -1);
	options_done(&o);
}

static void
config_faults_name_file_and_line(void **state)
{
	char text[400];

	(void)state;
	config_refused("\n\ntimeot = 5s\n", "imex.conf:3: unknown option 'timeot'; did you mean 'timeout'?");
	config_refused("[exract]\nto=x\n", "did you mean '[extract]'");
	config_refused("[extract]\ntimeout = soon\n", "imex.conf:2: --timeout: 'soon'");
	config_refused("[extract]\nnonsense\n", "imex.conf:2: neither");
	config_refused("[check]\nowner = x\n", "imex.conf:2: unknown option 'owner'");
	config_refused("help = yes\n", "command line only");
	memset(text, 'x', sizeof(text));
	memcpy(text, "to = ", 5);
	text[sizeof(text) - 1] = '\0';
	config_refused(text, "imex.conf:1: the line is too long");
}

/* ---- usage ---- */

static void
fits(const struct buf *text, size_t most_lines)
{
	size_t lines = 0;

	for (const char *at = text->data; *at; at += strcspn(at, "\n") + 1) {
		assert_true(strcspn(at, "\n") <= 80);
		lines++;
	}
	assert_true(lines <= most_lines);
}

static void
help_fits_a_screen_and_shows_an_example(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 65536);
	usage_program(&text);
	fits(&text, 24);
	assert_non_null(strstr(text.data, "imex extract imaps://"));
	/* All summaries begin in one column. */
	for (size_t i = 0; i < command_count; i++) {
		char line[32];
		const char *at;

		snprintf(line, sizeof(line), "\n  %-8s ", command_table[i].name);
		at = strstr(text.data, line);
		assert_non_null(at);
		assert_true(strcspn(at + 1, "\n") > 33);
		assert_int_equal(strncmp(at + 34, command_table[i].summary,
		    strlen(command_table[i].summary)), 0);
	}
	buf_done(&text);
}

static void
every_command_has_its_help(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 65536);
	for (size_t i = 0; i < command_count; i++) {
		buf_reset(&text);
		usage_command(&command_table[i], &text);
		fits(&text, 150);
		assert_non_null(strstr(text.data, command_table[i].example));
		assert_non_null(strstr(text.data, "--help"));
	}
	buf_done(&text);
}

static void
a_password_in_a_url_is_refused_and_not_shown(void **state)
{
	int rc;

	(void)state;
	refused("check", WORDS("imaps://anna:secret@h/"), "%3A");
	assert_null(strstr(err.text, "secret"));
	refused("migrate", WORDS("imap://u@h/", "imap://b:c@d@h:143/"), "--password-file");

	struct options o = parsed("check", WORDS("imaps://an%3Ana@h:1143/", "imaps://u@[::1]/"), &rc);

	assert_int_equal(rc, 0);
	options_done(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_behind_equal_sign_or_blank),
		cmocka_unit_test(letters_are_bundled),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(flags_can_be_said_no_to),
		cmocka_unit_test(namespaces_are_added_to_ones_own),
		cmocka_unit_test(unknown_options_name_their_neighbour),
		cmocka_unit_test(values_out_of_range_name_the_accepted_ones),
		cmocka_unit_test(formats_have_their_options),
		cmocka_unit_test(options_that_make_no_sense_together_say_so),
		cmocka_unit_test(dates_go_to_text_and_back),
		cmocka_unit_test(missing_and_surplus_words_are_told),
		cmocka_unit_test(lists_have_a_limit),
		cmocka_unit_test(every_row_goes_to_text_and_back),
		cmocka_unit_test(config_sections_are_for_their_command),
		cmocka_unit_test(command_line_wins_whatever_the_order),
		cmocka_unit_test(config_format_is_each_commands_own),
		cmocka_unit_test(config_faults_name_file_and_line),
		cmocka_unit_test(help_fits_a_screen_and_shows_an_example),
		cmocka_unit_test(every_command_has_its_help),
		cmocka_unit_test(a_password_in_a_url_is_refused_and_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
