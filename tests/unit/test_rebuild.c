/* Fields and attachments put together again, and taken apart: nothing is lost, nothing is injected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/parts.h"
#include "mail/rebuild.h"

enum { FILES_MAX = 8 };

static struct spool *text, *made, *out, *file[FILES_MAX];
static struct rebuild_attachment attachment[FILES_MAX];
static size_t n_files;
static struct rebuild fields;
static struct mail_parts parts;

static int
begin(void **state)
{
	(void)state;
	text = spool_new(-1, SIZE_MAX);
	made = spool_new(-1, SIZE_MAX);
	out = spool_new(-1, SIZE_MAX);
	n_files = 0;
	fields = (struct rebuild){ .text = text };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	parts_close(&parts);
	spool_free(&text);
	spool_free(&made);
	spool_free(&out);
	for (size_t i = 0; i < FILES_MAX; i++)
		spool_free(&file[i]);
	return 0;
}

static void
put(struct spool *s, struct slice octets)
{
	struct err err = { .text = "" };

	if (spool_add(s, octets, &err) < 0)
		fail_msg("%s", err.text);
}

static void
attach(const char *name, struct slice octets)
{
	assert_true(n_files < FILES_MAX);
	file[n_files] = spool_new(-1, SIZE_MAX);
	put(file[n_files], octets);
	attachment[n_files] = (struct rebuild_attachment){ name, file[n_files] };
	n_files++;
}

/* Put together, and look at what every message must be. */
static struct slice
rebuild(void)
{
	struct err err = { .text = "" };
	size_t line = 0;

	spool_reset(made);
	if (rebuild_begin(&fields, n_files, made, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < n_files; i++) {
		if (rebuild_attach(&fields, &attachment[i], made, &err) < 0)
			fail_msg("%s", err.text);
	}
	if (rebuild_end(&fields, made, &err) < 0)
		fail_msg("%s", err.text);
	struct slice m = spool_memory(made);
	for (size_t i = 0; i < m.len; i++, line++) {
		if (m.data[i] == '\n') {
			assert_true(i > 0 && m.data[i - 1] == '\r');
			line = 0;
		}
		assert_true(m.data[i] != '\0' && line <= 1000);
		assert_true(m.data[i] != '\r' || (i + 1 < m.len && m.data[i + 1] == '\n'));
	}
	return m;
}

static void
again(void)
{
	struct err err = { .text = "" };

	(void)rebuild();
	parts_close(&parts);
	if (parts_open(&parts, made, &err) < 0)
		fail_msg("%s", err.text);
}

static void
check_text(struct slice want)
{
	struct err err;

	spool_reset(out);
	assert_int_equal(parts_text(&parts, out, &err), 0);
	struct slice got = spool_memory(out);
	if (!slice_same(got, want))
		fail_msg("text '%.*s' is not '%.*s'", SLICE_ARG(got), SLICE_ARG(want));
	assert_false(parts.text_damaged);
}

static void
check_file(size_t i, const char *name, struct slice want)
{
	struct err err;

	assert_true(i < parts.n_parts);
	spool_reset(out);
	assert_int_equal(parts_octets(&parts, i, out, &err), 0);
	assert_string_equal(parts.part[i].name, name);
	assert_true(slice_same(spool_memory(out), want));
	assert_false(parts.part[i].damaged);
}

static void
equal(struct slice got, const char *want)
{
	if (!slice_eq(got, want))
		fail_msg("\n%.*s\nis not\n%s", SLICE_ARG(got), want);
}

static void
a_message_is_put_together(void **state)
{
	static const struct mail_address from = { "Anna M.", "a@x" }, to[] = { { "", "b@y" }, { "J\xc3\xb6rg", "j@z" } };

	(void)state;
	fields = (struct rebuild){ .from = &from, .n_from = 1, .to = to, .n_to = 2, .subject = "Hello", .priority = 1,
		.sent = { .known = true, .epoch = 1426321613, .zone_min = 60 }, .text = text };
	put(text, slice_str("one\r\ntwo\r\n"));
	equal(rebuild(),
	    "From: \"Anna M.\" <a@x>\r\nTo: b@y,\r\n =?utf-8?B?SsO2cmc=?= <j@z>\r\nSubject: Hello\r\n"
	    "Date: Sat, 14 Mar 2015 08:26:53 +0000\r\nX-Priority: 1\r\nImportance: High\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n");
	fields.priority = -1;
	fields.subject = "";
	fields.sent.known = false;
	fields.n_to = 0;
	equal(rebuild(),
	    "From: \"Anna M.\" <a@x>\r\nX-Priority: 5\r\nImportance: Low\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n");
}

static void
equal_pieces_give_equal_octets(void **state)
{
	struct spool *first = spool_new(-1, SIZE_MAX);

	(void)state;
	fields.subject = "s";
	put(text, slice_str("text"));
	attach("a.png", slice_str("PNG"));
	put(first, rebuild());
	assert_true(slice_same(spool_memory(first), rebuild()));
	put(text, slice_str("."));
	struct slice other = rebuild();
	assert_false(memcmp(spool_memory(first).data, other.data, 150) == 0); /* another boundary */
	spool_free(&first);
}

static void
attachments_come_back_octet_for_octet(void **state)
{
	char all[256];
	struct buf big;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	buf_init(&big, 1 << 20);
	while (big.len < 300000)
		buf_add(&big, all, 251);
	put(text, slice_str("text"));
	attach("all.bin", (struct slice){ all, sizeof(all) });
	attach("empty.png", slice_str(""));
	attach("Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac.pdf", slice_str("PDF"));
	attach("", slice_str("x"));
	attach("big.zip", buf_slice(&big));
	attach("two \"quotes\" \\ ; = and a very long name that goes over the width of a line.docx", slice_str("DOCX"));
	again();
	assert_int_equal(parts.n_parts, 6);
	check_text(slice_str("text"));
	check_file(0, "all.bin", (struct slice){ all, sizeof(all) });
	check_file(1, "empty.png", slice_str(""));
	check_file(2, "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac.pdf", slice_str("PDF"));
	assert_string_equal(parts.part[2].content_type, "application/pdf");
	check_file(3, "attachment.bin", slice_str("x"));
	check_file(4, "big.zip", buf_slice(&big));
	check_file(5, "; = and a very long name that goes over the width of a line.docx", slice_str("DOCX"));
	buf_done(&big);
}

static void
texts_come_back_in_every_encoding(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	static const char *const texts[] = { "", "\r\n", "ascii\r\n", "no line end", "Gr\xc3\xbc\xc3\x9f an alle\r\nhier\r\n",
		"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\r\n", ".\r\n..\r\nFrom x\r\n", "blanks \t\r\n \xc3\xbc \r\n",
		"--=_x\r\n--\r\nBody,5,,TRUE,,,\r\n", "= =3D =\r\n\xc3\xbc\r\n" };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		for (int with = 0; with < 2; with++) {
			spool_reset(text);
			put(text, slice_str(texts[i]));
			n_files = 0;
			spool_free(&file[0]);
			if (with)
				attach("a.png", slice_str("PNG"));
			again();
			check_text(slice_str(texts[i]));
		}
	}
	for (int c = 0; c < 3; c++) { /* long lines, each way */
		buf_reset(&b);
		for (int i = 0; i < 3000; i++)
			buf_add_str(&b, c == 0 ? "word " : c == 1 ? "w\xc3\xb6rdword, word " : "\xe2\x82\xac");
		spool_reset(text);
		put(text, buf_slice(&b));
		again();
		check_text(buf_slice(&b));
	}
	buf_done(&b);
}

