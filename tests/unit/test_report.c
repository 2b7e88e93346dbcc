/* Reports in all their forms over a state that holds everything a report has to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cli/cells.h"
#include "app/job/history.h"
#include "app/job/stored.h"
#include "app/report/report.h"
#include "base/mem.h"

static const char nasty[] = "=cmd|' /C calc'!A0<script>\x1b[2J\"&\xff";

static struct err err;
static char dir[64];
static struct state *job;

/* ---- the job ---- */

static int64_t
add_folder(const struct lease *l, const char *name, const char *path, bool proved)
{
	struct arena a;
	struct folder_rec f = {
		.name = name, .delim = '/', .path = path, .mark = "", .uidvalidity = 7,
		.uidnext = 10,
	};
	struct batch *b = batch_new();

	arena_init(&a, 1 << 20);
	assert_int_equal(state_folder(job, l, &f, &a, &err), 0);
	f.proof = (struct folder_proof){
		.proved = proved, .searched_known = proved, .exists = 3, .searched = 3,
		.fetched = 3, .uidnext = 10, .at_ms = 1700000000000, .late = 1,
		.why = proved ? NULL : "the server counts one more",
	};
	batch_folder(b, &f);
	assert_int_equal(state_put(job, l, &b, &err), 0);
	arena_done(&a);
	return f.id;
}

static void
add_messages(const struct lease *l, int64_t folder)
{
	struct batch *b = batch_new();
	struct msg m = {
		.uid = 1, .verdict = VERDICT_STORED, .size = 100, .size_known = true,
		.wire_bytes = 100, .file_bytes = 98, .flags = { .keywords = "" },
	};

	batch_message(b, folder, &m, VERDICTS);
	m.uid = 2;
	m.verdict = VERDICT_PHANTOM;
	batch_message(b, folder, &m, VERDICTS);
	m.uid = 3;
	m.verdict = VERDICT_REFUSED;
	m.reason = "every form was refused";
	batch_message(b, folder, &m, VERDICTS);
	batch_problem(b, &(struct problem){
		.folder = folder, .uid = 3, .verdict = VERDICT_REFUSED,
		.reason = "every form was refused; kept as quarantine/u@h/x/3.eml", .from = "Anna \xc3\x84rger <a@h>",
		.date = "Mon, 1 Jan 2024", .subject = nasty, .message_id = "<1@h>",
		.reply = "A1 NO [SERVERBUG] a reply that goes on and on and on, much longer "
		    "than one line of a terminal has room for\r\n",
	});
	batch_warning(b, &(struct warning){
		.event = 30030, .folder = "&AMQ-/x", .uid = 1, .text = "12 instead of 100" });
	assert_int_equal(state_put(job, l, &b, &err), 0);
}

static int
make_job(void **state)
{
	struct job_birth birth = {
		.command = "extract", .format = "maildir", .eol = "lf", .zone = "UTC" };
	struct account_rec who = {
		.name = "u@h", .dir = "u@h", .login = "u", .host = "h", .port = "993", .error = "" };
	struct lease l;
	struct arena a;
	int64_t run;

	(void)state;
	snprintf(dir, sizeof(dir), "%s", "/tmp/imex-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	arena_init(&a, 1 << 20);
	assert_int_equal(state_open(&job, dir, STATE_RUN, &err), 0);
	assert_int_equal(state_birth(job, &birth, &err), 0);
	assert_int_equal(state_run_begin(job, "0", "", &run, &err), 0);
	assert_int_equal(state_claim(job, &who, &a, &l, &err), 0);
	add_messages(&l, add_folder(&l, "&AMQ-/x", ".&AMQ-.x", false));
	add_folder(&l, nasty, ".nasty", true);
	assert_int_equal(state_account_end(job, &l, ACCOUNT_DONE, "", 0, &err), 0);
	assert_int_equal(state_run_end(job, run, 2, &err), 0);
	arena_done(&a);
	return 0;
}

static int
drop_job(void **state)
{
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, dir, NULL };
	pid_t pid;

	(void)state;
	state_close(&job);
	pid = fork();
	if (pid == 0) {
		execv("/bin/rm", argv);
		_exit(1);
	}
	return 0;
}

