/* Packing list, directory file and user list: exact texts, and the order in which they appear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "store/exchange/set.h"
#include "tempdir.h"

static int dir = -1;
static struct err err;
static struct exnotes notes;

static int
begin(void **state)
{
	notes = (struct exnotes){ 0 };
	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static int
end(void **state)
{
	file_close(&dir);
	return temp_dir_remove(state);
}

static const struct exset_account usuario1 = { .number = 1,
	.secs = 1,
	.login = "usuario1%ncc%migracion",
	.host = "imap.example.com",
	.port = "143",
	.smtp_address = "usuario1@example.com",
	.display = "Usuario Uno",
	.alias = "usuario1" };

/* 3.2, 4.7, EM-46 */
static void
em_46_the_worked_examples_come_out_to_the_octet(void **state)
{
	const struct exset s = {
		.run = 1, .codepage = 1252, .account = &usuario1, .n_accounts = 1
	};

	(void)state;
	temp_write("00000001.PRI", "", 0, "wb");
	temp_write("00000001.SEC", "", 0, "wb");
	assert_int_equal(exset_write(dir, &s, &notes, &err), 0);
	assert_true(temp_holds("imex.PKL",
	    "1252\r\n\r\nFilename,Filetype\r\nDIRECTORY.PRI,Primary\r\n00000001.PRI,Primary\r\n"
	    "00000001.SEC,Secondary\r\n"));
	assert_true(temp_holds("DIRECTORY.PRI",
	    "DIRECTORY\r\n"
	    "Obj-class,Mode,Common-Name,Display-Name,Secondary-Proxy-Addresses,Home-Server\r\n"
	    "mailbox,create,usuario1,Usuario Uno,\"SMTP:usuario1@example.com\",~Server\r\n"));
	assert_true(temp_holds("Imapusr.csv",
	    "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL\r\n"
	    "\"usuario1%ncc%migracion\",,\"usuario1@example.com\",\"imap.example.com\",usuario1,"
	    "143,"
	    "False\r\n"));
}

/* EM-30 */
static void
em_30_no_list_is_written_that_names_a_missing_file(void **state)
{
	const struct exset s = {
		.run = 1, .codepage = 1252, .account = &usuario1, .n_accounts = 1
	};

	(void)state;
	temp_write("00000001.PRI", "", 0, "wb");
	assert_int_equal(exset_write(dir, &s, &notes, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_non_null(strstr(err.text, "00000001.SEC"));
	assert_false(temp_has("imex.PKL"));
	assert_false(temp_has("DIRECTORY.PRI"));
	assert_int_equal(mkdir(temp_path("00000001.SEC"), 0700), 0);
	assert_int_equal(exset_write(dir, &s, &notes, &err), -1);
	assert_non_null(strstr(err.text, "regular"));
}

static void
a_later_run_names_its_own_files_and_new_accounts_only(void **state)
{
	struct exset_account a[3] = { usuario1, usuario1, usuario1 };
	struct exset s = { .run = 2,
		.codepage = 65001,
		.account = a + 1,
		.n_accounts = 2,
		.user = a,
		.n_users = 3 };

	(void)state;
	a[1] = (struct exset_account){
		.number = 3, .secs = 2, .known = true, .login = "ana", .host = "h"
	};
	a[2] = (struct exset_account){
		.number = 4, .login = "Ána", .host = "h", .port = "993", .tls = true
	};
	temp_write("00000003.PRI", "", 0, "wb");
	temp_write("00000003.SEC", "", 0, "wb");
	temp_write("00000003-2.SEC", "", 0, "wb");
	temp_write("00000004.PRI", "", 0, "wb");
	assert_int_equal(exset_write(dir, &s, &notes, &err), 0);
	assert_true(temp_holds("imex-2.PKL",
	    "65001\r\n\r\nFilename,Filetype\r\nDIRECTORY-2.PRI,Primary\r\n00000003.PRI,Primary\r\n"
	    "00000004.PRI,Primary\r\n00000003.SEC,Secondary\r\n00000003-2.SEC,Secondary\r\n"));
	assert_true(temp_holds("DIRECTORY-2.PRI",
	    "DIRECTORY\r\n"
	    "Obj-class,Mode,Common-Name,Display-Name,Secondary-Proxy-Addresses,Home-Server\r\n"
	    "mailbox,create,Ana,Ána@h,SMTP:Ána@h,~Server\r\n"));
	assert_true(temp_holds("Imapusr.csv",
	    "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL\r\n"
	    "\"usuario1%ncc%migracion\",,\"usuario1@example.com\",\"imap.example.com\",usuario1,"
	    "143,"
	    "False\r\nana,,ana@h,h,,,False\r\nÁna,,Ána@h,h,,993,True\r\n"));
	assert_false(temp_has("imex.PKL"));
	/* a run without new accounts needs no directory file */
	a[2].known = true;
	s.run = 3;
	assert_int_equal(exset_write(dir, &s, &notes, &err), 0);
	assert_false(temp_has("DIRECTORY-3.PRI"));
	assert_true(temp_holds("imex-3.PKL",
	    "65001\r\n\r\nFilename,Filetype\r\n00000003.PRI,Primary\r\n"
	    "00000004.PRI,Primary\r\n00000003.SEC,Secondary\r\n00000003-2.SEC,Secondary\r\n"));
}

/* EM-29, EM-27, EM-28 */
static void
em_29_27_28_any_login_and_name_can_be_told_in_the_directory(void **state)
{
	struct exset_account a[4];
	const struct exset s = { .run = 1, .codepage = 1252, .account = a, .n_accounts = 4 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		a[i] = (struct exset_account){ .number = (unsigned)i + 1, .host = "h" };
	a[0].login = "DOM\\new/ana*?";
	a[1].login = "x";
	a[1].alias = "José";
	a[1].display = "José → \"Pepe\", 50%";
	a[2].login = "日本";
	a[3].login = "JOSE";
	for (unsigned i = 1; i <= 4; i++) {
		char name[EXSET_NAME_MAX];

		exset_pri_name(i, name);
		temp_write(name, "", 0, "wb");
	}
	assert_int_equal(exset_write(dir, &s, &notes, &err), 0);
	assert_true(temp_holds("DIRECTORY.PRI",
	    "DIRECTORY\r\n"
	    "Obj-class,Mode,Common-Name,Display-Name,Secondary-Proxy-Addresses,Home-Server\r\n"
	    "mailbox,create,\"DOM\\\\new/ana*?\",\"DOM\\\\new/ana*?@h\",\"SMTP:DOM\\\\new/"
	    "ana*?@h\","
	    "~Server\r\n"
	    "mailbox,create,Jose,\"Jos\xE9 ? \"\"Pepe\"\", 50%\",SMTP:x@h,~Server\r\n"
	    "mailbox,create,user,??@h,SMTP:??@h,~Server\r\n"
	    "mailbox,create,JOSE-2,JOSE@h,SMTP:JOSE@h,~Server\r\n"));
	assert_true(notes.lacks.count > 0);
}

static void
a_code_page_that_cannot_be_is_refused_before_anything_is_written(void **state)
{
	const struct exset s = { .run = 1, .codepage = 1200 };

	(void)state;
	assert_int_equal(exset_write(dir, &s, &notes, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(temp_count("."), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(em_46_the_worked_examples_come_out_to_the_octet),
		T(em_30_no_list_is_written_that_names_a_missing_file),
		T(a_later_run_names_its_own_files_and_new_accounts_only),
		T(em_29_27_28_any_login_and_name_can_be_told_in_the_directory),
		T(a_code_page_that_cannot_be_is_refused_before_anything_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
