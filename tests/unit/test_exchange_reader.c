/* Reading sets of migration files, good ones and those of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "base/mem.h"
#include "exchange_help.h"
#include "store/exchange/set.h"

static struct buf body;
static struct exfault fault;

static int
begin(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	buf_init(&body, 1 << 20);
	return temp_dir_make(state);
}

static int
end(void **state)
{
	buf_done(&body);
	return set_end(state);
}

static void
body_is(const char *want)
{
	if (set_body(&body, &fault) != EXSTEP_END)
		fprintf(stderr, "# %s\n", fault.text);
	assert_string_equal(body.data, want);
}

static void
body_fails(enum event_no event, const char *words)
{
	assert_int_equal(set_body(&body, &fault), EXSTEP_ERR);
	if (fault.event != event || strstr(fault.text, words) == NULL)
		fprintf(stderr, "# %d %s\n", fault.event, fault.text);
	assert_int_equal(fault.event, event);
	assert_non_null(strstr(fault.text, words));
}

static bool
same(struct slice text, const char *want)
{
	if (!slice_eq(text, want))
		fprintf(stderr, "# '%.*s', not '%s'\n", SLICE_ARG(text), want);
	return slice_eq(text, want);
}

static bool
recip_is(const struct exrecip *r, const char *display, const char *type, const char *address)
{
	return same(r->display, display) && same(r->type, type) && same(r->address, address);
}

/* 4.7 and 5.5 */
static void
the_worked_example_is_read_whole(void **state)
{
	(void)state;
	set_example();
	set_open();
	assert_int_equal(exread_problems(set, NULL), 0);
	assert_int_equal(exread_codepage(set), 1252);
	assert_int_equal(exread_owners(set), 1);
	assert_string_equal(exread_owner(set, 0)->address, "SMTP:usuario1@example.com");
	assert_int_equal(exread_owner(set, 0)->lines, 3);
	assert_int_equal(exread_totals(set)->directory_objects, 1);
	set_start(0);

	assert_true(set_next());
	assert_false(item.damaged);
	assert_int_equal(item.n_warnings, 0);
	assert_int_equal(item.place.line, 4);
	assert_true(same(item.folder, "Inbox"));
	assert_true(recip_is(&item.sender, "Ana Ruiz", "SMTP", "ana@example.org"));
	assert_int_equal(item.to.len, 1);
	assert_true(recip_is(&item.to.recip[0], "Usuario Uno", "SMTP", "usuario1@example.com"));
	assert_int_equal(item.cc.len, 0);
	assert_true(same(item.subject, "Presupuesto, v2"));
	assert_int_equal(item.sent.epoch, 955531865);
	assert_int_equal(item.received.epoch, 955531900);
	assert_int_equal(item.priority, 1);
	assert_false(item.unread || item.unsent);
	body_is("Body(43)Hola:\r\nAdjunto el presupuesto, versi\xF3n 2.\r\n|"
		"Attachment presupuesto v2.csv(25)id;amount\r\n1;100\r\n2;250\r\n|");

	assert_true(set_next());
	assert_true(same(item.folder, "Proyectos\\Banyan"));
	assert_int_equal(item.cc.len, 3);
	assert_true(recip_is(&item.cc.recip[2], "Eva Paz", "SMTP", "eva@example.org"));
	assert_true(item.unread);
	assert_false(item.priority_known);
	body_is("Body(38)Server room keys are with reception.\r\n|");

	assert_true(set_next());
	assert_true(same(item.subject, "About \"keys\""));
	assert_true(item.unsent && item.priority_known && item.priority == 0);
	assert_false(item.sent.known);
	body_is("Body(25)Draft text, not finished.|");
	assert_false(set_next());

	uint64_t records;

	exread_survey(set, &records);
	assert_int_equal(records, 5);
	assert_int_equal(exread_problems(set, NULL), 0);
}

