/* The four dialects of lists: how each is recognised, what its rows become, which faults it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/textfile.h"
#include "app/users/userlist.h"
#include "imap/url.h"
#define LIST_NAME "u.csv"
#include "userlist_help.h"

static void
parse(const char *text, enum userlist_dialect dialect, size_t rows)
{
	list_parse(text);
	if (faults.count > 0)
		fail_msg("'%s': %s", text, faults.text.data);
	assert_int_equal(list.dialect, dialect);
	assert_int_equal(list.len, rows);
}

static void
is(const struct secret *s, const char *text)
{
	if (!text) {
		assert_null(s);
		return;
	}
	assert_non_null(s);
	assert_true(slice_eq(secret_value(s), text));
}

static void
setting_is(size_t row, size_t i, const char *name, const char *text)
{
	assert_true(i < list.row[row].n_settings);
	assert_string_equal(list.row[row].setting[i].row->name, name);
	assert_string_equal(list.row[row].setting[i].text, text);
}

/* ---- Exchange Online ---- */

#define EXCHANGE "EmailAddress,UserName,Password\r\n"

static void
exchange_online_takes_its_server_from_the_command_line(void **state)
{
	(void)state;
	how.server = "imap.example.org";
	parse(EXCHANGE "terry@new.example,contoso\\terry.adams,1091990\r\nann@new.example,ann%x,\r\n",
	    USERLIST_EXCHANGE, 2);
	assert_string_equal(list.row[0].source, "imaps://contoso%5Cterry.adams@imap.example.org/");
	assert_string_equal(list.row[0].login, "contoso\\terry.adams");
	assert_string_equal(list.row[0].smtp_address, "terry@new.example");
	is(list.row[0].password, "1091990");
	assert_null(list.row[0].dest);
	assert_string_equal(list.row[1].source, "imaps://ann%25x@imap.example.org/");
	is(list.row[1].password, NULL);
	how.server = "IMAP://mail.example.org:1143/";
	parse("UserName,Password,EmailAddress\na,p,a@x\n", USERLIST_EXCHANGE, 1);
	assert_string_equal(list.row[0].source, "imap://a@mail.example.org:1143/");
	how.server = "mail.example.org:143";
	parse(EXCHANGE "a@x,a,p\n", USERLIST_EXCHANGE, 1);
	assert_string_equal(list.row[0].source, "imap://a@mail.example.org/");
}

static void
a_server_that_is_missing_or_none_says_so(void **state)
{
	static const char *const none[] = { "", "a b", "u@host", "imaps://u@host/", "host:0",
		"http://host/", "host/folder" };

	(void)state;
	list_refused(EXCHANGE "a@x,a,p\n", "u.csv:1: a list of Exchange Online names no server: give --server");
	how.server = "h";
	list_refused("host1;user1;password1;host2;user2;password2;\nh;a;p;g;b;q;\n", "--server is for lists of");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		char text[] = EXCHANGE "a@x,a,p\n";

		userlist_done(&list);
		how.server = none[i];
		assert_int_equal(userlist_parse(&list, "u", text, strlen(text), &how, &faults, &err), -1);
		assert_int_equal(err_exit_code(err.kind), 64);
		assert_non_null(strstr(err.text, "--server"));
	}
}

static void
the_root_of_a_user_narrows_what_is_copied(void **state)
{
	(void)state;
	how.server = "courier.example";
	parse("EmailAddress,UserName,Password,UserRoot\nt@x,admin,p,/users/terry [a]/\nb@x,b,p,\nc@x,c,p,/\n",
	    USERLIST_EXCHANGE, 3);
	assert_int_equal(list.row[0].n_settings, 3);
	setting_is(0, 0, "folder", "users[/.\\\\]terry \\[a\\]");
	setting_is(0, 1, "folder", "users[/.\\\\]terry \\[a\\][/.\\\\]*");
	setting_is(0, 2, "namespace", "other,shared");
	assert_int_equal(list.row[1].n_settings, 0);
	assert_int_equal(list.row[2].n_settings, 0);
}

