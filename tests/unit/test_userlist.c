/* Lists of users: what they say, every fault of them at once, and that no password stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/textfile.h"
#include "app/users/userlist.h"
#include "base/clock.h"
#define LIST_NAME "users.csv"
#include "userlist_help.h"

#define HEADER "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL\r\n"
#define SHORT "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server\n"

static void
password_is(size_t row, const char *password)
{
	assert_non_null(list.row[row].password);
	assert_true(slice_eq(secret_value(list.row[row].password), password));
}

static void
the_example_of_the_wizard_is_read(void **state)
{
	(void)state;
	list_parse(HEADER
	    "\"usuario1%ncc%migracion\",\"secret,1\",usuario1@example.com,imap.example.com,usuario1,143,No\r\n"
	    "ana.ruiz,secret2,ana.ruiz@example.com,IMAP.example.com,,993,True\r\n"
	    "luis,secret3,luis@example.com,imap.example.com\r\n");
	assert_int_equal(faults.count, 0);
	assert_int_equal(list.len, 3);
	assert_string_equal(list.row[0].login, "usuario1%ncc%migracion");
	assert_string_equal(list.row[0].ex_mailbox, "usuario1");
	assert_string_equal(list.row[0].port, "143");
	assert_false(list.row[0].tls);
	password_is(0, "secret,1");
	assert_string_equal(list.row[1].smtp_address, "ana.ruiz@example.com");
	assert_string_equal(list.row[1].ex_mailbox, "");
	assert_true(list.row[1].tls && list.row[1].port_given);
	assert_string_equal(list.row[2].port, "143");
	assert_false(list.row[2].tls || list.row[2].port_given);
	assert_int_equal(list.row[2].line, 4);
}

static void
tls_without_a_port_is_993(void **state)
{
	(void)state;
	list_parse(HEADER "a,p,a@x,h,,,Y\nb,p,b@x,h,,143,yes\nc,p,c@x,h,,,\nd,p,d@x,h,, 1143 ,N\n");
	assert_int_equal(faults.count, 0);
	assert_string_equal(list.row[0].port, "993");
	assert_false(list.row[0].port_given);
	assert_string_equal(list.row[1].port, "143");
	assert_string_equal(list.row[2].port, "143");
	assert_string_equal(list.row[3].port, "1143");
}

static void
truth_has_the_spellings_of_the_wizard(void **state)
{
	static const char *const on[] = { "Y", "yes", "T", "TRUE", "tRuE" };
	static const char *const off[] = { "N", "no", "F", "False" };
	static const char *const neither[] = { "0", "1", "on", "ye", "truee", "-" };
	bool is;

	(void)state;
	for (size_t i = 0; i < sizeof(on) / sizeof(*on); i++)
		assert_true(user_truth(on[i], &is) && is);
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++)
		assert_true(user_truth(off[i], &is) && !is);
	for (size_t i = 0; i < sizeof(neither) / sizeof(*neither); i++)
		assert_false(user_truth(neither[i], &is));
	list_parse(HEADER "a,p,a@x,h,,, no \n");
	assert_int_equal(faults.count, 0);
}

static void
the_header_decides_what_stands_where(void **state)
{
	(void)state;
	list_parse("! list of the pilot group\n\n imap_server , SMTP_ADDRESS,imap_ssl,\"IMAP_Password\",IMAP_Mailbox\n"
	      "h,a@x,T,p,a\n\n! b follows\nh,b@x,,\"q\",b\n");
	assert_int_equal(faults.count, 0);
	assert_int_equal(list.len, 2);
	assert_string_equal(list.row[0].server, "h");
	assert_true(list.row[0].tls);
	password_is(1, "q");
	assert_int_equal(list.row[1].line, 7);
}

static void
quotation_marks_are_doubled_and_blanks_of_passwords_kept(void **state)
{
	(void)state;
	list_parse(SHORT "\"a\"\"b,c\" ,\"p\"\"\"\"q\" , a@x , h \n d , p with blanks ,\"d@x\",\"h\"\n"
		    "\"!e\",\" \",e@x,h\n");
	assert_int_equal(faults.count, 0);
	assert_string_equal(list.row[0].login, "a\"b,c");
	password_is(0, "p\"\"q");
	assert_string_equal(list.row[0].smtp_address, "a@x");
	assert_string_equal(list.row[1].login, "d");
	password_is(1, " p with blanks ");
	assert_string_equal(list.row[2].login, "!e");
	password_is(2, " ");
}

static void
an_empty_password_is_left_to_other_sources(void **state)
{
	(void)state;
	list_parse(SHORT "a,,a@x,h\nb,\"\",b@x,h");
	assert_int_equal(faults.count, 0);
	assert_null(list.row[0].password);
	assert_null(list.row[1].password);
}

static void
each_fault_names_file_line_column_and_what_is_accepted(void **state)
{
	(void)state;
	list_refused(HEADER "a,p,a@x,h,,0,\n", "users.csv:2: column 6, IMAP_Port: a number from 1 to 65535");
	list_refused(HEADER "a,p,a@x,h,,65536,\n", "a number from 1 to 65535");
	list_refused(HEADER "a,p,a@x,h,,14 3,\n", "a number from 1 to 65535");
	list_refused(HEADER "a,p,a@x,h,,,0\n",
	    "users.csv:2: column 7, IMAP_SSL: Y, Yes, T, True, N, No, F, False");
	list_refused(HEADER "a,p,anna,h\n", "column 3, SMTP_Address: an address as anna@example.org");
	list_refused(HEADER "a,p,,h\n", "column 3, SMTP_Address: an address");
	list_refused(HEADER "a,p,a@x,\n", "column 4, IMAP_Server: the host name");
	list_refused(HEADER "a,p,a@x,h:993\n", "a port goes into IMAP_Port");
	list_refused(HEADER "a,p,a@x,imaps://h/\n", "a host name or an address alone");
	list_refused(HEADER " ,p,a@x,h\n", "column 1, IMAP_Mailbox: the name to log in with is missing");
	list_refused(HEADER "a\x01,p,a@x,h\n", "without control characters");
	list_refused(HEADER "a,p\n", "users.csv:2: column 3, SMTP_Address, is missing; the row ends with column 2");
	list_refused(HEADER "a,p,a@x,h,,,,more\n", "8 fields, but the header has 7 columns");
	list_refused(HEADER "a,\"p,a@x,h\n", "column 2, IMAP_Password: the quotation mark at its start is not closed");
	list_refused(HEADER "a,\"p\"q,a@x,h\n", "column 2, IMAP_Password: text behind the closing quotation mark");
	list_refused(HEADER "a,p\"q,a@x,h\n", "column 2, IMAP_Password: a quotation mark within a field");
	list_refused(HEADER "a,p,a@x,h\nb,p,b@x,h\na,q,c@x,H\n", "users.csv:4: the account of line 2 again");
	/* Two doors of one server: both would be mail/a@h. */
	list_refused(HEADER "a,p,a@x,h\na,q,c@x,h,,993,Y\n", "users.csv:3: the account of line 2 again");
}

