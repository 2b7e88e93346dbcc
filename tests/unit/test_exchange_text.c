/* Migration files as they are written: the worked examples to the octet, quoting, what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "store/exchange/lex.h"
#include "store/exchange/text.h"

static struct codepage *page;
static struct exfield field;
static struct buf out;
static struct exnotes notes;
static struct err err;

static void
zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static int
begin(void **state)
{
	(void)state;
	zone("UTC");
	buf_init(&out, 1 << 20);
	exfield_init(&field);
	notes = (struct exnotes){ 0 };
	return codepage_open(&page, 1252, &err);
}

static int
end(void **state)
{
	(void)state;
	buf_done(&out);
	exfield_done(&field);
	codepage_close(&page);
	return 0;
}

static void
record(enum exrecord_type type, const char *name, bool last, const char *utf8, uint64_t at)
{
	struct buf data;

	buf_init(&data, 4096);
	assert_int_equal(out.len, at);
	assert_true(codepage_encode(page, slice_str(utf8), &data, &notes.lacks));
	struct exrecord r = { .type = type,
		.length = data.len,
		.last = last,
		.name = slice_str(name),
		.position = -1 };

	assert_true(exrecord_head(&r, page, &out, &notes));
	buf_add(&out, data.data, data.len);
	buf_add_str(&out, "\r\n");
	buf_done(&data);
}

/* 5.5, and A.7: 407 octets, records at 50, 114, 191, 249, 362 */
static void
the_worked_example_of_a_secondary_file_comes_out_to_the_octet(void **state)
{
	static const char want[] = "Type,Length,Encoding,Islast,Name,Position,Format\r\n"
				   "Body,43,,FALSE,,,\r\n"
				   "Hola:\r\nAdjunto el presupuesto, versi\xF3n 2.\r\n\r\n"
				   "Attachment,25,,TRUE,\"presupuesto v2.csv\",-1,None\r\n"
				   "id;amount\r\n1;100\r\n2;250\r\n\r\n"
				   "Body,38,,TRUE,,,\r\n"
				   "Server room keys are with reception.\r\n\r\n"
				   "Other,92,,TRUE,,,\r\n"
				   "Ana Ruiz[SMTP:ana@example.org];Luis Gil[SMTP:luis@example.org];"
				   "Eva Paz[SMTP:eva@example.org]\r\n"
				   "Body,25,,TRUE,,,\r\n"
				   "Draft text, not finished.\r\n";

	(void)state;
	assert_true(exsec_heading(&out));
	record(EXRECORD_BODY, "", false, "Hola:\r\nAdjunto el presupuesto, versión 2.\r\n", 50);
	record(EXRECORD_ATTACHMENT, "presupuesto v2.csv", true, "id;amount\r\n1;100\r\n2;250\r\n",
	    114);
	record(EXRECORD_BODY, "", true, "Server room keys are with reception.\r\n", 191);
	const struct exrecip cc[] = {
		{ { "Ana Ruiz", 8 }, { 0 }, slice_str("ana@example.org") },
		{ { "Luis Gil", 8 }, { 0 }, slice_str("luis@example.org") },
		{ { "Eva Paz", 7 }, { 0 }, slice_str("eva@example.org") },
	};

	exfield_recips(&field, page, cc, 3);
	record(EXRECORD_OTHER, "", true, field.data.data, 249);
	record(EXRECORD_BODY, "", true, "Draft text, not finished.", 362);
	assert_int_equal(out.len, 407);
	assert_int_equal(sizeof want - 1, 407);
	assert_memory_equal(out.data, want, 407);
	assert_int_equal(notes.lacks.count, 0);
}

static struct exfield cells[6];

static void
line(const char *folder, struct exrecip from, struct exrecip to, const char *subject,
    uint64_t cc_at, struct expri *l, uint64_t body_at)
{
	struct buf body;

	buf_init(&body, 100);
	for (size_t i = 0; i < COUNT_OF(cells); i++)
		exfield_init(&cells[i]);
	exfield_text(&cells[0], page, slice_str(folder));
	exfield_recips(&cells[1], page, &from, 1);
	exfield_recips(&cells[2], page, &to, 1);
	if (cc_at > 0)
		exfield_point(&cells[3], "00000001.SEC", cc_at);
	exfield_text(&cells[4], page, slice_str(subject));
	expointer_write("00000001.SEC", body_at, &body);
	l->folder = buf_slice(&cells[0].cell);
	l->sender = buf_slice(&cells[1].cell);
	l->to = buf_slice(&cells[2].cell);
	l->cc = buf_slice(&cells[3].cell);
	l->subject = buf_slice(&cells[4].cell);
	l->body = buf_slice(&body);
	assert_true(expri_line(l, &out));
	for (size_t i = 0; i < COUNT_OF(cells); i++)
		exfield_done(&cells[i]);
	buf_done(&body);
}