/* ---- imapsync ---- */

static void
imapsync_needs_no_header(void **state)
{
	static const char rows[] = "# the pilot group\n"
		"host001_1.example;user001_1;pass\"word,1;host001_2.example;user001_2;password001_2;\r\n"
		"\n# another comment\n"
		"imap://h1:1143;u%1;;[2001:db8::1]:1993;u2; p 2 \n";

	(void)state;
	parse(rows, USERLIST_IMAPSYNC, 2);
	assert_string_equal(list.row[0].source, "imaps://user001_1@host001_1.example/");
	assert_string_equal(list.row[0].dest, "imaps://user001_2@host001_2.example/");
	is(list.row[0].password, "pass\"word,1");
	is(list.row[0].dest_password, "password001_2");
	assert_int_equal(list.row[0].line, 2);
	assert_string_equal(list.row[1].source, "imap://u%251@h1:1143/");
	assert_string_equal(list.row[1].dest, "imaps://u2@[2001:db8::1]:1993/");
	assert_string_equal(list.row[1].dest_login, "u2");
	is(list.row[1].password, NULL);
	is(list.row[1].dest_password, " p 2 ");
	assert_string_equal(list.row[1].smtp_address, "");
	parse("host1;user1;password1;host2;user2;password2;\nh;a;p;g;b;q;\n", USERLIST_IMAPSYNC, 1);
	parse("user1;host1;password1;user2;host2;password2\na;h;p;b;g;q\n", USERLIST_IMAPSYNC, 1);
	assert_string_equal(list.row[0].source, "imaps://a@h/");
}

static void
imapsync_options_of_servers_are_taken(void **state)
{
	(void)state;
	parse("h;a;p;g;b;q;--port1 1993 --tls2;\nh;c;p;g;d;q;--tls1 --port2=143\n"
	      "h;e;p;g;f;q;  --ssl1 --port1=10993 --ssl2 --port2 10143;;\nh:143;i;p;g;j;q;--ssl1;",
	    USERLIST_IMAPSYNC, 4);
	assert_string_equal(list.row[0].source, "imaps://a@h:1993/");
	assert_string_equal(list.row[0].dest, "imap://b@g/");
	assert_string_equal(list.row[1].source, "imap://c@h/");
	assert_string_equal(list.row[1].dest, "imap://d@g/");
	assert_string_equal(list.row[2].source, "imaps://e@h:10993/");
	assert_string_equal(list.row[2].dest, "imaps://f@g:10143/");
	assert_string_equal(list.row[3].source, "imaps://i@h/");
	list_refused("h;a;p;g;b;q;--folder INBOX;\n", "u.csv:1: column 7, extra: of imapsync's options --port1 N");
	list_refused("h;a;p;g;b;q;--port1 x;\n", "column 7, extra");
	list_refused("h;a;p;g;b;q;--port1;\n", "column 7, extra");
	list_refused("h;a;p;g;b;q;--ssl3;\n", "column 7, extra");
	list_refused("h;a;p;g;b;q;1;\n", "column 7, extra");
	list_refused("h;a;p;g;b;q;;more;\n", "no field of such a list can hold a ';'");
	list_refused("h;a;p;g;b;q;\nh;a\n", "u.csv:2: column 3, password1, is missing");
	list_refused("h;a;p;;b;q;\n", "column 4, host2: a server as imap.example.org");
	list_refused("h;a;p;g; ;q;\n", "column 5, user2: the name to log in with is missing");
	list_refused("h/x;a;p;g;b;q;\n", "column 1, host1: a server as");
}

/* ---- our own ---- */