static void
a_text_with_control_characters_decodes_to_itself(void **state)
{
	struct err err;

	static const char odd[] = "a\0b\rc\nd\x1b" "e plain enough to be readable, more or less\r\n";

	(void)state;
	put(text, (struct slice){ odd, sizeof(odd) - 1 });
	attach("x.bin", slice_str("x"));
	again();
	spool_reset(out);
	assert_int_equal(parts_text(&parts, out, &err), 0);
	assert_memory_equal(spool_memory(out).data, "a\0b\r\nc\r\nd\x1b" "e", 11); /* line ends are made CRLF on reading */
}

#define NESTED "Subject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"

static void
a_nested_message_is_nested_again_if_it_may_be(void **state)
{
	struct buf b;

	(void)state;
	put(text, slice_str("text"));
	attach("inner.eml", slice_str(NESTED));
	again();
	check_file(0, "inner.eml", slice_str(NESTED));
	assert_string_equal(parts.part[0].content_type, "message/rfc822");
	assert_true(slice_has_nocase(spool_memory(made), NESTED));
	static const char *const not[] = { "Subject: x\n\nbare LF", "Subject: x\r\r\n\r\n", "" };
	for (size_t i = 0; i < COUNT_OF(not); i++) {
		spool_free(&file[0]);
		n_files = 0;
		attach("inner.eml", slice_str(not[i]));
		again();
		check_file(0, "inner.eml", slice_str(not[i]));
		assert_string_equal(parts.part[0].content_type, "application/octet-stream");
	}
	/* Our own boundary, guessed by whoever wrote the message. */
	buf_init(&b, 1 << 20);
	for (size_t pad = 0; pad < 60000; pad = pad * 2 + 58300) {
		buf_reset(&b);
		buf_add_str(&b, "Subject: x\r\n\r\n");
		for (size_t i = 0; i < pad; i++)
			buf_add_str(&b, i % 64 == 63 ? "\r\n" : "x");
		buf_printf(&b, "\r\n--%s--\r\nevil", fields.boundary);
		spool_free(&file[0]);
		n_files = 0;
		attach("inner.eml", buf_slice(&b));
		again();
		assert_int_equal(parts.n_parts, 1);
		check_file(0, "inner.eml", buf_slice(&b));
		assert_string_equal(parts.part[0].content_type, "application/octet-stream");
	}
	buf_done(&b);
}