/* 4.7 */
static void
the_worked_example_of_a_primary_file_comes_out_to_the_octet(void **state)
{
	const struct exrecip ana = { { "Ana Ruiz", 8 }, { 0 }, slice_str("ana@example.org") };
	const struct exrecip luis = { { "Luis Gil", 8 }, { 0 }, slice_str("luis@example.org") };
	const struct exrecip uno = { { "Usuario Uno", 11 }, { "SMTP", 4 },
		slice_str("usuario1@example.com") };
	const struct exrecip none = { { 0 }, { 0 }, { 0 } };

	(void)state;
	assert_true(expri_comment(
	    page, 955699200, "imap.example.com", "usuario1%ncc%migracion", NULL, &out, &notes));
	assert_true(expri_heading(page, slice_str("SMTP:usuario1@example.com"), &out, &notes));
	line("Inbox", ana, uno, "Presupuesto, v2", 0,
	    &(struct expri){
		.sent = "20000412093105", .received = "20000412093140", .priority = "1" },
	    50);
	line("Proyectos\\Banyan", luis, uno, "Keys", 249,
	    &(struct expri){
		.sent = "20000413101500", .received = "20000413101512", .unread = true },
	    191);
	line("Drafts", uno, none, "About \"keys\"", 0,
	    &(struct expri){ .priority = "0", .unsent = true }, 362);
	assert_string_equal(out.data,
	    "! extracted 2000-04-14 08:00:00 from imap.example.com, user usuario1%ncc%migracion\r\n"
	    "MAILMESSAGE,SMTP:usuario1@example.com\r\n"
	    "Folder,Sender,To,Cc,Bcc,Subject,Send-Date,Received-Date,Priority,Unread,Unsent,"
	    "Body\r\n"
	    "Inbox,\"Ana Ruiz[SMTP:ana@example.org]\",\"Usuario Uno[SMTP:usuario1@example.com]\",,,"
	    "\"Presupuesto, v2\",20000412093105,20000412093140,1,FALSE,FALSE,#00000001.SEC(50)\r\n"
	    "\"Proyectos\\Banyan\",\"Luis Gil[SMTP:luis@example.org]\","
	    "\"Usuario Uno[SMTP:usuario1@example.com]\",#00000001.SEC(249),,Keys,20000413101500,"
	    "20000413101512,,TRUE,FALSE,#00000001.SEC(191)\r\n"
	    "Drafts,\"Usuario Uno[SMTP:usuario1@example.com]\",,,,\"About \"\"keys\"\"\",,,0,FALSE,"
	    "TRUE,#00000001.SEC(362)\r\n");
}

static void
a_comment_stays_one_line_and_names_the_zone(void **state)
{
	(void)state;
	assert_true(
	    expri_comment(page, 0, "h", "a\r\nMAILMESSAGE,SMTP:x", "Europe/Madrid", &out, &notes));
	assert_string_equal(out.data,
	    "! extracted 1970-01-01 00:00:00 from h, user a MAILMESSAGE,SMTP:x\r\n"
	    "! times are in the zone Europe/Madrid\r\n");
	assert_int_equal(notes.blanks, 1);
	buf_reset(&out);
	assert_true(expri_heading(page, slice_str("SMTP:a%b@c.d"), &out, &notes));
	assert_memory_equal(out.data, "MAILMESSAGE,\"SMTP:a%b@c.d\"\r\nFolder,", 35);
}

static void
cell(const char *utf8, const char *want)
{
	exfield_text(&field, page, slice_str(utf8));
	assert_string_equal(field.cell.data, want);
	assert_false(field.apart);
}

static void
quotes_stand_where_the_must_quote_set_asks_for_them(void **state)
{
	(void)state;
	cell("plain text", "plain text");
	cell("", "");
	cell("a#b", "\"a#b\"");
	cell("a!b", "\"a!b\"");
	cell("a,b", "\"a,b\"");
	cell("a\\b", "\"a\\b\"");
	cell("a\"b", "\"a\"\"b\"");
	cell("a%b", "\"a%b\"");
	cell("a.b", "\"a.b\"");
	cell("#00000001.SEC(50)", "\"#00000001.SEC(50)\"");
	cell(" a", "\" a\"");
	cell("a ", "\"a \"");
	cell("[](){}<>'`-_=+:?*&^$@~|/", "[](){}<>'`-_=+:?*&^$@~|/");
}