static void
own_lists_have_options_as_columns(void **state)
{
	(void)state;
	parse("# ours\nSource,dest,password_command,folder,folder,since,MAP,dest-password,subscribed,smtp_address\n"
	      "imaps://anna@old.example/,imaps://anna@new.example:1993/,pass show anna,INBOX,\"A,B\",2020-01-01,Sent Items=Sent,s3,yes,a@x\n"
	      "#imaps://no@old.example/\n"
	      "imap://b%25c@old.example,,,,,,,,,\n",
	    USERLIST_OWN, 2);
	assert_string_equal(list.row[0].source, "imaps://anna@old.example/");
	assert_string_equal(list.row[0].dest, "imaps://anna@new.example:1993/");
	assert_int_equal(list.row[0].n_settings, 6);
	setting_is(0, 0, "password-command", "pass show anna");
	setting_is(0, 1, "folder", "INBOX");
	setting_is(0, 2, "folder", "A,B");
	setting_is(0, 3, "since", "2020-01-01");
	setting_is(0, 4, "map", "Sent Items=Sent");
	setting_is(0, 5, "subscribed", "yes");
	is(list.row[0].dest_password, "s3");
	assert_string_equal(list.row[0].smtp_address, "a@x");
	assert_string_equal(list.row[1].login, "b%c");
	assert_string_equal(list.row[1].source, "imap://b%25c@old.example/");
	assert_null(list.row[1].dest);
	assert_int_equal(list.row[1].n_settings, 0);
	parse("source\nimaps://a@h/\n", USERLIST_OWN, 1);
	parse("source,Password\nimaps://a@h/,p\n", USERLIST_OWN, 1);
	is(list.row[0].password, "p");
}

/* What selects messages and folders, and how servers are reached, is each account's own. */
static void
whatever_selects_mail_may_be_a_column(void **state)
{
	(void)state;
	parse("source,exclude,subscribed,namespace,before,skip_deleted,unseen,min_size,max_size,priority_folders,"
	      "connections,no_source_writes,prefix,doubt_wait,dest_tls_pin,tls_ca\n"
	      "imaps://a@h/,Trash,yes,other,2020-01-01,no,yes,1k,45M,Sent,3,yes,old-,0s,sha256:"
	      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,/etc/ca.pem\n",
	    USERLIST_OWN, 1);
	assert_int_equal(list.row[0].n_settings, 15);
	setting_is(0, 5, "unseen", "yes");
	setting_is(0, 7, "max-size", "45M");
	setting_is(0, 8, "priority-folders", "Sent");
	list_refused("source,min_size\nimaps://a@h/,large\n", "column 2, min-size: not accepted; a size as 500k");
}

static void
columns_that_an_account_cannot_have_name_the_nearest(void **state)
{
	(void)state;
	list_refused("source,foldr\nimaps://a@h/,x\n", "column 2 of the header is none that is known; did you mean folder?");
	list_refused("source,tls_pn\n", "did you mean tls-pin?");
	list_refused("source,format\nimaps://a@h/,mbox\n", "--format is for the whole run and goes on the command line");
	list_refused("source,jobs\nimaps://a@h/,2\n", "column 2 of the header: --jobs is for the whole run");
	list_refused("source,since,since\nimaps://a@h/,,\n", "the header has since twice, in columns 2 and 3");
	list_refused("dest,folder\nimaps://a@h/,x\n", "the header lacks the column source");
}

static void
values_of_options_are_tried_before_anything_is_contacted(void **state)
{
	(void)state;
	list_refused("source,since\nimaps://a@h/,yesterday\n", "u.csv:2: column 2, since: not accepted; a date as 2003-11-07");
	list_refused("source,timeout\nimaps://a@h/,soon\n", "column 2, timeout: not accepted; a number with ms, s, m");
	list_refused("source,tls_pin\nimaps://a@h/,abc\n", "sha256:");
	list_refused("source,map\nimaps://a@h/,Sent\n", "column 2, map: not accepted; FOLDER=FOLDER is expected");
	list_refused("source,insecure_tls\nimaps://a@h/,perhaps\n", "yes and no are");
	list_refused("source,namespace\nimaps://a@h/,hunter2\n", "personal|other|shared");
	list_refused("source,dest\nanna@h,\n", "column 1, source: an IMAP URL as imaps://user@host/");
	list_refused("source,dest\nimaps://a%h@h/,\n", "is written %25");
	list_refused("source,dest\nimaps://a@h/,imaps://h/\n", "column 2, dest: an IMAP URL");
	list_refused("source,dest\nimaps://a%01@h/,\n", "column 1, source");
	list_refused("source,dest\n,imaps://a@h/\n", "column 1, source");
}