static char *
printed(enum report_format f, bool hide)
{
	FILE *file = tmpfile();
	struct report r;
	char *text = mem_new(1 << 20);

	assert_int_equal(report_open(&r, job, "some/dir", hide, &err), 0);
	assert_int_equal(report_print(&r, f, fileno(file), &err), 0);
	report_done(&r);
	rewind(file);
	text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* ---- tests ---- */

static void
json_holds_verdicts_proof_and_problems(void **state)
{
	char *text = printed(REPORT_JSON, false);
	json_error_t why;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	json_int_t listed, stored, phantom, refused, uid, exit_code, warned;
	const char *name, *verdict, *from;
	int proved;

	(void)state;
	assert_non_null(root);
	assert_int_equal(json_unpack(root, "{s:I, s:[{s:[{s:s, s:I, s:I, s:I, s:I, s:b, s:[{s:I, s:s, s:s}]}],"
	    " s:[{s:I}]}]}", "exit_code", &exit_code, "accounts", "folders", "name", &name, "listed",
	    &listed, "stored", &stored, "phantom", &phantom, "refused", &refused, "proved", &proved,
	    "problems", "uid", &uid, "verdict", &verdict, "from", &from, "warnings", "event",
	    &warned), 0);
	assert_int_equal(exit_code, 2);
	assert_string_equal(name, "\xc3\x84/x");
	assert_int_equal(listed, 3);
	assert_int_equal(stored, 1);
	assert_int_equal(phantom, 1);
	assert_int_equal(refused, 1);
	assert_false(proved);
	assert_int_equal(uid, 3);
	assert_string_equal(verdict, "refused");
	assert_string_equal(from, "Anna \xc3\x84rger <a@h>");
	assert_int_equal(warned, 30030);
	json_decref(root);
	free(text);
}

static void
equal_states_give_equal_reports(void **state)
{
	(void)state;
	for (int f = REPORT_TEXT; f <= REPORT_HTML; f++) {
		char *a = printed((enum report_format)f, false), *b = printed((enum report_format)f, false);

		assert_string_equal(a, b);
		free(a);
		free(b);
	}
}

static void
text_fits_eighty_columns(void **state)
{
	char *text = printed(REPORT_TEXT, false);

	(void)state;
	for (char *at = text; *at; at += strcspn(at, "\n") + 1)
		assert_true(cells_width((struct slice){ at, strcspn(at, "\n") }) <= 80);
	assert_non_null(strstr(text, "UID 3: refused"));
	assert_non_null(strstr(text, "every form was refused"));
	assert_non_null(strstr(text, "NOT PROVED"));
	assert_non_null(strstr(text, "complete up to UIDNEXT 10 at 2023-11-14 22:13 UTC"));
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, " \n"));
	free(text);
}

static void
a_folder_that_no_run_came_to_the_end_of_has_no_counts(void **state)
{
	struct account_rec who = { .name = "u@h", .dir = "u@h", .login = "u", .host = "h", .port = "993", .error = "" };
	struct folder_rec f = { .name = "begun", .delim = '/', .path = ".begun", .mark = "", .uidvalidity = 7 };
	struct arena a;
	struct lease l;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(state_claim(job, &who, &a, &l, &err), 0);
	assert_int_equal(state_folder(job, &l, &f, &a, &err), 0);
	arena_done(&a);
	char *text = printed(REPORT_TEXT, false), *html = printed(REPORT_HTML, false);

	assert_non_null(strstr(text, "NOT PROVED\n      nothing was counted: no run has come to its end yet\n"));
	assert_null(strstr(text, "EXISTS 0"));
	assert_null(strstr(html, "EXISTS 0"));
	free(text);
	free(html);
}

static void
privacy_leaves_senders_and_subjects_out(void **state)
{
	(void)state;
	for (int f = REPORT_TEXT; f <= REPORT_HTML; f++) {
		char *text = printed((enum report_format)f, true);

		assert_null(strstr(text, "Anna"));
		free(text);
	}
}