static void
what_the_code_page_lacks_is_counted_per_field(void **state)
{
	(void)state;
	cell("A→B ∞ €", "A?B ? \x80");
	assert_int_equal(field.notes.lacks.count, 2);
	assert_int_equal(field.notes.lacks.first, 0x2192);
	cell("ok", "ok");
	assert_int_equal(field.notes.lacks.count, 0);
}

static void
line_breaks_and_nul_never_stand_in_a_field(void **state)
{
	(void)state;
	exfield_text(&field, page, (struct slice){ "a\r\nb\nc\rd\0e\x1A", 11 });
	assert_true(field.apart);
	assert_string_equal(field.cell.data, "\"a b c d e \"");
	assert_string_equal(field.data.data, "\"a\r\nb\nc\rd e \"");
	assert_int_equal(field.notes.blanks, 5);
	const struct exrecip r = { { "A\r\nB", 4 }, { 0 }, slice_str("a\n@x") };

	exfield_recips(&field, page, &r, 1);
	assert_string_equal(field.cell.data, "A B[SMTP:a @x]");
	assert_int_equal(field.notes.blanks, 2);
	assert_false(field.apart);
}

static void
a_long_field_goes_apart_and_is_pointed_to(void **state)
{
	char *text = mem_new(EXFIELD_MAX + 2);

	(void)state;
	memset(text, 'x', EXFIELD_MAX);
	cell(text, text);
	text[EXFIELD_MAX] = 'x';
	exfield_text(&field, page, slice_str(text));
	assert_true(field.apart);
	assert_string_equal(field.cell.data, "");
	assert_string_equal(field.data.data, text);
	exfield_point(&field, "00000001-2.SEC", 1234567890123);
	assert_string_equal(field.cell.data, "#00000001-2.SEC(1234567890123)");
	free(text);
}

static void
what_is_too_long_for_a_record_is_cut_and_counted(void **state)
{
	char *text = mem_new(EXFIELD_DATA_MAX + 1);
	struct exrecip *list = mem_new(100000 * sizeof *list);

	(void)state;
	memset(text, 'x', EXFIELD_DATA_MAX);
	exfield_text(&field, page, (struct slice){ text, EXFIELD_DATA_MAX });
	assert_int_equal(field.notes.left, 1);
	assert_true(field.data.len > EXFIELD_DATA_MAX / 8 && field.apart);
	for (size_t i = 0; i < 100000; i++)
		list[i] = (struct exrecip){ { text, 100 }, { 0 }, { 0 } };
	exfield_recips(&field, page, list, 100000);
	assert_true(field.notes.left > 50000 && field.notes.left < 70000);
	assert_false(field.data.full);
	free(text);
	free(list);
}

/* What the reader makes of a list, values joined by '|'. */
static void
read_list(struct slice raw, struct buf *ret)
{
	struct buf scratch;
	struct excut c;
	struct slice piece;

	buf_init(&scratch, 1 << 20);
	buf_reset(ret);
	assert_true(exlex_list(raw, &scratch, &c));
	for (bool first = true; excut_next(&c, &piece); first = false) {
		if (!first)
			buf_add_byte(ret, '|');
		if (!exlex_quoted(piece))
			piece = exlex_trim(piece);
		assert_true(exlex_value(piece, ret));
	}
	assert_false(c.is_stray);
	assert_false(c.open);
	buf_done(&scratch);
}