/* ---- headers ---- */

static size_t
header_lines(void)
{
	struct slice m = rebuild();
	size_t fields_seen = 0;

	for (size_t i = 0; i + 4 < m.len; i++) {
		if (memcmp(m.data + i, "\r\n\r\n", 4) == 0)
			return fields_seen + 1;
		assert_true((unsigned char)m.data[i] < 0x80);
		if (m.data[i] == '\n' && m.data[i + 1] != ' ' && m.data[i + 1] != '\t')
			fields_seen++;
	}
	return 0;
}

static void
nothing_in_a_field_makes_another_field(void **state)
{
	static const char *const evil[] = { "a\r\nBcc: evil@x", "a\nBcc: evil@x", "a\rBcc: evil@x", "\r\n\r\nbody", "a\r\n\tb",
		"a\x0b" "b\x0c" "c", "\xc2\x85" "a\xe2\x80\xa8" "b", "x>\r\nBcc: evil@x", "\"", "\\", "\"\r\n", "<", "a@b>, <c@d", "=?utf-8?Q?=0D=0ABcc:_x?=" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(evil); i++) {
		struct mail_address a[] = { { evil[i], "a@x" }, { "b", evil[i] }, { evil[i], "" } };
		struct mail_address from = { "f", "f@x" };

		fields = (struct rebuild){ .from = &from, .n_from = 1, .to = a, .n_to = 3, .subject = evil[i], .text = text };
		n_files = 0;
		spool_free(&file[0]);
		attach(evil[i], slice_str("x"));
		/* From, To, Subject, MIME-Version, Content-Type */
		if (header_lines() != 5)
			fail_msg("%zu: %.*s", i, SLICE_ARG(spool_memory(made)));
		again();
		assert_int_equal(parts.n_bcc, 0);
		assert_int_equal(parts.n_parts, 1);
		assert_int_equal(parts.n_to, 3);
		assert_string_equal(parts.to[0].address, "a@x");
		assert_string_equal(parts.from[0].address, "f@x");
	}
}

static void
em_09_addresses_survive_the_way_there_and_back(void **state)
{
	static const struct mail_address list[] = { { "Anna", "a@x.org" }, { "", "b@y" }, { "Doe, John", "j@z" }, { "J\xc3\xb6rg \xe2\x82\xac", "j@z" },
		{ "undisclosed-recipients", "" }, { "Hidden, all: of them;", "" }, { "\xe6\x97\xa5\xe6\x9c\xac", "" }, { "a \"b\" \\ c", "q@x" },
		{ "", "\"john smith\"@x.org" }, { "v6", "a@[IPv6:::1]" }, { "a@b", "c@d" }, { "x (y) <z>", "c@d" }, { "=?utf-8?Q?x?=", "c@d" },
		{ "", "\xc3\xbc@b\xc3\xbc" "cher.example" } };

	(void)state;
	fields = (struct rebuild){ .to = list, .n_to = COUNT_OF(list), .cc = list, .n_cc = 2, .bcc = list + 2, .n_bcc = 1, .text = text };
	again();
	assert_int_equal(parts.n_to, COUNT_OF(list));
	for (size_t i = 0; i < COUNT_OF(list); i++) {
		assert_string_equal(parts.to[i].name, list[i].name);
		assert_string_equal(parts.to[i].address, list[i].address);
	}
	assert_int_equal(parts.n_cc, 2);
	assert_string_equal(parts.bcc[0].name, "Doe, John");
}