static void
csv_disarms_formulas_and_quotes(void **state)
{
	char *text = printed(REPORT_CSV, false);

	(void)state;
	assert_int_equal(strncmp(text, "account,folder,", 15), 0);
	assert_non_null(strstr(text, "\"'=cmd|"));
	assert_non_null(strstr(text, "\"\"&"));
	assert_non_null(strstr(text, "T22:13:20.000Z,,no,,,,0\r\n"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void
csv_has_a_row_of_an_account_without_folders(void **state)
{
	struct account_rec a = { .name = "b@h", .dir = "b@h", .login = "b", .host = "h", .port = "993" };
	struct arena arena;
	struct lease l;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(state_claim(job, &a, &arena, &l, &err), 0);
	assert_int_equal(state_account_end(job, &l, ACCOUNT_FAILED, "h refused the login", 77, &err), 0);
	arena_done(&arena);
	char *text = printed(REPORT_CSV, false);

	assert_non_null(strstr(text, "b@h,,,0,0,0,0,0,0,0,0,0,0,0,0,0,no,0,,h refused the login,no,,,,0\r\n"));
	free(text);
}

static void
html_escapes_all_that_is_foreign(void **state)
{
	char *text = printed(REPORT_HTML, false);

	(void)state;
	assert_null(strstr(text, "<script"));
	assert_non_null(strstr(text, "&lt;script&gt;"));
	assert_non_null(strstr(text, "&quot;&amp;"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void
html_of_many_accounts_begins_with_a_table_of_them(void **state)
{
	struct account_rec a = { .name = "b<@h", .dir = "b@h", .login = "b<", .host = "h", .port = "993" };
	struct arena arena;
	struct lease l;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(state_claim(job, &a, &arena, &l, &err), 0);
	assert_int_equal(state_account_end(job, &l, ACCOUNT_DONE, "", 0, &err), 0);
	arena_done(&arena);
	char *text = printed(REPORT_HTML, false);
	const char *row = strstr(text, "\">b&lt;@h</a></td><td class=\"good\">complete</td>");
	const char *folders = strstr(text, "<details><summary>");

	assert_non_null(row);
	assert_non_null(folders);
	assert_true(row < folders);
	assert_non_null(strstr(text, "<h2 id=\"a2\">b&lt;@h: complete</h2>"));
	free(text);
}

static void
where_mail_went_is_told(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(state_note_set(job, "dest", "imaps://%u@new:1993/", &err), 0);
	text = printed(REPORT_TEXT, false);
	assert_non_null(strstr(text, "\nextract to a server"));
	assert_non_null(strstr(text, "\n  to u@new:1993\n"));
	assert_non_null(strstr(text, "\n    to .\xc3\x84.x\n"));
	assert_null(strstr(text, "some/dir/mail"));
	assert_non_null(strstr(text, "quarantine/u@h/x/3.eml\n"));
	free(text);
	text = printed(REPORT_JSON, false);
	assert_non_null(strstr(text, "\"dest\":\"u@new:1993\""));
	assert_non_null(strstr(text, "\"dest_name\":\".\xc3\x84.x\""));
	assert_non_null(strstr(text, "\"set_aside\":\"quarantine/u@h/x/3.eml\""));
	free(text);
	text = printed(REPORT_CSV, false);
	assert_non_null(strstr(text, ",no,,u@new:1993,.\xc3\x84.x,0\r\n"));
	free(text);
	text = printed(REPORT_HTML, false);
	assert_non_null(strstr(text, "They went to u@new:1993."));
	assert_non_null(strstr(text, "<td>\xc3\x84/x</td><td>.\xc3\x84.x</td>"));
	free(text);
}

static void
what_imap_does_not_carry_is_told_once(void **state)
{
	static const struct {
		enum report_format format;
		const char *words;
	} told[] = {
		{ REPORT_TEXT, "\nIMAP does not carry, and so nothing was copied of:\n  filters on the server" },
		{ REPORT_JSON, "\"not_carried\":[\"filters on the server (Sieve and the like)\",\"" },
		{ REPORT_HTML, "<li>filters on the server (Sieve and the like)</li>\n<li>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		char *text = printed(told[i].format, false);
		const char *at = strstr(text, told[i].words);

		assert_non_null(at);
		assert_null(strstr(at + 1, told[i].words));
		free(text);
	}
}

static void
three_files_are_left_and_nothing_else(void **state)
{
	static const char *const names[] = { "report.json", "report.csv", "report.html" };
	struct report r;
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(report_open(&r, job, dir, false, &err), 0);
	assert_int_equal(report_files(&r, &err), 0);
	report_done(&r);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 100);
		snprintf(path, sizeof(path), "%s/%s.new", dir, names[i]);
		assert_int_equal(stat(path, &st), -1);
	}
}

static void
options_are_kept_without_secrets(void **state)
{
	struct options o, back;
	struct origin g = { .url = { .user = "u", .host = "h", .port = "993", .tls = true } };
	struct stored *s;
	char *note;

	(void)state;
	g.password = secret_new(slice_str("hunter2"));
	options_init(&o, command_find("extract"));
	options_init(&back, command_find("retry"));
	char *argv[] = { (char[]){ "--folder=A" }, (char[]){ "--folder=B" }, (char[]){ "--timeout=5s" },
		(char[]){ "--password-command=echo hunter2" }, (char[]){ "--to=elsewhere" } };

	assert_int_equal(options_command_line(&o, 5, argv, &err), 0);
	assert_int_equal(stored_write(job, &g, "imaps://u@h/", &o, NULL, &err), 0);
	assert_int_equal(stored_write(job, &g, "imaps://u@h/", &o, NULL, &err), 0);
	assert_int_equal(state_note_get(job, "options/account/u@h:993", &note, &err), 0);
	assert_non_null(note);
	assert_null(strstr(note, "hunter2"));
	free(note);
	assert_int_equal(stored_read(&s, job, &err), 0);
	assert_int_equal(stored_len(s), 1);
	assert_string_equal(stored_source(s, 0), "imaps://u@h/");
	assert_int_equal(stored_apply(job, &g.url, &back, &err), 0);
	assert_int_equal(back.folders.len, 2);
	assert_string_equal(back.folders.item[1], "B");
	assert_int_equal(back.timeout_ms, 5000);
	assert_null(back.way.command);
	stored_free(&s);
	secret_free(g.password);
	options_done(&o);
	options_done(&back);
}

static void
runs_are_told_without_secrets(void **state)
{
	char *argv[] = { (char[]){ "imaps://u@h/" }, (char[]){ "--password-command=echo hunter2" },
		(char[]){ "--folder=A" }, (char[]){ "--folder=<b>" }, (char[]){ "--to=d" } };
	static const enum report_format forms[] = { REPORT_TEXT, REPORT_JSON, REPORT_HTML };
	static const char *const said[] = { "--folder=A", "\"pid\":", "--folder=&#39;&lt;b&gt;&#39;" };
	struct options o;
	int64_t run;

	(void)state;
	options_init(&o, command_find("extract"));
	assert_int_equal(options_command_line(&o, 5, argv, &err), 0);
	assert_int_equal(history_begin(job, &o, &run, &err), 0);
	assert_int_equal(state_run_end(job, run, 75, &err), 0);
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		char *text = printed(forms[i], false);

		assert_non_null(strstr(text, "imaps://u@h/"));
		assert_non_null(strstr(text, said[i]));
		assert_non_null(strstr(text, "75"));
		assert_null(strstr(text, "hunter2"));
		free(text);
	}
	options_done(&o);
}

/* For a shell: what was said, and no more. */
static void
runs_are_told_as_they_would_run_again(void **state)
{
	char *argv[] = { (char[]){ "--users=my list.csv" }, (char[]){ "--to=d" }, (char[]){ "-vv" },
		(char[]){ "--folder=it's" } };
	struct options o;
	struct run_rec *runs;
	struct arena a;
	int64_t run;
	size_t n;

	(void)state;
	arena_init(&a, 64 * 1024);
	options_init(&o, command_find("extract"));
	assert_int_equal(options_command_line(&o, 4, argv, &err), 0);
	assert_int_equal(history_begin(job, &o, &run, &err), 0);
	assert_int_equal(state_runs(job, &a, &runs, &n, &err), 0);
	assert_true(n > 0);
	assert_string_equal(runs[n - 1].options,
	    "extract --to=d --folder='it'\\''s' --users='my list.csv' --verbose --verbose");
	options_done(&o);
	arena_done(&a);
}

/* What imex 0.2 kept: one note for all. The account's own note, once written, counts. */
static void
options_of_an_older_job_are_read_and_converted(void **state)
{
	static const char old[] = "{\"accounts\":["
	    "{\"options\":{\"timeout\":\"5000ms\"},\"source\":\"imaps://u@h/\"},"
	    "{\"options\":{\"folder\":[\"B\"]},\"source\":\"imaps://a%2Fb@h:1993/\"},"
	    "{\"options\":{},\"source\":\"/a/path\"}]}";
	struct origin g = { .url = { .user = "u", .host = "h", .port = "993", .tls = true } };
	struct imap_url second = { .user = "a/b", .host = "h", .port = "1993" };
	char *argv[] = { (char[]){ "--timeout=7s" } }, *note;
	struct options o, back;
	struct stored *s;

	(void)state;
	options_init(&o, command_find("extract"));
	options_init(&back, command_find("retry"));
	assert_int_equal(options_command_line(&o, 1, argv, &err), 0);
	assert_int_equal(state_note_set(job, "options", old, &err), 0);
	assert_int_equal(stored_apply(job, &g.url, &back, &err), 0);
	assert_int_equal(back.timeout_ms, 5000);
	for (int written = 0; written < 2; written++) {
		assert_int_equal(stored_read(&s, job, &err), 0);
		assert_int_equal(stored_len(s), 3);
		assert_string_equal(stored_source(s, 0), "imaps://a%2Fb@h:1993/");
		assert_string_equal(stored_source(s, 1), "imaps://u@h/");
		assert_string_equal(stored_source(s, 2), "/a/path");
		stored_free(&s);
		assert_int_equal(stored_write(job, &g, "imaps://u@h/", &o, NULL, &err), 0);
	}
	assert_int_equal(state_note_get(job, "options", &note, &err), 0);
	assert_null(note);
	assert_int_equal(stored_apply(job, &second, &back, &err), 0);
	assert_string_equal(back.folders.item[0], "B");
	assert_int_equal(stored_apply(job, &g.url, &back, &err), 0);
	assert_int_equal(back.timeout_ms, 7000);
	options_done(&o);
	options_done(&back);
}

int
main(void)
{
#define WITH_A_JOB(test) cmocka_unit_test_setup_teardown(test, make_job, drop_job)
	const struct CMUnitTest tests[] = {
		WITH_A_JOB(json_holds_verdicts_proof_and_problems),
		WITH_A_JOB(equal_states_give_equal_reports),
		WITH_A_JOB(text_fits_eighty_columns),
		WITH_A_JOB(privacy_leaves_senders_and_subjects_out),
		WITH_A_JOB(a_folder_that_no_run_came_to_the_end_of_has_no_counts),
		WITH_A_JOB(csv_disarms_formulas_and_quotes),
		WITH_A_JOB(csv_has_a_row_of_an_account_without_folders),
		WITH_A_JOB(html_escapes_all_that_is_foreign),
		WITH_A_JOB(html_of_many_accounts_begins_with_a_table_of_them),
		WITH_A_JOB(where_mail_went_is_told),
		WITH_A_JOB(what_imap_does_not_carry_is_told_once),
		WITH_A_JOB(three_files_are_left_and_nothing_else),
		WITH_A_JOB(options_are_kept_without_secrets),
		WITH_A_JOB(runs_are_told_without_secrets),
		WITH_A_JOB(runs_are_told_as_they_would_run_again),
		WITH_A_JOB(options_of_an_older_job_are_read_and_converted),
	};

	cells_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