/* EM-26 */
static void
em_26_every_mix_of_values_with_and_without_quotes_is_read_back(void **state)
{
	static const char *const value[] = { "Ann", "Lee, Bill", "a.b", "\"X\" y", "semi;colon",
		" edge ", "#A.SEC(5)", "\"whole\"" };
	struct buf got, want;

	(void)state;
	buf_init(&got, 4096);
	buf_init(&want, 4096);
	for (unsigned mix = 0; mix < 8 * 9 * 9; mix++) {
		const unsigned pick[] = { mix % 8, mix / 8 % 9, mix / 72 };
		struct exrecip list[3] = { 0 };
		size_t n = 0;
		struct excut c;
		struct slice raw;

		buf_reset(&want);
		for (size_t i = 0; i < 3; i++) {
			if (pick[i] == 8)
				continue;
			list[n++].display = slice_str(value[pick[i]]);
			buf_printf(&want, "%s%s", n > 1 ? "|" : "", value[pick[i]]);
		}
		exfield_recips(&field, page, list, n);
		read_list(buf_slice(&field.cell), &got);
		assert_string_equal(got.data, want.data);
		read_list(buf_slice(&field.data), &got);
		assert_string_equal(got.data, want.data);
		/* and as a field of a line */
		buf_reset(&out);
		buf_printf(&out, "x,%s,y", field.cell.data);
		excut_init(&c, buf_slice(&out), ',');
		for (n = 0; excut_next(&c, &raw); n++)
			;
		assert_int_equal(n, 3);
		assert_false(c.is_stray || c.open);
	}
	buf_done(&got);
	buf_done(&want);
}

/* EM-26: each pair of quotes encloses exactly one value. */
static void
em_26_quotes_enclose_the_value_and_not_the_list(void **state)
{
	const struct exrecip list[] = { { { "Ann", 3 }, { 0 }, { 0 } },
		{ { "Lee, Bill", 9 }, { 0 }, slice_str("b@x.org") } };

	(void)state;
	exfield_recips(&field, page, list, 2);
	assert_string_equal(field.cell.data, "Ann;\"Lee, Bill[SMTP:b@x.org]\"");
	assert_string_equal(field.data.data, "Ann;Lee, Bill[SMTP:b@x.org]");
}

/* EM-09 */
static void
em_09_a_recipient_never_loses_its_address(void **state)
{
	const struct exrecip list[] = { { { 0 }, { 0 }, slice_str("a@x") }, { { 0 }, { 0 }, { 0 } },
		{ { "Only", 4 }, { 0 }, { 0 } },
		{ { "X", 1 }, { "X400", 4 }, slice_str("C=US;A= ") } };

	(void)state;
	exfield_recips(&field, page, list, 3);
	assert_string_equal(field.cell.data, "a@x[SMTP:a@x];Only");
	exfield_recips(&field, page, list + 3, 1);
	assert_string_equal(field.cell.data, "\"\"\"X[X400:C=US;A= ]\"\"\"");
	exfield_recips(&field, page, list, 0);
	assert_string_equal(field.cell.data, "");
}

/* EM-27, EM-28 */
static void
em_27_28_values_of_a_directory_line_are_read_back_as_one(void **state)
{
	static const char *const value[] = { "usuario1%ncc%migracion", "a\\r\\new", "x\r\ny", "a;b",
		"\\", "\\\\", "\"" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(value); i++) {
		struct buf text, back;
		struct excut c;
		struct slice raw;
		size_t bad;

		buf_init(&text, 100);
		buf_init(&back, 100);
		buf_reset(&out);
		buf_add_str(&out, "a,");
		assert_true(exdirectory_value(page, slice_str(value[i]), &out, &notes));
		buf_add_str(&out, ",b");
		assert_null(strchr(out.data, '\n'));
		excut_init(&c, buf_slice(&out), ',');
		assert_true(excut_next(&c, &raw) && excut_next(&c, &raw));
		assert_true(exlex_quoted(raw));
		assert_true(exlex_value(raw, &text));
		assert_true(exlex_directory(buf_slice(&text), &back, &bad));
		assert_string_equal(back.data, value[i]);
		assert_int_equal(bad, 0);
		buf_done(&text);
		buf_done(&back);
	}
	buf_reset(&out);
	exdirectory_value(page, slice_str("usuario1%ncc%migracion"), &out, &notes);
	assert_string_equal(out.data, "\"usuario1%ncc%migracion\"");
}

static void
names_of_seven_bits_have_look_alikes(void **state)
{
	(void)state;
	assert_true(exdirectory_ascii(slice_str("José Ñandú Müller"), &out));
	assert_string_equal(out.data, "Jose Nandu Muller");
	buf_reset(&out);
	assert_true(exdirectory_ascii(slice_str("日\xFF\ta"), &out));
	assert_string_equal(out.data, "   a");
}

static void
date_is(const char *tz, int64_t epoch, const char *want, int zone_min)
{
	struct date d = { .known = true, .epoch = epoch }, back = { 0 };
	char text[DATE14_MAX];

	zone(tz);
	assert_true(date14_write(&d, text));
	assert_string_equal(text, want);
	assert_true(date14_read(slice_str(text), &back));
	assert_int_equal(back.epoch, epoch);
	assert_int_equal(back.zone_min, zone_min);
}