static void
every_fault_of_a_list_is_told_at_once(void **state)
{
	(void)state;
	list_parse(HEADER "a,p,a,h,,x,maybe\nb,p,b@x,h\n\"c,p,c@x,h\nd,p\n");
	assert_int_equal(faults.count, 5);
	assert_non_null(strstr(faults.text.data, "users.csv:2: column 3"));
	assert_non_null(strstr(faults.text.data, "users.csv:2: column 6"));
	assert_non_null(strstr(faults.text.data, "users.csv:2: column 7"));
	assert_non_null(strstr(faults.text.data, "users.csv:4: column 1"));
	assert_non_null(strstr(faults.text.data, "users.csv:5: column 3"));
	assert_int_equal(list.len, 1);
	assert_int_equal(faults_end(&faults, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 65);
	assert_non_null(strstr(err.text, "5 faults"));
}

static void
headers_that_are_none_say_what_one_is(void **state)
{
	(void)state;
	list_refused("ana,hunter2,ana@x,h\n", "users.csv:1: this first row is no header; it should be IMAP_Mailbox,");
	assert_null(strstr(faults.text.data, "hunter2"));
	list_refused("IMAP_Mailbox,IMAP_Password,SMTP_Adress,IMAP_Server,SMTP_Address\n",
	    "column 3 of the header is none that is known; did you mean SMTP_Address?");
	list_refused("IMAP_Mailbox,IMAP_Password,SMTP_Address\n", "the header lacks the column IMAP_Server");
	list_refused(SHORT "", "the list has no account below its header");
	list_refused("", "the list has no account; its first row");
	list_refused("\n! nothing\n", "the list has no account");
	list_refused("IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,imap_server\na,b,c@d,e\n",
	    "the header has IMAP_Server twice, in columns 4 and 5");
}

/* EM-46: no secret is written to a log. A comma too many moves it into other columns. */
static void
em_46_no_fault_shows_what_a_field_holds(void **state)
{
	(void)state;
	list_parse(HEADER "a,hun,ter2,a@x,h\na,hun\"ter2,a@x,h\na,\"x\"hunter2,a@x,h\na,p,hunter2,h\n"
		     "a,p,a@x,h,,hunter2,hunter2\na,p,a@x,hun ter2\na,p,a@x,h,,,,,hunter2\n");
	assert_true(faults.count >= 7);
	assert_null(strstr(faults.text.data, "hun"));
	assert_null(strstr(faults.text.data, "ter2"));
}

/* A row may begin like a header, and a cell of a header be a password all the same. */
static void
em_46_no_fault_shows_a_column_that_is_not_known(void **state)
{
	(void)state;
	list_parse("source;imap://a@h/;hunter2\n");
	assert_int_equal(faults.count, 2);
	assert_non_null(strstr(faults.text.data, "column 3 of the header"));
	assert_null(strstr(faults.text.data, "hunter2"));
	list_parse("source,password\rimaps://a@h/,hunter2\nimaps://b@h/,pw\n");
	assert_true(faults.count > 0);
	assert_null(strstr(faults.text.data, "hunter2"));
}

static void
lines_may_end_with_cr_alone(void **state)
{
	(void)state;
	list_parse("IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server\ra,hunter2,a@x,h\r\rb,\"q\"\"\",b@x,h");
	assert_int_equal(faults.count, 0);
	assert_int_equal(list.len, 2);
	assert_int_equal(list.row[1].line, 4);
	list_refused("ana,hunter2,ana@x,h\rbob,hunter3,bob@x,h\r", "users.csv:1: this first row is no header");
}

/* EM-47: secrets are never truncated. */
static void
em_47_passwords_are_never_cut(void **state)
{
	char text[20000], *at = text + snprintf(text, sizeof(text), "%sa,", SHORT);

	(void)state;
	memset(at, 'x', USER_PASSWORD_MAX);
	memcpy(at + USER_PASSWORD_MAX, ",a@x,h\n", 8);
	list_parse(text);
	assert_int_equal(faults.count, 0);
	assert_int_equal(secret_value(list.row[0].password).len, USER_PASSWORD_MAX);
	memcpy(at + USER_PASSWORD_MAX, "x,a@x,h\n", 9);
	list_refused(text, "at most 8,192 octets");
}

/* EM-35: the same list works whatever made it, and one without users is an error. */
static void
em_35_lists_of_all_code_pages_find_their_users(void **state)
{
	static const struct {
		const char *text;
		unsigned codepage;
		const char *login;
	} forms[] = {
		{ "\xef\xbb\xbf" SHORT "m\xc3\xbcller,p,m@x,h\n", 0, "m\xc3\xbcller" },
		{ SHORT "m\xc3\xbcller,p,m@x,h\n", 0, "m\xc3\xbcller" },
		{ SHORT "m\xfcller,p,m@x,h\r\n", 0, "m\xc3\xbcller" },
		{ SHORT "m\x81ller,p,m@x,h\r\n", 850, "m\xc3\xbcller" },
		{ SHORT "m\x81ller,p,m@x,h\r\n", 0, "m\xc2\x81ller" },
		{ SHORT "\x93\xfa\x96{,p,m@x,h\r\n", 932, "\xe6\x97\xa5\xe6\x9c\xac" },
		{ SHORT "m\x9fller,p,m@x,h\r\n", 10000, "m\xc3\xbcller" },
		{ SHORT "m\xc3\xbcller,p,m@x,h\n", 65001, "m\xc3\xbcller" },
		/* Rows of both kinds are read in one if somebody says so. */
		{ SHORT "m\xfcller,p,m@x,h\nm\xc3\xa4r,p,m@x,h\n", 1252, "m\xc3\xbcller" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct textfile t;

		assert_int_equal(textfile_of(&t, slice_str(forms[i].text), "u", forms[i].codepage, &err), 0);
		userlist_done(&list);
		assert_int_equal(userlist_parse(&list, "u", t.data, t.len,
		    &(struct userlist_how){ 0 }, &faults, &err), 0);
		textfile_done(&t);
		assert_int_equal(faults.count, 0);
		assert_string_equal(list.row[0].login, forms[i].login);
	}
}

static void
text_is_refused(struct slice text, unsigned codepage, int code, const char *says)
{
	struct textfile t;

	assert_int_equal(textfile_of(&t, text, "users.csv", codepage, &err), -1);
	assert_int_equal(err_exit_code(err.kind), code);
	assert_non_null(strstr(err.text, says));
}

static void
what_is_no_text_says_so(void **state)
{
	(void)state;
	text_is_refused((struct slice){ "\xff\xfe" "a\0\n\0\0\0", 8 }, 0, 65, "users.csv:2: a NUL octet");
	text_is_refused((struct slice){ "\xfe\xff\0\n\0", 5 }, 0, 65, "users.csv:2: not UTF-16");
	text_is_refused((struct slice){ "\xff\xfe\0\xdc", 4 }, 1252, 65, "users.csv:1: not UTF-16");
	text_is_refused((struct slice){ "a\nb\0c", 5 }, 0, 65, "users.csv:2: a NUL octet");
	text_is_refused(slice_str("a\n\xfc"), 65001, 65, "users.csv:2: not UTF-8");
	text_is_refused(slice_str("\xef\xbb\xbf\xfc"), 0, 65, "users.csv:1: not UTF-8");
	text_is_refused(slice_str("\xfc"), 64999, 64, "no code page 64999");
}

static void
lines_in_utf_8_and_in_a_code_page_are_no_text(void **state)
{
	static const char says[] = "users.csv:3: not UTF-8, as line 2 is; ";

	(void)state;
	text_is_refused(slice_str("login\nm\xc3\xbcller\nm\xe4r"), 0, 65, says);
	text_is_refused(slice_str("login\r\nm\xc3\xbcller\r\nm\xe4r\r\nm\xe4r\r\n"), 0, 65, says);
	text_is_refused(slice_str("login\rm\xc3\xbcller\rm\xe4r\r"), 0, 65, says);
	text_is_refused(slice_str("login\n\xe4\nx\n\xc3\xbc\n"), 0, 65, "users.csv:2: not UTF-8, as line 4 is; ");
}

static void
urls_of_rows_name_the_same_account(void **state)
{
	(void)state;
	list_parse(HEADER "usuario1%ncc%migracion,p,a@x,Host\n\"a b@c\",p,a@x,h,,,T\nx,p,a@x,::1,,10143\n"
		     "y,p,a@x,[::2],,,Y\nz,p,a@x,h,,143,\n");
	assert_int_equal(faults.count, 0);
	assert_string_equal(list.row[0].source, "imap://usuario1%25ncc%25migracion@Host/");
	assert_string_equal(list.row[1].source, "imaps://a%20b@c@h/");
	assert_string_equal(list.row[2].source, "imap://x@[::1]:10143/");
	assert_string_equal(list.row[3].source, "imaps://y@[::2]/");
	assert_string_equal(list.row[4].source, "imap://z@h/");
	assert_null(list.row[0].dest);
}

/* ---- nothing stays in memory ---- */

enum { MARK_LEN = 24 };

/* The mark itself is nowhere in memory: each octet is made when it is compared. */
static char
mark_octet(size_t i)
{
	return (char)('a' + (i * 7 + 3) % 26);
}

static size_t
marks_in(const char *at, size_t len)
{
	size_t found = 0;

	for (size_t k = 0; len >= MARK_LEN && k <= len - MARK_LEN; k++) {
		size_t i = 0;

		while (i < MARK_LEN && at[k + i] == mark_octet(i))
			i++;
		found += i == MARK_LEN;
	}
	return found;
}

/* Everything this process may write to, read through the kernel. */
static size_t
marks_in_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY);
	static char piece[1 << 20];
	char line[512];
	size_t found = 0;

	assert_true(maps && mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		char *dash;
		uint64_t from = strtoull(line, &dash, 16), to = strtoull(dash + 1, &dash, 16);

		/* The piece is ours, and what a sanitizer maps is endless. */
		if (dash[1] != 'r' || dash[2] != 'w' || to - from > 256u << 20)
			continue;
		for (; from < to; from += sizeof(piece) - MARK_LEN) {
			size_t want = to - from < sizeof(piece) ? to - from : sizeof(piece);
			ssize_t n = pread(mem, piece, want, (off_t)from);

			if (n <= 0 || ((uint64_t)(uintptr_t)piece < from + want &&
					  from < (uint64_t)(uintptr_t)piece + sizeof(piece)))
				continue;
			found += marks_in(piece, (size_t)n);
		}
	}
	fclose(maps);
	close(mem);
	return found;
}