static void
no_fault_of_any_dialect_shows_a_field(void **state)
{
	static const char *const texts[] = {
		"source,since,namespace,timeout,tls_pin,map,insecure_tls,connections,doubt_wait,dest\n"
		"hunter2,hunter2,hunter2,hunter2,hunter2,hunter2,hunter2,hunter2,hunter2,hunter2\n"
		"\"hunter2\"hunter2,,,,,,,,,,,,hunter2\n",
		"hunter2 x;hunter2;p;hunter2 y;hunter2;hunter2;hunter2;hunter2;\n",
		"h;a;p;g;b;q;--port1 hunter2 hunter2\nh;a;p;g/hunter2;b;q;\n",
		"a@x,hunter2,hunter2\n", "hunter2;hunter2;hunter2\n", "hunter2\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		list_parse(texts[i]);
		assert_true(faults.count > 0);
		assert_null(strstr(faults.text.data, "hunter2"));
	}
	how.server = "h";
	list_parse("EmailAddress,UserName,Password,UserRoot\nhunter2,a,p,\nhunter2\nc@x,a,\"hunter2,\n");
	assert_int_equal(faults.count, 3);
	assert_null(strstr(faults.text.data, "hunter2"));
}

/* ---- all of them ---- */

static void
spreadsheets_separate_as_they_like(void **state)
{
	(void)state;
	parse("IMAP_Mailbox;IMAP_Password;SMTP_Address;IMAP_Server;Ex_Mailbox;IMAP_Port\r\na;\"p;q\";a@x;h;;\r\n;;;;;\r\n",
	    USERLIST_WIZARD, 1);
	is(list.row[0].password, "p;q");
	parse("source\tdest\tfolder\nimaps://a@h/\t\tA, B\nimaps://b@h/\t\"imaps://b@g/\"\t\n", USERLIST_OWN, 2);
	setting_is(0, 0, "folder", "A, B");
	assert_null(list.row[0].dest);
	assert_string_equal(list.row[1].dest, "imaps://b@g/");
	parse("source;dest\nimaps://a@h/;imaps://a@g/\n", USERLIST_OWN, 1);
	list_refused("source;dest\nimaps://a@h/;;x\n", "a field with a semicolon in it");
}

static void
only_the_dialects_that_are_asked_for_are_taken(void **state)
{
	(void)state;
	how.dialects = USERLIST_WIZARD;
	list_refused("source,dest\nimaps://a@h/,\n", "this is a list of imex; expected is one of the Migration Wizard: IMAP_Mailbox,");
	list_refused("h;a;p;g;b;q;\n", "this is a list of imapsync; expected is");
	list_refused("h,a,p\n", "this first row is no header; it should be IMAP_Mailbox,");
	assert_null(strstr(faults.text.data, "host1"));
	how.dialects = 0;
	list_refused("h,a,p\n", " or source[,dest");
}

static void
two_rows_with_one_destination_are_refused_unless_merged(void **state)
{
	static const char text[] = "source,dest\nimaps://a@h/,imaps://all@g/\nimaps://b@h/,imaps://b@g/\n"
		"imaps://c@h/,imap://ALL@G/\n";

	(void)state;
	list_refused(text, "u.csv:4: the destination is that of line 2");
	how.merge = true;
	parse(text, USERLIST_OWN, 3);
	list_refused("source,dest\nimaps://a@h/,\nimap://a@H/,\n", "u.csv:3: the account of line 2 again");
	list_refused("source,dest\nimaps://a@h/,imap://a@h/\n", "u.csv:2: source and destination are one account");
	parse("source,dest\nimaps://a@h/,imaps://a@h:1993/\nimaps://A@h/,\n", USERLIST_OWN, 2);
}