static void
what_is_no_address_becomes_a_name(void **state)
{
	static const struct mail_address list[] = { { "Anna", "a b" }, { "", "root" }, { "X", "/O=ORG/CN=X" }, { " ", "\r\n" } };

	(void)state;
	fields = (struct rebuild){ .to = list, .n_to = 4, .text = text };
	again();
	assert_int_equal(parts.n_to, 3);
	assert_string_equal(parts.to[0].name, "Anna a b");
	assert_string_equal(parts.to[1].name, "root");
	assert_string_equal(parts.to[2].name, "X /O=ORG/CN=X");
}

static void
subjects_survive_the_way_there_and_back(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	static const char *const subjects[] = { "plain", "Gr\xc3\xbc\xc3\x9f", "=?utf-8?Q?not a word?=", "a  b", "x=y?z", ":", "\xf0\x9f\x98\x80" };
	for (size_t i = 0; i < COUNT_OF(subjects); i++) {
		fields.subject = subjects[i];
		again();
		assert_string_equal(parts.subject, subjects[i]);
	}
	for (int kind = 0; kind < 4; kind++) {
		static const char *const pieces[] = { "word ", "\xe2\x82\xac", "x", "Wort\xc3\xbc " };

		buf_reset(&b);
		for (int i = 0; i < 3000; i++)
			buf_add_str(&b, pieces[kind]);
		if (b.data[b.len - 1] == ' ')
			b.data[--b.len] = '\0';
		fields.subject = b.data;
		again();
		assert_string_equal(parts.subject, b.data);
	}
	buf_done(&b);
	fields.subject = " \xff\x01 x ";
	again();
	assert_string_equal(parts.subject, "\xef\xbf\xbd  x");
}

static void
em_15_dates_keep_their_instant(void **state)
{
	static const int64_t dates[] = { -1, 0, 946684799, 946684800, 978307200, 2147558400, 4291747200, -62135596800, 253402300799 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		fields.sent = (struct date){ .known = true, .epoch = dates[i], .zone_min = -300 };
		again();
		assert_true(parts.sent.known);
		assert_int_equal(parts.sent.epoch, dates[i]);
		assert_int_equal(parts.sent.zone_min, 0);
	}
	fields.sent.epoch = INT64_MAX;
	again();
	assert_false(parts.sent.known);
}

static void
a_message_may_be_nothing_but_attachments(void **state)
{
	(void)state;
	fields = (struct rebuild){ .text = NULL };
	attach("a.png", slice_str("PNG"));
	attach("b.txt", slice_str("TXT"));
	again();
	assert_int_equal(parts.text_from, TEXT_NONE);
	assert_int_equal(parts.n_parts, 2);
	check_file(0, "a.png", slice_str("PNG"));
	check_file(1, "b.txt", slice_str("TXT"));
	n_files = 0;
	again();
	assert_int_equal(parts.n_parts, 0);
	check_text(slice_str(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_is_put_together, begin, end),
		cmocka_unit_test_setup_teardown(equal_pieces_give_equal_octets, begin, end),
		cmocka_unit_test_setup_teardown(attachments_come_back_octet_for_octet, begin, end),
		cmocka_unit_test_setup_teardown(texts_come_back_in_every_encoding, begin, end),
		cmocka_unit_test_setup_teardown(a_text_with_control_characters_decodes_to_itself, begin, end),
		cmocka_unit_test_setup_teardown(a_nested_message_is_nested_again_if_it_may_be, begin, end),
		cmocka_unit_test_setup_teardown(nothing_in_a_field_makes_another_field, begin, end),
		cmocka_unit_test_setup_teardown(em_09_addresses_survive_the_way_there_and_back, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_address_becomes_a_name, begin, end),
		cmocka_unit_test_setup_teardown(subjects_survive_the_way_there_and_back, begin, end),
		cmocka_unit_test_setup_teardown(em_15_dates_keep_their_instant, begin, end),
		cmocka_unit_test_setup_teardown(a_message_may_be_nothing_but_attachments, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