static void
write_marks(int fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		dprintf(fd, "user%zu,", i);
		for (size_t k = 0; k < MARK_LEN; k++) {
			char c = mark_octet(k);

			assert_int_equal(write(fd, &c, 1), 1);
		}
		dprintf(fd, ",user%zu@example.org,h%s\n", i, i % 50 == 49 ? ",x,x,x" : "");
	}
}

static void
no_password_stays_in_memory(void **state)
{
	char path[] = "/tmp/imex-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	/* Freed memory stays as it was left, and stays here. */
	mallopt(M_PERTURB, 0);
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	assert_true(fd >= 0);
	dprintf(fd, HEADER "m\xfcller,x,m@x,h\n");
	write_marks(fd, 2000);
	close(fd);
	userlist_done(&list);
	assert_int_equal(userlist_read(&list, path, &(struct userlist_how){ 0 }, &faults, &err), 0);
	unlink(path);
	assert_int_equal(list.len, 2001 - 2000 / 50);
	assert_int_equal(faults.count, 2 * (2000 / 50));
	assert_true(marks_in_memory() >= list.len - 1);
	userlist_done(&list);
	assert_int_equal(marks_in_memory(), 0);
}

static void
fifty_thousand_rows_load_quickly(void **state)
{
	size_t cap = 8 << 20, len;
	char *text = malloc(cap);
	int64_t began;

	(void)state;
	len = (size_t)snprintf(text, cap, "%s", HEADER);
	for (int i = 0; i < 50000; i++)
		len += (size_t)snprintf(text + len, cap - len,
		    "user%d,\"pass,word %d\",user%d@example.org,imap%d.example.org,,993,True\r\n", i, i, i,
		    i % 7);
	began = clock_mono_ms();
	assert_int_equal(userlist_parse(&list, "u", text, len, &(struct userlist_how){ 0 }, &faults,
	    &err), 0);
	assert_true(clock_mono_ms() - began < 5000);
	assert_int_equal(list.len, 50000);
	assert_int_equal(faults.count, 0);
	free(text);
}

