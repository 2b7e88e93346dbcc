/* Control files of the Migration Wizard: what they say, and every fault of them at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app/users/wizard.h"

#define GOOD "Mode,IMAP\r\nFile,out\r\nAccounts,users.csv\r\n"

static struct wizard w;
static struct faults faults;

static int
begin(void **state)
{
	(void)state;
	w = (struct wizard){ 0 };
	faults_init(&faults);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	wizard_done(&w);
	faults_done(&faults);
	return 0;
}

static void
parse(const char *text)
{
	char *copy = strdup(text);

	wizard_done(&w);
	faults_done(&faults);
	faults_init(&faults);
	wizard_parse(&w, "ctl/imap.ctl", copy, &faults);
	free(copy);
}

static void
accepted(const char *text)
{
	parse(text);
	if (faults.count > 0)
		fail_msg("'%s' gives: %s", text, faults.text.data);
}

static void
refused(const char *text, const char *says)
{
	parse(text);
	if (faults.count != 1 || !strstr(faults.text.data, says))
		fail_msg("'%s' gives %zu faults: %s", text, faults.count,
		    faults.text.data ? faults.text.data : "");
}

static void
the_usual_file_is_read(void **state)
{
	(void)state;
	accepted("! sample for the pilot group\r\nmode, IMAP\r\nFUNCTION , extract \r\nFile,pilot\r\n"
		 "Accounts,lists\\users.csv\r\n\r\nMailbox,FALSE\r\nEmailStart,20030101000000\r\n"
		 "EmailEnd,20031231235959\r\nContainer,Recipients/cn=a,b\r\nHome-Server,\"SRV \"\"1\"\"\"");
	assert_int_equal(w.mode, WIZARD_IMAP);
	assert_int_equal(w.function, WIZARD_EXTRACT);
	assert_string_equal(w.file, "ctl/pilot");
	assert_string_equal(w.accounts, "ctl/lists/users.csv");
	assert_false(w.mailbox);
	assert_true(w.email);
	assert_true(w.start.given && !w.start.zoned);
	assert_int_equal(w.end.sec - w.start.sec, 365 * 86400 - 1);
	assert_string_equal(w.container, "Recipients/cn=a,b");
	assert_string_equal(w.home_server, "SRV \"1\"");
}

static void
defaults_are_those_of_the_wizard(void **state)
{
	(void)state;
	accepted(GOOD);
	assert_int_equal(w.function, WIZARD_FULL);
	assert_true(w.email && w.mailbox);
	assert_false(w.secure || w.encrypted || w.start.given || w.end.given);
	accepted("Mode,FILE\nFile,/mig/imex.PKL\n");
	assert_int_equal(w.mode, WIZARD_FILE);
	assert_string_equal(w.file, "/mig/imex.PKL");
}

static void
em_36_faults_name_line_keyword_and_accepted_values(void **state)
{
	(void)state;
	refused(GOOD "Function,EXPORT\n",
	    "ctl/imap.ctl:4: Function: 'EXPORT' is not accepted; accepted are FULL, EXTRACT, IMPORT");
	refused(GOOD "Email,perhaps\n", "ctl/imap.ctl:4: Email: 'perhaps' is not accepted; accepted are TRUE, FALSE");
	refused(GOOD "EmailStart,2003-01-01\n", ":4: EmailStart: '2003-01-01' is not accepted; 14 digits");
	refused(GOOD "EmailEnd,20030230000000\n", ":4: EmailEnd:");
	refused(GOOD "EmailStart,20030101000001\nEmailEnd,20030101000000\n",
	    ":5: EmailEnd lies before EmailStart");
	refused(GOOD "Acounts,x\n", ":4: unknown keyword 'Acounts'; did you mean Accounts?");
	refused(GOOD "emailstrat,x\n", "did you mean EmailStart?");
	refused(GOOD "Email\n", ":4: 'Email': a keyword, a comma and a value are expected");
	refused(GOOD "Template,\n", ":4: Template: the value is missing; write Template,value");
	refused(GOOD "Function,EXTRACT\nfunction,EXTRACT\n", ":5: Function again, which line 4 has already");
	refused(GOOD "DefFldPerms,x\n", ":4: DefFldPerms: it may not be used with Mode IMAP");
	refused(GOOD "SubjectFile,x\n", ":4: SubjectFile:");
	refused(GOOD "Email,FALSE\nMailbox,FALSE\n", "nothing would be migrated");
	refused(GOOD "ImportDestination,PST\n", "needs the keyword PSTPath");
	refused(GOOD "NTAccounts,all\n", "accepted are NO, RANDOM, ALIAS");
	refused("Mode,IMAP\nFile,C:\\mig\nAccounts,u\n", ":2: File: 'C:\\mig' is not accepted; it is a path of Windows");
	refused("Mode,IMAP\nFile,\\\\srv\\mig\nAccounts,u\n", "a path of Windows");
	refused("Mode,LDAP\nFile,o\nAccounts,u\n", ":1: Mode: 'LDAP' is not accepted; accepted are IMAP, FILE");
	refused("Mode,IMAP\nAccounts,u\n", "ctl/imap.ctl: the keyword File is missing; write File,and a folder");
	refused("Mode,IMAP\nFile,o\n", "the keyword Accounts is missing");
	refused("Mode,FILE\n", "the keyword File is missing");
	refused("! c\n\nFile,o\nMode,IMAP\nAccounts,u\n",
	    ":3: the first line that is no comment must be Mode,IMAP or Mode,FILE; it is 'File'");
}

static void
em_36_several_problems_are_reported_together(void **state)
{
	struct err err;

	(void)state;
	parse("File,o\nFunktion,EXTRACT\nEmail,x\nnonsense\nAccounts,\n");
	assert_int_equal(faults.count, 6);
	assert_non_null(strstr(faults.text.data, ":1: the first line"));
	assert_non_null(strstr(faults.text.data, ":2: unknown keyword 'Funktion'; did you mean Function?"));
	assert_non_null(strstr(faults.text.data, ":3: Email:"));
	assert_non_null(strstr(faults.text.data, ":4: 'nonsense'"));
	assert_non_null(strstr(faults.text.data, ":5: Accounts: the value is missing"));
	assert_non_null(strstr(faults.text.data, "the keyword Mode is missing"));
	assert_int_equal(faults_end(&faults, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 65);
	parse("");
	assert_int_equal(faults.count, 3);
}

static void
em_37_valid_keywords_never_warn(void **state)
{
	(void)state;
	accepted(GOOD "Function,EXTRACT\nMailbox,TRUE\nSecure,TRUE\nEncrypted,FALSE\nPort,389\nEmail,T\n"
		 "EmailStart,16010101000000\nEmailEnd,99991231235959\nHome-Server,SRV1\n"
		 "Container,Recipients/cn=a/cn=b\nTemplate,tpl\nNTAccounts,RANDOM\nNTDomain,DOM\n"
		 "ImportDestination,SERVER\nPSTPath,C:\\pst\nPublic,FALSE\nPAB,TRUE\nSchedule,TRUE\n"
		 "SchdStart,19990101000000\nSchdEnd,x\nPhone,TRUE\nTasks,TRUE\nNotes,TRUE\n"
		 "Appointments,TRUE\nPostoffice,po\nPOName,po\nForcePwdChange,TRUE\nLogLevel,Verbose\n"
		 "Port,389\n");
	assert_true(w.secure);
	assert_int_equal(w.n_idle, 14);
	assert_string_equal(w.idle[0], "Port");
	assert_string_equal(w.pst_path, "C:\\pst");
	accepted("Mode,FILE\nFile,x.pkl\nFldOwner,x\nSubjectFile,y\nFunction,IMPORT\n");
	accepted("Mode,IMAP\nFile,x\nFunction,IMPORT\n");
}

static void
what_a_file_says_is_shown_without_control_characters(void **state)
{
	(void)state;
	refused(GOOD "\x1b[31mFile,x\n", "unknown keyword '\\x1b[31mFile'");
}

static void
hostile_octets_give_faults_and_no_harm(void **state)
{
	static const char alphabet[] = "Mode,IMAPFile\n\r!\"\" \\C:09\x80\xff\x01";
	unsigned seed = 7;
	char *text = malloc(1 << 20);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t len = 0;

		while (len < 300) {
			seed = seed * 1103515245 + 12345;
			text[len++] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		parse(text);
		assert_true(faults.count > 0);
	}
	memset(text, 'x', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	parse(text);
	assert_int_equal(faults.count, 4);
	memset(text, '\n', 1000);
	parse(text);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_usual_file_is_read, begin, end),
		cmocka_unit_test_setup_teardown(defaults_are_those_of_the_wizard, begin, end),
		cmocka_unit_test_setup_teardown(
		    em_36_faults_name_line_keyword_and_accepted_values, begin, end),
		cmocka_unit_test_setup_teardown(
		    em_36_several_problems_are_reported_together, begin, end),
		cmocka_unit_test_setup_teardown(em_37_valid_keywords_never_warn, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_a_file_says_is_shown_without_control_characters, begin, end),
		cmocka_unit_test_setup_teardown(hostile_octets_give_faults_and_no_harm, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
