/* Packing lists and sections: what may be wrong with a set, and that the rest is still read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "exchange_help.h"

#define LIST_HEAD "1252\r\n\r\nFilename,Filetype\r\n"
#define EMPTY_SEC SET_SEC_HEAD "Body,0,,TRUE,,,\r\n\r\n"
#define SECTION(owner, subject)                                                                    \
	"MAILMESSAGE," owner "\r\n" SET_COLUMNS SET_LINE(subject, "#A.SEC(50)")

static void
put_pri(const char *text)
{
	set_put("imex.PKL", LIST_HEAD "A.PRI,Primary\r\nA.SEC,Secondary\r\n");
	set_put("A.PRI", text);
	set_put("A.SEC", EMPTY_SEC);
	set_open();
}

static void
fails(const char *list, const char *words)
{
	set_put("imex.PKL", list);
	assert_int_equal(exread_open(&set, temp_path("imex.PKL"), 0, &err), -1);
	if (strstr(err.text, words) == NULL)
		fprintf(stderr, "# %s\n", err.text);
	assert_non_null(strstr(err.text, words));
	assert_int_equal(err.kind, ERR_MALFORMED);
	assert_null(set);
}

/* Subjects of all lines of an owner, one letter each. */
static void
subjects_are(size_t owner, const char *want)
{
	char got[64] = "";

	set_start(owner);
	for (size_t n = 0; set_next() && n + 1 < sizeof got; n++)
		got[n] = item.subject.len > 0 ? item.subject.data[0] : '-';
	assert_string_equal(got, want);
}

/* A.7 */
static void
a_comment_may_stand_above_the_code_page(void **state)
{
	(void)state;
	set_example();
	set_put("imex.PKL",
	    "! CodePage\r\n932\r\n\r\n! files\r\nFilename,Filetype\r\n\r\n00000001.PRI,primary\r\n"
	    "! x\r\nDirectory.Pri,PRIMARY\r\n00000001.sec,Secondary");
	set_open();
	assert_int_equal(exread_codepage(set), 932);
	assert_int_equal(exread_problems(set, NULL), 0);
	assert_int_equal(exread_files(set), 3);
	assert_string_equal(exread_file(set, 1)->name, "DIRECTORY.PRI");
	assert_string_equal(exread_file(set, 2)->name, "00000001.SEC");
	assert_string_equal(exread_file(set, 2)->listed, "00000001.sec");
	assert_int_equal(exread_owners(set), 1);
}