/* EM-15 */
static void
em_15_dates_on_both_sides_of_2000_and_2038_are_kept(void **state)
{
	(void)state;
	date_is("UTC", -86400, "19691231000000", 0);
	date_is("UTC", 946684799, "19991231235959", 0);
	date_is("UTC", 946684800, "20000101000000", 0);
	date_is("UTC", 978307200, "20010101000000", 0);
	date_is("UTC", 951782400, "20000229000000", 0);
	date_is("UTC", 2147558400, "20380120000000", 0);
	date_is("UTC", 4291660800, "21051231000000", 0);
	date_is("UTC", 4294967296, "21060207062816", 0);
	date_is("Europe/Madrid", 4294967296, "21060207072816", 60);
}

/* EM-16 */
static void
em_16_local_time_follows_the_rule_of_the_date_itself(void **state)
{
	(void)state;
	date_is("Europe/Madrid", 1364691599, "20130331015959", 60);
	date_is("Europe/Madrid", 1364691600, "20130331030000", 120);
	date_is("Europe/Madrid", 1382835599 - 3600, "20131027015959", 120);
	date_is("Europe/Madrid", 1382839200, "20131027030000", 60);
	/* the United States changed their rule in 2007: the same day, an hour apart */
	date_is("America/New_York", 1142596800, "20060317070000", -300);
	date_is("America/New_York", 1174132800, "20070317080000", -240);
	/* Moscow: +3, +4 in 2011, +3 again from October 2014 */
	date_is("Europe/Moscow", 1388534400, "20140101040000", 240);
	date_is("Europe/Moscow", 1420070400, "20150101030000", 180);
	zone("UTC");
}

/* EM-14 */
static void
em_14_dates_that_mean_nothing_are_left_out(void **state)
{
	static const int64_t bad[] = { -1, -62135596800, -62135596800 - 86400LL * 366, 253370764800,
		INT64_MAX, INT64_MIN, -11676096000 };
	static const char *const unreadable[] = { "", "2000010100000", "200001010000000",
		"20001301000000", "20000230000000", "20010229000000", "20000101240000",
		"20000101006000", "00010101000000", "99990101000000", "2000-01-010000", "-1",
		"00000000000000", "20000001000000" };
	struct date d = { .known = true };
	char text[DATE14_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		d.epoch = bad[i];
		assert_false(date14_write(&d, text));
		assert_string_equal(text, "");
	}
	assert_false(date14_write(&(struct date){ .known = false }, text));
	for (size_t i = 0; i < COUNT_OF(unreadable); i++)
		assert_false(date14_read(slice_str(unreadable[i]), &d));
}

/* A.7 */
static void
a_duration_has_the_form_of_a_date(void **state)
{
	struct date14 d;

	(void)state;
	assert_true(date14_split(slice_str("00010403220002"), &d));
	assert_int_equal(d.year, 1);
	assert_int_equal(d.month, 4);
	assert_int_equal(d.day, 3);
	assert_int_equal(d.hour, 22);
	assert_int_equal(d.minute, 0);
	assert_int_equal(d.second, 2);
	assert_false(date14_split(slice_str("0001040322000"), &d));
	assert_false(date14_split(slice_str("0001040322 002"), &d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(the_worked_example_of_a_secondary_file_comes_out_to_the_octet),
		T(the_worked_example_of_a_primary_file_comes_out_to_the_octet),
		T(a_comment_stays_one_line_and_names_the_zone),
		T(quotes_stand_where_the_must_quote_set_asks_for_them),
		T(what_the_code_page_lacks_is_counted_per_field),
		T(line_breaks_and_nul_never_stand_in_a_field),
		T(a_long_field_goes_apart_and_is_pointed_to),
		T(what_is_too_long_for_a_record_is_cut_and_counted),
		T(em_26_every_mix_of_values_with_and_without_quotes_is_read_back),
		T(em_26_quotes_enclose_the_value_and_not_the_list),
		T(em_09_a_recipient_never_loses_its_address),
		T(em_27_28_values_of_a_directory_line_are_read_back_as_one),
		T(names_of_seven_bits_have_look_alikes),
		T(em_15_dates_on_both_sides_of_2000_and_2038_are_kept),
		T(em_16_local_time_follows_the_rule_of_the_date_itself),
		T(em_14_dates_that_mean_nothing_are_left_out),
		T(a_duration_has_the_form_of_a_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