static char text_of_commas[5000];

/* Any octets: no crash, and rows only where nothing was told. */
static void
hostile_octets_give_faults_and_no_harm(void **state)
{
	static const char alphabet[] = "a,,\"\"\n\r !@.%\x80\xff\x01" "1Y";
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char text[400];
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", HEADER);

		while (len < sizeof(text) - 1) {
			seed = seed * 1103515245 + 12345;
			text[len++] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		list_parse(text);
		for (size_t i = 0; i < list.len; i++) {
			assert_true(*list.row[i].login && *list.row[i].server);
			assert_non_null(strchr(list.row[i].smtp_address, '@'));
		}
	}
	memset(text_of_commas, ',', sizeof(text_of_commas) - 1);
	list_parse(text_of_commas);
	assert_int_equal(faults.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_example_of_the_wizard_is_read, list_begin, list_end),
		cmocka_unit_test_setup_teardown(tls_without_a_port_is_993, list_begin, list_end),
		cmocka_unit_test_setup_teardown(truth_has_the_spellings_of_the_wizard, list_begin, list_end),
		cmocka_unit_test_setup_teardown(the_header_decides_what_stands_where, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    quotation_marks_are_doubled_and_blanks_of_passwords_kept, list_begin, list_end),
		cmocka_unit_test_setup_teardown(an_empty_password_is_left_to_other_sources, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    each_fault_names_file_line_column_and_what_is_accepted, list_begin, list_end),
		cmocka_unit_test_setup_teardown(every_fault_of_a_list_is_told_at_once, list_begin, list_end),
		cmocka_unit_test_setup_teardown(headers_that_are_none_say_what_one_is, list_begin, list_end),
		cmocka_unit_test_setup_teardown(em_46_no_fault_shows_what_a_field_holds, list_begin, list_end),
		cmocka_unit_test_setup_teardown(em_46_no_fault_shows_a_column_that_is_not_known, list_begin, list_end),
		cmocka_unit_test_setup_teardown(lines_may_end_with_cr_alone, list_begin, list_end),
		cmocka_unit_test_setup_teardown(em_47_passwords_are_never_cut, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    em_35_lists_of_all_code_pages_find_their_users, list_begin, list_end),
		cmocka_unit_test_setup_teardown(what_is_no_text_says_so, list_begin, list_end),
		cmocka_unit_test_setup_teardown(
		    lines_in_utf_8_and_in_a_code_page_are_no_text, list_begin, list_end),
		cmocka_unit_test_setup_teardown(urls_of_rows_name_the_same_account, list_begin, list_end),
		cmocka_unit_test_setup_teardown(no_password_stays_in_memory, list_begin, list_end),
		cmocka_unit_test_setup_teardown(fifty_thousand_rows_load_quickly, list_begin, list_end),
		cmocka_unit_test_setup_teardown(hostile_octets_give_faults_and_no_harm, list_begin, list_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