static void
utf16_of_spreadsheets_is_read(void **state)
{
	static const char text[] = "source\tpassword\r\nimaps://m\xfc@h/\tp\r\n";
	char utf16[2 * sizeof(text)];

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct textfile t;

		memcpy(utf16, big ? "\xfe\xff" : "\xff\xfe", 2);
		for (size_t i = 0; i + 1 < sizeof(text); i++) {
			utf16[2 + 2 * i + (size_t)big] = text[i];
			utf16[2 + 2 * i + (size_t)!big] = 0;
		}
		assert_int_equal(textfile_of(&t, (struct slice){ utf16, 2 * sizeof(text) }, "u",
		    big ? 850 : 0, &err), 0);
		userlist_done(&list);
		assert_int_equal(userlist_parse(&list, "u", t.data, t.len, &how, &faults, &err), 0);
		textfile_done(&t);
		assert_int_equal(faults.count, 0);
		assert_string_equal(list.row[0].login, "m\xc3\xbc");
		is(list.row[0].password, "p");
	}
}

/* Every URL of a row is one that the program takes, and names what the row names. */
static void
hostile_octets_give_whole_rows_or_faults(void **state)
{
	static const char alphabet[] = "a,;;;\t\"\n\r !@.%/:[]#-1\x80\xff\x01";
	static const char *const heads[] = { EXCHANGE, "h;a;p;g;b;q;\n", "source,dest,folder,map\n",
		"source\tpassword\timap\n", "" };
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		char text[200];
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", heads[round % 5]);
		struct arena a;

		while (len < sizeof(text) - 1) {
			seed = seed * 1103515245 + 12345;
			text[len++] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		how.server = round % 5 == 0 ? "h" : NULL;
		list_parse(text);
		assert_true(list.len > 0 || faults.count > 0);
		arena_init(&a, 1 << 20);
		for (size_t i = 0; i < list.len; i++) {
			struct imap_url url;

			assert_int_equal(imap_url_parse(list.row[i].source, &a, &url, &err), 0);
			assert_string_equal(url.user, list.row[i].login);
			assert_string_equal(url.port, list.row[i].port);
			if (list.row[i].dest)
				assert_int_equal(imap_url_parse(list.row[i].dest, &a, &url, &err), 0);
		}
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    exchange_online_takes_its_server_from_the_command_line, list_begin, list_end),
		cmocka_unit_test_setup_teardown(a_server_that_is_missing_or_none_says_so, list_begin, list_end),
		cmocka_unit_test_setup_teardown(the_root_of_a_user_narrows_what_is_copied, list_begin, list_end),
		cmocka_unit_test_setup_teardown(imapsync_needs_no_header, list_begin, list_end),
		cmocka_unit_test_setup_teardown(imapsync_options_of_servers_are_taken, list_begin, list_end),
		cmocka_unit_test_setup_teardown(own_lists_have_options_as_columns, list_begin, list_end),
		cmocka_unit_test_setup_teardown(whatever_selects_mail_may_be_a_column, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    columns_that_an_account_cannot_have_name_the_nearest, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    values_of_options_are_tried_before_anything_is_contacted, list_begin, list_end),
		cmocka_unit_test_setup_teardown(no_fault_of_any_dialect_shows_a_field, list_begin, list_end),
		cmocka_unit_test_setup_teardown(spreadsheets_separate_as_they_like, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    only_the_dialects_that_are_asked_for_are_taken, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    two_rows_with_one_destination_are_refused_unless_merged, list_begin, list_end),
		cmocka_unit_test_setup_teardown(utf16_of_spreadsheets_is_read, list_begin, list_end),
		cmocka_unit_test_setup_teardown(hostile_octets_give_whole_rows_or_faults, list_begin, list_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