static void
what_is_no_packing_list_is_refused_with_the_reason(void **state)
{
	(void)state;
	fails("", "not a packing list: expected a code page number");
	fails("hello\r\n", "not a packing list");
	fails("\xFF\xFE"
	      "1",
	    "UTF-16");
	fails("UNICODE\r\n\r\nFilename,Filetype\r\n", "UNICODE");
	fails("1200\r\n\r\nFilename,Filetype\r\n", "UTF-16");
	fails("500\r\n\r\nFilename,Filetype\r\n", "code page 500");
	assert_int_equal(exread_open(&set, temp_path("none.PKL"), 0, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(exread_open(&set, temp_path("no/imex.PKL"), 0, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(exread_open(&set, temp_dir, 0, &err), -1);
	/* a number from outside helps */
	set_example();
	set_put("imex.PKL", "UNICODE\r\n\r\nFilename,Filetype\r\n00000001.PRI,Primary\r\n");
	assert_int_equal(exread_open(&set, temp_path("imex.PKL"), 1252, &err), 0);
	assert_int_equal(exread_owners(set), 1);
}

static void
a_list_without_a_code_page_is_read_as_1252(void **state)
{
	(void)state;
	set_example();
	set_put("imex.PKL",
	    "Filename,Filetype\r\n00000001.PRI,Primary\r\n00000001.SEC,Secondary\r\n"
	    "DIRECTORY.PRI,Primary\r\n");
	set_open();
	assert_true(set_has_problem(EV_EX_PACKING, "imex.PKL line 1: no code page number"));
	assert_int_equal(exread_codepage(set), 1252);
	assert_int_equal(exread_problems(set, NULL), 1);
	set_put("imex.PKL", "1252\r\n00000001.PRI,Primary\r\n00000001.SEC,Secondary\r\n"
			    "DIRECTORY.PRI,Primary\r\n");
	set_open();
	assert_true(set_has_problem(EV_EX_PACKING, "imex.PKL line 2: expected the row \"Filename"));
	assert_int_equal(exread_files(set), 3);
}

static void
entries_that_cannot_be_are_said_and_the_others_read(void **state)
{
	(void)state;
	set_put("A.PRI", SECTION("SMTP:a@x", "a"));
	set_put("A.SEC", EMPTY_SEC);
	set_put("B.PRI", SECTION("SMTP:b@x", "b"));
	set_put("odd.PRI", "");
	assert_int_equal(mkdir(temp_path("D.PRI"), 0700), 0);
	assert_int_equal(symlink("/etc/passwd", temp_path("L.PRI")), 0);
	assert_int_equal(mkfifo(temp_path("F.SEC"), 0600), 0);
	set_put("imex.PKL",
	    LIST_HEAD "A.PRI,Primary\r\nA.SEC,Secondary\r\nA.PRI,Primary\r\na.pri,Primary\r\n"
		      "..\\B.PRI,Primary\r\nsub/B.PRI,Primary\r\n..,Primary\r\n,Primary\r\n"
		      "gone.SEC,Secondary\r\nD.PRI,Primary\r\nL.PRI,Primary\r\nF.SEC,Secondary\r\n"
		      "B.PRI,Tertiary\r\nodd.PRI\r\n");
	set_open();
	assert_true(set_has_problem(EV_EX_PACKING, "imex.PKL line 6: 'A.PRI' is named twice"));
	assert_true(
	    set_has_problem(EV_EX_PACKING, "line 7: 'a.pri' and 'A.PRI' are the same file"));
	assert_true(
	    set_has_problem(EV_EX_UNREADABLE, "line 8: '..\\B.PRI' is no name of a file beside"));
	assert_true(set_has_problem(EV_EX_UNREADABLE, "line 9: 'sub/B.PRI' is no name"));
	assert_true(set_has_problem(EV_EX_UNREADABLE, "line 10: '..' is no name"));
	assert_true(set_has_problem(EV_EX_UNREADABLE, "line 11: '' is no name"));
	assert_true(set_has_problem(
	    EV_EX_UNREADABLE, "line 12: 'gone.SEC' cannot be read: it is not there"));
	assert_true(
	    set_has_problem(EV_EX_UNREADABLE, "'D.PRI' cannot be read: it is not a regular"));
	assert_true(
	    set_has_problem(EV_EX_UNREADABLE, "'L.PRI' cannot be read: it is a symbolic link"));
	assert_true(
	    set_has_problem(EV_EX_UNREADABLE, "'F.SEC' cannot be read: it is not a regular"));
	assert_true(set_has_problem(EV_EX_PACKING, "'B.PRI' has the type 'Tertiary'"));
	assert_true(set_has_problem(EV_EX_PACKING, "line 17: 1 fields, expected 2"));
	assert_int_equal(exread_owners(set), 2);
	subjects_are(0, "a");
	subjects_are(1, "b");
}

static void
files_that_lie_beside_the_list_are_said(void **state)
{
	(void)state;
	set_example();
	set_put("00000002.PRI", "");
	set_put("stray.sec", "");
	set_put("notes.txt", "");
	set_put("imex-2.PKL", LIST_HEAD "00000002.pri,Primary\r\n");
	set_open();
	assert_true(set_has_problem(
	    EV_EX_PACKING, "'stray.sec' lies beside the packing list, which does not name it"));
	assert_int_equal(exread_problems(set, NULL), 1);
}

static void
names_that_differ_in_case_are_two_files_where_they_can_be(void **state)
{
	(void)state;
	set_put("imex.PKL", LIST_HEAD "A.PRI,Primary\r\nx.SEC,Secondary\r\nX.sec,Secondary\r\n");
	set_put("A.PRI", "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS SET_LINE("1", "#x.SEC(50)")
			     SET_LINE("2", "#X.sec(50)") SET_LINE("3", "#X.SEC(50)"));
	set_put("x.SEC", SET_SEC_HEAD "Body,3,,TRUE,,,\r\none\r\n");
	set_put("X.sec", SET_SEC_HEAD "Body,3,,TRUE,,,\r\ntwo\r\n");
	set_open();
	assert_int_equal(exread_problems(set, NULL), 0);
	struct buf body;
	struct exfault fault;
	static const char *const want[] = { "Body(3)one|", "Body(3)two|", "Body(3)one|" };

	buf_init(&body, 1000);
	set_start(0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(set_next());
		assert_int_equal(set_body(&body, &fault), EXSTEP_END);
		assert_string_equal(body.data, want[i]);
	}
	buf_done(&body);
}

static void
a_secondary_file_that_only_a_pointer_names_is_read_and_said(void **state)
{
	struct buf body;
	struct exfault fault;

	(void)state;
	set_put("imex.PKL", LIST_HEAD "A.PRI,Primary\r\n");
	set_put("A.PRI", SECTION("SMTP:a@x", "a"));
	set_put("a.sec", EMPTY_SEC);
	set_open();
	buf_init(&body, 1000);
	set_start(0);
	assert_true(set_next());
	assert_int_equal(set_body(&body, &fault), EXSTEP_END);
	assert_string_equal(body.data, "Body(0)|");
	buf_done(&body);
	assert_true(set_has_problem(EV_EX_PACKING, "'a.sec' is pointed to"));
}

static void
sections_belong_to_owners_whatever_their_form(void **state)
{
	(void)state;
	put_pri("! extracted\r\n" SECTION("SMTP:a@x", "1") "\r\n" SECTION(
	    "MIGRATE:SMTP:A@X", "2") "\r\n" SECTION("publicmessage",
	    "3") "\r\n" SECTION("PublicMessages", "4") "! note\r\n" SECTION("\"SMTP:b%c@x\"",
	    "5") "\r\n" SECTION("MIGRATE:smtp:a@x", "6"));
	assert_int_equal(exread_problems(set, NULL), 0);
	assert_int_equal(exread_owners(set), 3);
	assert_string_equal(exread_owner(set, 0)->address, "SMTP:a@x");
	assert_int_equal(exread_owner(set, 0)->sections, 3);
	assert_int_equal(exread_owner(set, 0)->lines, 3);
	assert_true(exread_owner(set, 1)->is_public);
	assert_string_equal(exread_owner(set, 2)->address, "SMTP:b%c@x");
	subjects_are(0, "126");
	subjects_are(1, "34");
	subjects_are(2, "5");
	subjects_are(0, "126");
	assert_int_equal(exread_start(set, 3, &err), -1);
}

/* Q214822: the rest of the section is skipped, and which lines. */
static void
a_bad_heading_skips_to_the_next_section(void **state)
{
	(void)state;
	put_pri("MAILMESSAGE\r\n" SET_COLUMNS SET_LINE("x", "#A.SEC(50)") "\r\n" SECTION(
	    "SMTP:a@x", "a") "\r\nMAILMESSAGE,SMTP:b@x\r\nFolder,Sender\r\n" SET_LINE("y",
	    "#A.SEC(50)") "\r\nMAILMESSAGE,SMTP:c@x,more\r\n" SET_COLUMNS
			  "\r\n" SECTION("SMTP:d@x", "d") "\r\nMAILMESSAGE,\r\n" SET_COLUMNS "\r\n"
							  "MAILMESSAGE,SMTP:e@x\r\n");
	assert_true(set_has_problem(EV_EX_SECTION, "A.PRI line 1: the heading of a section has 1 "
						   "fields, expected 2 (MAILMESSAGE,SMTP:address); "
						   "lines 1 to 3 are skipped (3 with text)"));
	assert_true(
	    set_has_problem(EV_EX_SECTION, "A.PRI line 10: the row of column names has 2 fields"));
	assert_true(set_has_problem(EV_EX_SECTION, "lines 10 to 11 are skipped"));
	assert_true(
	    set_has_problem(EV_EX_SECTION, "A.PRI line 13: the heading of a section has 3 fields"));
	assert_true(set_has_problem(EV_EX_SECTION, "MAILMESSAGE names no owner"));
	assert_true(set_has_problem(
	    EV_EX_SECTION, "A.PRI line 23: the section ends before its row of column names"));
	assert_int_equal(exread_totals(set)->skipped_lines, 3 + 2 + 2 + 2);
	assert_int_equal(exread_owners(set), 4);
	subjects_are(0, "a");
	assert_string_equal(exread_owner(set, 1)->address, "SMTP:b@x");
	subjects_are(1, "");
	subjects_are(2, "d");
}

static void
a_section_without_a_blank_line_before_it_is_found(void **state)
{
	(void)state;
	put_pri(SECTION("SMTP:a@x", "a")
		SECTION("SMTP:b@x", "b") "MAILMESSAGE,SMTP:c@x\r\n" SET_LINE("c", "#A.SEC(50)"));
	assert_true(
	    set_has_problem(EV_EX_LENIENT, "A.PRI line 4: a section begins without a blank line"));
	assert_int_equal(exread_owners(set), 2);
	subjects_are(0, "a");
	/* without column names it is no heading, but a damaged line of the one before */
	subjects_are(1, "b-c");
}

static void
a_folder_may_have_the_name_of_a_section(void **state)
{
	(void)state;
	put_pri("MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS
		"PAB,A,B,,,1,,,,,,#A.SEC(50)\r\n\r\nMAILMESSAGE,A,B,,,2,,,,,,#A.SEC(50)\r\n");
	assert_int_equal(exread_problems(set, NULL), 0);
	subjects_are(0, "12");
}

/* EM-50 */
static void
em_50_an_address_book_with_a_wrong_heading_is_said_with_both_counts(void **state)
{
	(void)state;
	put_pri(
	    "PAB,SMTP:a@x\r\nObj-class,Display-Name,Email-Address\r\nentry,A,SMTP:a@x\r\n\r\n"
	    "PAB,SMTP:a@x\r\n"
	    "Obj-class,Display-Name,Email-Address,First,Last,Address,City,State,Zip,Country,Title,"
	    "Company,Department,Office,Assistant,Bus-Num,Bus2-Num,Assist-Num,Fax-Num,Home-Num,"
	    "Home2-Num,Mobile-Num,Pager-Num,Note\r\n"
	    "entry,Ann,\"SMTP:ann@x.org\"\r\nentry,,\r\ndl,L,SMTP:a@x;SMTP:b@x,,,,,,,,,,,,,,,,,,,,,"
	    "n\r\n"
	    "\r\nPAB\r\n\r\n" SECTION("SMTP:a@x", "a"));
	assert_true(set_has_problem(EV_EX_PAB, "A.PRI line 2: the row of column names of an "
					       "address book has 3 fields, expected 24; lines 2 "
					       "to 3 are skipped"));
	assert_true(set_has_problem(EV_EX_LINE, "A.PRI line 8: an entry of an address book needs"));
	assert_true(
	    set_has_problem(EV_EX_PAB, "A.PRI line 11: the heading of a section has 1 fields"));
	assert_int_equal(exread_problems(set, NULL), 3);
	assert_int_equal(exread_totals(set)->pab_sections, 2);
	assert_int_equal(exread_totals(set)->pab_entries, 3);
	subjects_are(0, "a");
}

/* EM-27, EM-28 */
static void
em_27_28_faults_of_directory_lines_are_said_and_counted(void **state)
{
	(void)state;
	put_pri("DIRECTORY\r\nObj-class,Mode,Common-Name,X\r\n"
		"mailbox,create,\"usuario1%ncc%migracion\",\"a\\\\r\\\\new\"\r\n"
		"mailbox,create,b,\"a\\b\"\r\n"
		"mailbox,create,c,d\\\\\r\n"
		"mailbox,modify,c,\r\n"
		"mailbox,create,c\r\n"
		"mailbox,create,\"c\"d,e\r\n"
		"mailbox,create,\"open,e\r\n\r\n"
		"DIRECTORY\r\nMode,Obj-class\r\nx,y\r\n\r\n" SECTION("SMTP:a@x", "a"));
	assert_true(
	    set_has_problem(EV_EX_DIRECTORY, "A.PRI line 4: field 4 has a single backslash"));
	assert_true(set_has_problem(EV_EX_DIRECTORY, "A.PRI line 6: the Mode is 'modify'"));
	assert_true(set_has_problem(EV_EX_DIRECTORY, "A.PRI line 7: 3 fields, expected 4"));
	assert_true(set_has_problem(EV_EX_QUOTE, "A.PRI line 8, column 19: text follows"));
	assert_true(set_has_problem(EV_EX_QUOTE, "A.PRI line 9: "));
	assert_true(set_has_problem(EV_EX_SECTION, "A.PRI line 12: the row of column names"));
	assert_int_equal(exread_problems(set, NULL), 6);
	assert_int_equal(exread_totals(set)->directory_objects, 7);
	assert_int_equal(exread_totals(set)->directory_faults, 5);
	subjects_are(0, "a");
}

static void
text_outside_of_sections_is_skipped_and_said(void **state)
{
	(void)state;
	put_pri("garbage\r\nmore\r\n\r\n" SECTION("SMTP:a@x", "a"));
	assert_true(
	    set_has_problem(EV_EX_SECTION, "A.PRI line 1: text outside of a section, expected "
					   "MAILMESSAGE, PAB or DIRECTORY; lines 1 to 2"));
	subjects_are(0, "a");
}

static void
lines_may_be_continued_except_in_a_directory(void **state)
{
	(void)state;
	put_pri("DIRECTORY\r\nObj-class,Mode,X\r\nmailbox,create,a\\\\\r\n\r\n"
		"MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS
		"Inbox,A,B,\\\\\r\n,,1,,,,,\\\\\r\n,#A.SEC(50)\r\n" SET_LINE("2", "#A.SEC(50)"));
	assert_int_equal(exread_problems(set, NULL), 0);
	assert_int_equal(exread_totals(set)->directory_objects, 1);
	subjects_are(0, "12");
}

static void
a_survey_says_where_a_file_cannot_be_walked(void **state)
{
	uint64_t records;

	(void)state;
	put_pri(SECTION("SMTP:a@x", "a"));
	set_put("A.SEC", EMPTY_SEC "Body,1,,TRUE,,,\r\nx\r\ntrailing\r\n");
	set_open();
	exread_survey(set, &records);
	assert_int_equal(records, 2);
	assert_true(
	    set_has_problem(EV_EX_REST, "A.SEC at octet 69: no record begins where this one ends"));
	set_put("A.SEC", "Body,9,,TRUE,,,\r\nx\r\n");
	set_open();
	exread_survey(set, &records);
	assert_true(set_has_problem(EV_EX_REST, "A.SEC at octet 0: the record is longer"));
	assert_true(set_has_problem(EV_EX_LENIENT, "does not begin with the row"));
}

static void
problems_are_counted_beyond_those_kept(void **state)
{
	struct buf list;
	uint64_t all;

	(void)state;
	buf_init(&list, 1 << 20);
	buf_add_str(&list, LIST_HEAD);
	for (unsigned i = 0; i < EXREAD_PROBLEMS_MAX + 50; i++)
		buf_printf(&list, "gone%u.SEC,Secondary\r\n", i);
	set_put("imex.PKL", list.data);
	set_open();
	assert_int_equal(exread_problems(set, &all), EXREAD_PROBLEMS_MAX);
	assert_int_equal(all, EXREAD_PROBLEMS_MAX + 50);
	assert_null(exread_problem(set, EXREAD_PROBLEMS_MAX));
	buf_done(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, temp_dir_make, set_end)
		T(a_comment_may_stand_above_the_code_page),
		T(what_is_no_packing_list_is_refused_with_the_reason),
		T(a_list_without_a_code_page_is_read_as_1252),
		T(entries_that_cannot_be_are_said_and_the_others_read),
		T(files_that_lie_beside_the_list_are_said),
		T(names_that_differ_in_case_are_two_files_where_they_can_be),
		T(a_secondary_file_that_only_a_pointer_names_is_read_and_said),
		T(sections_belong_to_owners_whatever_their_form),
		T(a_bad_heading_skips_to_the_next_section),
		T(a_section_without_a_blank_line_before_it_is_found),
		T(a_folder_may_have_the_name_of_a_section),
		T(em_50_an_address_book_with_a_wrong_heading_is_said_with_both_counts),
		T(em_27_28_faults_of_directory_lines_are_said_and_counted),
		T(text_outside_of_sections_is_skipped_and_said),
		T(lines_may_be_continued_except_in_a_directory),
		T(a_survey_says_where_a_file_cannot_be_walked),
		T(problems_are_counted_beyond_those_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