static void
a_line_can_be_read_again_at_its_place(void **state)
{
	struct explace place;

	(void)state;
	set_example();
	set_open();
	set_start(0);
	assert_true(set_next() && set_next());
	place = item.place;
	assert_true(set_next());
	assert_int_equal(exread_again(set, &place, &item, &err), 0);
	assert_true(same(item.subject, "Keys"));
	assert_int_equal(item.place.line, 5);
	assert_false(set_next());
	place.at = 100000;
	assert_int_equal(exread_again(set, &place, &item, &err), -1);
	place.file = 100;
	assert_int_equal(exread_again(set, &place, &item, &err), -1);
}

/* EM-11 */
static void
em_11_another_number_in_the_list_changes_decoding_only(void **state)
{
	(void)state;
	set_small("\"\x83\x65\x83\x58\x83\x67\",A,B,,,\x95\\,,,,,,#A.SEC(50)\r\n",
	    SET_SEC_HEAD "Body,2,,TRUE,,,\r\n\x95\\\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_true(same(item.folder, "ƒeƒXƒg"));
	body_is("Body(2)\x95\\|");
	set_put("imex.PKL", "932\r\n\r\nFilename,Filetype\r\nA.PRI,Primary\r\nA.SEC,Secondary\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_true(same(item.folder, "テスト"));
	assert_true(same(item.subject, "表"));
	body_is("Body(2)\x95\\|");
	/* or given by the caller */
	exread_close(&set);
	assert_int_equal(exread_open(&set, temp_path("imex.PKL"), 437, &err), 0);
	set_start(0);
	assert_true(set_next());
	assert_true(same(item.subject, "ò\\"));
}

static void
octets_without_a_character_bring_a_word_on_the_code_page(void **state)
{
	(void)state;
	set_small(SET_LINE("x", "#A.SEC(50)"), SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	set_put("imex.PKL", "932\r\n\r\nFilename,Filetype\r\nA.PRI,Primary\r\nA.SEC,Secondary\r\n");
	set_put("A.PRI", "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS SET_LINE("\xFF", "#A.SEC(50)"));
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_int_equal(item.n_warnings, 1);
	assert_non_null(strstr(item.warning[0].text, "code page 932"));
}

/* EM-13 */
static void
em_13_markers_inside_data_are_data(void **state)
{
	static const char text[] =
	    "Body,5,,TRUE,,,\r\nhello\r\n\r\nMAILMESSAGE,SMTP:evil@x\r\n!\r\n"
	    "Attachment,1,,TRUE,a,-1,None\r\nx\r\n\x1A";
	struct buf sec;

	(void)state;
	buf_init(&sec, 4096);
	buf_printf(&sec,
	    SET_SEC_HEAD "Body,%zu,,FALSE,,,\r\n%s\r\nAttachment,%zu,,TRUE,a.bin,-1,None"
			 "\r\n%s\r\nBody,2,,TRUE,,,\r\nok\r\n",
	    sizeof text - 1, text, sizeof text - 1, text);
	struct buf lines, want;

	buf_init(&lines, 4096);
	buf_init(&want, 4096);
	buf_printf(&lines, "%s" SET_LINE("two", "#A.SEC(%zu)"), SET_LINE("one", "#A.SEC(50)"),
	    sec.len - strlen("Body,2,,TRUE,,,\r\nok\r\n"));
	set_small(lines.data, sec.data);
	set_open();
	set_start(0);
	assert_true(set_next());
	buf_printf(&want, "Body(%zu)%s|Attachment a.bin(%zu)%s|", sizeof text - 1, text,
	    sizeof text - 1, text);
	body_is(want.data);
	assert_true(set_next());
	body_is("Body(2)ok|");
	assert_int_equal(exread_owners(set), 1);
	buf_done(&sec);
	buf_done(&lines);
	buf_done(&want);
}

/* A pointer into such data is not believed. */
static void
a_pointer_into_another_record_is_a_fault(void **state)
{
	(void)state;
	set_small(SET_LINE("one", "#A.SEC(50)") SET_LINE("two", "#A.SEC(70)")
		      SET_LINE("three", "#A.SEC(91)") SET_LINE("four", "#A.SEC(70)"),
	    SET_SEC_HEAD "Body,21,,TRUE,,,\r\n  Body,1,,TRUE,,,\r\nxy\r\nBody,1,,TRUE,,,\r\nz\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	body_is("Body(21)  Body,1,,TRUE,,,\r\nxy|");
	assert_true(set_next());
	body_fails(EV_EX_SECONDARY,
	    "A.SEC at octet 70: the pointer leads inside the data of the record "
	    "at 50");
	assert_true(set_next());
	body_is("Body(1)z|");
	assert_true(set_next());
	body_fails(EV_EX_SECONDARY, "inside the data of the record at 50");
}

static void
each_bad_pointer_spoils_its_message_only(void **state)
{
	static const struct {
		const char *pointer;
		enum event_no event;
		const char *words;
	} row[] = {
		{ "#A.SEC(0)", EV_EX_SECONDARY,
		    "A.SEC at octet 0: the pointer leads into the row of column" },
		{ "#A.SEC(49)", EV_EX_SECONDARY, "into the row of column names, which ends at 50" },
		{ "#A.SEC(51)", EV_EX_HEADER, "no record begins here" },
		{ "#A.SEC(1000)", EV_EX_SECONDARY, "beyond the file, which has 69 octets" },
		{ "#A.SEC(9223372036854775807)", EV_EX_SECONDARY, "beyond the file" },
		{ "#B.SEC(50)", EV_EX_UNREADABLE,
		    "B.SEC at octet 50: no secondary file of that name" },
		{ "#A.PRI(50)", EV_EX_UNREADABLE, "it is a primary file" },
		{ "#imex.PKL(0)", EV_EX_UNREADABLE, "no secondary file" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		struct buf lines;

		buf_init(&lines, 4096);
		buf_printf(&lines, SET_LINE("bad", "%s") "%s", row[i].pointer,
		    SET_LINE("good", "#A.SEC(50)"));
		set_small(lines.data, SET_SEC_HEAD "Body,0,,TRUE,,,\r\n\r\n");
		set_open();
		set_start(0);
		assert_true(set_next());
		assert_false(item.damaged);
		body_fails(row[i].event, row[i].words);
		assert_true(set_next());
		body_is("Body(0)|");
		buf_done(&lines);
	}
}

static void
a_body_that_is_no_pointer_is_a_damaged_line(void **state)
{
	static const char *const bad[] = { "#..\\x.SEC(50)", "#../x.SEC(50)", "\"#A.SEC(50)\"", "",
		"text", "#A.SEC(-1)", "#A.SEC(18446744073709551616)" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct buf lines;

		buf_init(&lines, 4096);
		buf_printf(
		    &lines, SET_LINE("é", "%s") "%s", bad[i], SET_LINE("good", "#A.SEC(50)"));
		set_small(lines.data, SET_SEC_HEAD "Body,0,,TRUE,,,\r\n\r\n");
		set_open();
		set_start(0);
		assert_true(set_next());
		assert_true(item.damaged);
		assert_false(item.has_body);
		assert_int_equal(item.fault.event, EV_EX_LINE);
		assert_int_equal(item.fault.line, 3);
		assert_non_null(strstr(item.fault.text, "A.PRI line 3, column"));
		assert_non_null(strstr(item.fault.text, "expected a pointer"));
		assert_true(set_next());
		body_is("Body(0)|");
		buf_done(&lines);
	}
}

static void
each_damaged_record_spoils_its_message_only(void **state)
{
	static const struct {
		const char *record;
		enum event_no event;
		const char *words;
	} row[] = {
		{ "Body,99,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "" },
		{ "Body,-5,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "no number of octets" },
		{ "Body,4294967296,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "4 GiB or more" },
		{ "Body,4294967295,,TRUE,,,\r\nab\r\n", EV_EX_SECONDARY, "only" },
		{ "Body,99999999999999999999,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "no number" },
		{ "Body,,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "no number" },
		{ "Body,2,,MAYBE,,,\r\nab\r\n", EV_EX_HEADER, "neither TRUE nor FALSE" },
		{ "Corpse,2,,TRUE,,,\r\nab\r\n", EV_EX_HEADER, "expected a header such as" },
		{ "Body,2\r\nab\r\n", EV_EX_HEADER, "expected a header such as" },
		{ "Attachment,2,,TRUE,x,-1,None\r\nab\r\n", EV_EX_SECONDARY, "expected Body" },
		{ "Body,2,,FALSE,,,\r\nab\r\n", EV_EX_SECONDARY, "a new Body begins" },
		{ "Body,1,,FALSE,,,\r\nab\r\n", EV_EX_HEADER,
		    "by its Length the record at 50 ends here" },
		{ "Body,2,,FALSE,,,\r\nab\r\nAttachment,x,,TRUE,,,\r\n", EV_EX_HEADER,
		    "no number" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		struct buf lines, sec;

		buf_init(&lines, 4096);
		buf_init(&sec, 4096);
		buf_printf(&sec, SET_SEC_HEAD "%sBody,2,,TRUE,,,\r\nok\r\n", row[i].record);
		buf_printf(&lines, "%s" SET_LINE("good", "#A.SEC(%zu)"),
		    SET_LINE("bad", "#A.SEC(50)"), 50 + strlen(row[i].record));
		set_small(lines.data, sec.data);
		set_open();
		set_start(0);
		assert_true(set_next());
		if (i > 0)
			body_fails(row[i].event, row[i].words);
		else
			assert_int_equal(set_body(&body, &fault), EXSTEP_ERR);
		assert_int_equal(fault.line, 0);
		assert_true(fault.at >= 50);
		assert_true(set_next());
		body_is("Body(2)ok|");
		buf_done(&lines);
		buf_done(&sec);
	}
}

static void
a_message_without_its_last_record_is_a_fault(void **state)
{
	(void)state;
	set_small(SET_LINE("x", "#A.SEC(50)"), SET_SEC_HEAD "Body,2,,FALSE,,,\r\nab\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	body_fails(EV_EX_SECONDARY, "says Islast FALSE, but no record follows");
	assert_string_equal(body.data, "Body(2)ab|");
}

static void
a_message_has_a_bounded_number_of_records(void **state)
{
	struct buf sec;

	(void)state;
	buf_init(&sec, 1 << 20);
	buf_add_str(&sec, SET_SEC_HEAD "Body,0,,FALSE,,,\r\n");
	for (unsigned i = 0; i < EXREAD_RECORDS_MAX + 5; i++)
		buf_add_str(&sec, "Attachment,0,,FALSE,,-1,None\r\n");
	set_small(SET_LINE("x", "#A.SEC(50)"), sec.data);
	set_open();
	set_start(0);
	assert_true(set_next());
	body_fails(EV_EX_SECONDARY, "more than 10000 records");
	buf_done(&sec);
}

/* 5.3, 5.4 and what others write. */
static void
records_are_found_by_length_whatever_stands_between_them(void **state)
{
	(void)state;
	set_small(SET_LINE("a", "#A.SEC(50)") SET_LINE("b", "#A.SEC(131)"),
	    SET_SEC_HEAD "Body,0,,FALSE,,,\r\n"
			 "document,3,,true,\"a b.doc\",,\r\nabc\r\n\r\n\r\n\r\n"
			 "\r\n\r\n\r\n\r\n\r\n\r\nBODY,2,zzz,,,,\nxy");
	set_open();
	set_start(0);
	assert_true(set_next());
	body_is("Body(0)|Document a b.doc(3)abc|");
	assert_true(set_next());
	body_fails(EV_EX_HEADER, "no record begins"); /* the blank line before it */
	set_small(SET_LINE("b", "#A.SEC(50)") SET_LINE("c", "#A.SEC(66)"),
	    SET_SEC_HEAD "BODY,2,zzz,,,,\nxyattachment,1,,,n,7,Macbinary\nqBody,0,,TRUE\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	body_is("Body(2)xy|Attachment n(1)q|");
}

/* EM-19 */
static void
em_19_an_attachment_without_a_name_gets_one(void **state)
{
	struct exmsg m;
	struct expart p;

	(void)state;
	set_small(SET_LINE("a", "#A.SEC(50)"), SET_SEC_HEAD
	    "Body,0,,FALSE,,,\r\n\r\nAttachment,1,,FALSE,,5,None\r\nx\r\n"
	    "Attachment,1,,FALSE,\" \",-2,None\r\ny\r\nAttachment,1,,TRUE,z,-1,None\r\nz\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	body_is("Body(0)|Attachment attachment-1.bin(1)x|Attachment "
		"attachment-2.bin(1)y|Attachment z(1)z|");
	assert_true(exmsg_begin(set, &item.body, &m, &fault));
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_false(p.name_made);
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_true(p.name_made && p.head.position == 5 && !p.position_bad);
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_true(p.name_made && p.head.position == -1 && p.position_bad);
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_true(!p.name_made && p.head.last);
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_END);
}

static void
a_length_that_ends_inside_the_text_is_noticed(void **state)
{
	struct exmsg m;
	struct expart p;

	(void)state;
	set_small(SET_LINE("a", "#A.SEC(50)") SET_LINE("b", "#A.SEC(73)"),
	    SET_SEC_HEAD "Body,2,,TRUE,,,\r\nabcd\r\nBody,1,,TRUE,,,\r\ne\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_true(exmsg_begin(set, &item.body, &m, &fault));
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_true(p.end_odd);
	assert_true(set_next());
	assert_true(exmsg_begin(set, &item.body, &m, &fault));
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_false(p.end_odd);
}

static void
the_data_fork_of_a_macbinary_is_found(void **state)
{
	char sec[512] =
	    SET_SEC_HEAD "Body,0,,FALSE,,,\r\n\r\nAttachment,133,,TRUE,m,-1,Macbinary\r\n";
	size_t at = strlen(sec);
	struct exmsg m;
	struct expart p;
	uint64_t from, len;

	(void)state;
	sec[at + 1] = 4;
	memcpy(sec + at + 2, "note", 4);
	sec[at + 86] = 5;
	memcpy(sec + at + 128, "hello\r\n", 7);
	set_small(SET_LINE("a", "#A.SEC(50)"), "");
	temp_write("A.SEC", sec, at + 135, "wb");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_true(exmsg_begin(set, &item.body, &m, &fault));
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_int_equal(exmsg_next(set, &m, &p, &fault), EXSTEP_ITEM);
	assert_true(p.head.macbinary);
	exmsg_macbinary(set, &p, &from, &len);
	assert_int_equal(from, 128);
	assert_int_equal(len, 5);
	sec[at + 85] = 1; /* longer than the data: none */
	temp_write("A.SEC", sec, at + 135, "wb");
	exmsg_macbinary(set, &p, &from, &len);
	assert_int_equal(from, 0);
	assert_int_equal(len, 133);
}

static void
damaged_lines_are_items_and_reading_goes_on(void **state)
{
	(void)state;
	set_small("Inbox,A,B\r\n"
		  "Inbox,\"A\"x,B,,,one,,,,,,#A.SEC(50)\r\n"
		  "Inbox,\"A,B,,,two,,,,,,#A.SEC(50)\r\n"
		  "! remark\r\n\r\n"
		  "Inbox,A,B,,,three,,,,,,#A.SEC(50),0,0\r\n",
	    SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	set_open();
	assert_int_equal(exread_owner(set, 0)->lines, 4);
	set_start(0);
	assert_true(set_next());
	assert_true(item.damaged && !item.has_body);
	assert_int_equal(item.fault.event, EV_EX_LINE);
	assert_string_equal(item.fault.text,
	    "A.PRI line 3: 3 fields, expected 12 (Folder,Sender,To, ... Unsent,Body)");
	assert_true(set_next());
	assert_true(item.damaged && item.has_body);
	assert_int_equal(item.fault.event, EV_EX_QUOTE);
	assert_int_equal(item.fault.column, 10);
	assert_non_null(
	    strstr(item.fault.text, "A.PRI line 4, column 10: text follows a closing quote"));
	assert_true(set_next());
	assert_true(item.damaged);
	assert_int_equal(item.fault.event, EV_EX_QUOTE);
	assert_int_equal(item.fault.line, 5);
	assert_true(set_next());
	assert_false(item.damaged);
	assert_int_equal(item.fields, 14);
	assert_true(same(item.subject, "three"));
	assert_false(set_next());
}

static void
what_a_field_should_not_hold_is_a_warning(void **state)
{
	(void)state;
	set_small("Inbox,A,B,,,x,2000,00010101000000,7,maybe,Yes,#A.SEC(50)\r\n"
		  "Inbox,A,B,,,#B.SEC(5),,,,TRUE,false,#A.SEC(50)\r\n"
		  "Inbox,A,B,,,#..\\x.SEC(5),,,,true,False,#A.SEC(50)\r\n"
		  "Inbox,A,B,,,#A.SEC(50),,,,,,#A.SEC(50)\r\n",
	    SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_false(item.damaged);
	assert_int_equal(item.n_warnings, 5);
	assert_int_equal(item.warning[0].event, EV_EX_FIELD);
	assert_non_null(
	    strstr(item.warning[0].text, "A.PRI line 3, column 15: Send-Date: '2000' is no date"));
	assert_false(item.sent.known || item.received.known || item.unread || item.unsent);
	assert_true(set_next());
	assert_int_equal(item.n_warnings, 1);
	assert_int_equal(item.warning[0].event, EV_EX_UNREADABLE);
	assert_true(item.unread && !item.unsent);
	assert_true(same(item.subject, ""));
	assert_true(set_next());
	assert_int_equal(item.n_warnings, 1);
	assert_true(same(item.subject, "#..\\x.SEC(5)"));
	assert_true(set_next());
	assert_int_equal(item.n_warnings, 1);
	assert_non_null(strstr(item.warning[0].text, "expected Other"));
}

static void
nul_and_cr_in_a_line_are_blanks(void **state)
{
	static const char pri[] =
	    "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS "Inbox,A\0B,C\rD,,,x,,,,,,#A.SEC(50)\r\n";

	(void)state;
	set_small("", SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	temp_write("A.PRI", pri, sizeof pri - 1, "wb");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_false(item.damaged);
	assert_int_equal(item.n_warnings, 1);
	assert_true(same(item.sender.display, "A B"));
	assert_true(same(item.to.recip[0].display, "C D"));
}

static void
a_line_too_long_is_an_item_and_the_next_one_is_read(void **state)
{
	char *big = mem_new(EXLEX_LINE_MAX + 100000);

	(void)state;
	set_small("", SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	memset(big, 'y', EXLEX_LINE_MAX + 90000);
	temp_write("A.PRI", big, EXLEX_LINE_MAX + 90000, "ab");
	set_put("B", "\r\n" SET_LINE("good", "#A.SEC(50)"));
	temp_write("A.PRI", "\r\n" SET_LINE("good", "#A.SEC(50)"),
	    strlen("\r\n" SET_LINE("good", "#A.SEC(50)")), "ab");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_true(item.damaged);
	assert_non_null(strstr(item.fault.text, "A.PRI line 3: longer than"));
	assert_true(set_next());
	assert_false(item.damaged);
	assert_int_equal(item.place.line, 4);
	free(big);
}

/* A.7, EM-26 */
static void
em_26_recipients_are_read_in_every_form(void **state)
{
	(void)state;
	set_small("Inbox,\"Lee, Bill [SMTP:b@x.org]\",\"a@x\";\"b c@x\","
		  "\"SMTP:a@x.org;\"\"X400:C=US;A= ;P=Y\"\"\",U[SMTP:u@[192.0.2.1]]; [X] y ;;V[w],"
		  "x,,,,,,#A.SEC(50)\r\n"
		  "Inbox,,#A.SEC(67),,,x,,,,,,#A.SEC(50)\r\n",
	    SET_SEC_HEAD "Body,0,,TRUE,,,\r\nOther,23,,TRUE,,,\r\nA[SMTP:a@x];\r\n\"B;C\"\r\n\r\n");
	set_open();
	set_start(0);
	assert_true(set_next());
	assert_int_equal(item.n_warnings, 0);
	assert_true(recip_is(&item.sender, "Lee, Bill", "SMTP", "b@x.org"));
	assert_int_equal(item.to.len, 2);
	assert_true(recip_is(&item.to.recip[0], "a@x", "", ""));
	assert_true(recip_is(&item.to.recip[1], "b c@x", "", ""));
	assert_int_equal(item.cc.len, 2);
	assert_true(recip_is(&item.cc.recip[0], "", "SMTP", "a@x.org"));
	assert_true(recip_is(&item.cc.recip[1], "X400:C=US;A= ;P=Y", "", ""));
	assert_int_equal(item.bcc.len, 3);
	assert_true(recip_is(&item.bcc.recip[0], "U", "SMTP", "u@[192.0.2.1]"));
	assert_true(recip_is(&item.bcc.recip[1], "[X] y", "", ""));
	assert_true(recip_is(&item.bcc.recip[2], "V[w]", "", ""));
	assert_true(set_next());
	assert_int_equal(item.to.len, 2);
	assert_true(recip_is(&item.to.recip[0], "A", "SMTP", "a@x"));
	assert_true(recip_is(&item.to.recip[1], "B;C", "", ""));
	assert_true(same(item.sender.display, ""));
}

/* EM-25 */
static void
em_25_every_folder_name_comes_back(void **state)
{
	static const char *const name[] = { "a b", "a.b", "a\"b", "#x", "50%", "!wow", "a;b",
		" lead", "trail ", "Ñandú", "Inbox\\ sub \\.dot", "a,b", "#A.SEC(50)", "\"all\"",
		"" };
	AUTO(codepage_close) struct codepage *page = NULL;
	struct exfield f;
	struct buf lines;

	(void)state;
	assert_int_equal(codepage_open(&page, 1252, &err), 0);
	exfield_init(&f);
	buf_init(&lines, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(name); i++) {
		exfield_text(&f, page, slice_str(name[i]));
		struct expri l = { .folder = buf_slice(&f.cell),
			.sent = "",
			.received = "",
			.priority = "",
			.body = slice_str("#A.SEC(50)") };

		expri_line(&l, &lines);
	}
	set_small(lines.data, SET_SEC_HEAD "Body,0,,TRUE,,,\r\n");
	set_open();
	set_start(0);
	for (size_t i = 0; i < COUNT_OF(name); i++) {
		assert_true(set_next());
		assert_false(item.damaged);
		assert_int_equal(item.n_warnings, 0);
		assert_true(same(item.folder, name[i]));
	}
	exfield_done(&f);
	buf_done(&lines);
}

static void
what_goes_apart_is_read_back_from_its_record(void **state)
{
	AUTO(codepage_close) struct codepage *page = NULL;
	struct exfield f;
	struct buf sec, text;
	struct exnotes notes = { 0 };
	static const char *const value[] = { "\"quoted\r\nsubject\"", "two\r\nlines", " edge\n" };

	(void)state;
	assert_int_equal(codepage_open(&page, 1252, &err), 0);
	exfield_init(&f);
	buf_init(&sec, 1 << 16);
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(value); i++) {
		buf_reset(&sec);
		buf_reset(&text);
		exfield_text(&f, page, slice_str(value[i]));
		assert_true(f.apart);
		buf_add_str(&sec, SET_SEC_HEAD "Body,0,,TRUE,,,\r\n\r\n");
		exfield_point(&f, "A.SEC", sec.len);
		exrecord_head(
		    &(struct exrecord){
			.type = EXRECORD_OTHER, .length = f.data.len, .last = true },
		    page, &sec, &notes);
		buf_add(&sec, f.data.data, f.data.len);
		buf_add_str(&sec, "\r\n");
		expri_line(&(struct expri){ .subject = buf_slice(&f.cell),
			       .sent = "",
			       .received = "",
			       .priority = "",
			       .body = slice_str("#A.SEC(50)") },
		    &text);
		set_small(text.data, sec.data);
		set_open();
		set_start(0);
		assert_true(set_next());
		assert_int_equal(item.n_warnings, 0);
		assert_true(same(item.subject, value[i]));
	}
	exfield_done(&f);
	buf_done(&sec);
	buf_done(&text);
}

static void
a_record_beyond_4_gib_is_reached(void **state)
{
	static const char record[] = "Body,2,,TRUE,,,\r\nok\r\n";
	const off_t at = 5000000000;

	(void)state;
	set_small(SET_LINE("a", "#A.SEC(5000000000)") SET_LINE("b", "#A.SEC(5000000001)"),
	    SET_SEC_HEAD "Body,4294967295,,TRUE,,,\r\n");
	int fd = open(temp_path("A.SEC"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, record, sizeof record - 1, at), sizeof record - 1);
	close(fd);
	set_open();
	set_start(0);
	assert_true(set_next());
	body_is("Body(2)ok|");
	assert_true(set_next());
	body_fails(EV_EX_HEADER, "A.SEC at octet 5000000001: no record begins");
}

/* More files than are kept open, more records than starts are kept of, in every order. */
static void
many_files_and_records_are_read_in_any_order(void **state)
{
	enum { FILES = 6, RECORDS = 20000, READS = 3000 };
	struct buf list, lines, sec;

	(void)state;
	buf_init(&list, 4096);
	buf_init(&lines, 1 << 20);
	buf_init(&sec, 1 << 24);
	buf_add_str(&sec, SET_SEC_HEAD);
	for (unsigned i = 0; i < RECORDS; i++)
		buf_printf(&sec, "Body,5,,TRUE,,,\r\n%05u\r\n", i);
	buf_add_str(&list, "1252\r\n\r\nFilename,Filetype\r\nA.PRI,Primary\r\n");
	buf_add_str(&lines, "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS);
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		snprintf(name, sizeof name, "%u.SEC", i);
		buf_printf(&list, "%s,Secondary\r\n", name);
		set_put(name, sec.data);
	}
	for (unsigned i = 0; i < READS; i++)
		buf_printf(&lines, SET_LINE("%05u", "#%u.SEC(%u)"), i * 7919 % RECORDS, i % FILES,
		    50 + i * 7919 % RECORDS * 24);
	set_put("imex.PKL", list.data);
	set_put("A.PRI", lines.data);
	set_open();
	set_start(0);
	for (unsigned i = 0; i < READS; i++) {
		char want[32];

		assert_true(set_next());
		snprintf(want, sizeof want, "Body(5)%.*s|", SLICE_ARG(item.subject));
		body_is(want);
	}
	assert_int_equal(exread_problems(set, NULL), 0);
	buf_done(&list);
	buf_done(&lines);
	buf_done(&sec);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(the_worked_example_is_read_whole),
		T(a_line_can_be_read_again_at_its_place),
		T(em_11_another_number_in_the_list_changes_decoding_only),
		T(octets_without_a_character_bring_a_word_on_the_code_page),
		T(em_13_markers_inside_data_are_data),
		T(a_pointer_into_another_record_is_a_fault),
		T(each_bad_pointer_spoils_its_message_only),
		T(a_body_that_is_no_pointer_is_a_damaged_line),
		T(each_damaged_record_spoils_its_message_only),
		T(a_message_without_its_last_record_is_a_fault),
		T(a_message_has_a_bounded_number_of_records),
		T(records_are_found_by_length_whatever_stands_between_them),
		T(em_19_an_attachment_without_a_name_gets_one),
		T(a_length_that_ends_inside_the_text_is_noticed),
		T(the_data_fork_of_a_macbinary_is_found),
		T(damaged_lines_are_items_and_reading_goes_on),
		T(what_a_field_should_not_hold_is_a_warning),
		T(nul_and_cr_in_a_line_are_blanks),
		T(a_line_too_long_is_an_item_and_the_next_one_is_read),
		T(em_26_recipients_are_read_in_every_form),
		T(em_25_every_folder_name_comes_back),
		T(what_goes_apart_is_read_back_from_its_record),
		T(a_record_beyond_4_gib_is_reached),
		T(many_files_and_records_are_read_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
