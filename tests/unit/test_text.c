/* Transfer encodings, line ends, and text from HTML; each cut at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/text.h"
#include "mail/transfer.h"

/* ---- transfer encodings ---- */

static struct slice
decode(enum transfer_kind kind, struct slice in, size_t step, bool *ret_damaged)
{
	static struct buf b;
	struct transfer t;

	if (b.max == 0)
		buf_init(&b, 64 << 20);
	buf_reset(&b);
	transfer_start(&t, kind);
	for (size_t at = 0; at < in.len; at += step)
		transfer_step(&t,
		    (struct slice){ in.data + at, in.len - at < step ? in.len - at : step }, &b);
	transfer_end(&t, &b);
	*ret_damaged = t.damaged;
	return buf_slice(&b);
}

static void
gives(enum transfer_kind kind, const char *in, const char *want, size_t len, bool damaged)
{
	size_t n = strlen(in);

	for (size_t step = 1; step <= n + 1; step++) {
		bool d;
		struct slice got = decode(kind, (struct slice){ in, n }, step, &d);

		if (got.len != len || memcmp(got.data, want, len) != 0 || d != damaged)
			fail_msg("'%s' by %zu gives %zu octets '%.*s'%s", in, step, got.len,
			    (int)got.len, got.data, d ? ", damaged" : "");
	}
}

#define GIVES(kind, in, want) gives(TRANSFER_##kind, in, want, sizeof(want) - 1, false)
#define BROKEN(kind, in, want) gives(TRANSFER_##kind, in, want, sizeof(want) - 1, true)

static void
base64_is_decoded(void **state)
{
	(void)state;
	GIVES(BASE64, "", "");
	GIVES(BASE64, "\r\n\r\n", "");
	GIVES(BASE64, "QQ==", "A");
	GIVES(BASE64, "QUI=\r\n", "AB");
	GIVES(BASE64, "QUJD", "ABC");
	GIVES(BASE64, "QU\r\nJDRE\r\n VGQQ \t==\r\n", "ABCDEFA");
	GIVES(BASE64, "AP+AAA==", "\0\xff\x80\0");
}

static void
broken_base64_is_decoded_as_far_as_it_goes(void **state)
{
	(void)state;
	BROKEN(BASE64, "QUJD*QUJD", "ABCABC");
	BROKEN(BASE64, "QUJDQ", "ABC");
	BROKEN(BASE64, "QUJDQQ", "ABCA");
	BROKEN(BASE64, "QUJDQUI", "ABCAB");
	BROKEN(BASE64, "QQ=", "A");
	BROKEN(BASE64, "=", "");
	BROKEN(BASE64, "====QUJD", "ABC");
	BROKEN(BASE64, "QQ==QUJD", "AABC"); /* two texts, one behind the other */
	BROKEN(BASE64, "QQ=QUJD", "AABC");
	BROKEN(BASE64, "QUJD\xff", "ABC");
}

static void
quoted_printable_is_decoded(void **state)
{
	(void)state;
	GIVES(QP, "a=3Db=C3=bc", "a=b\xc3\xbc");
	GIVES(QP, "soft=\r\nbreak=\nhere= \t\r\n.", "softbreakhere.");
	GIVES(QP, "end=", "end");
	GIVES(QP, "end=\r\n", "end");
	GIVES(QP, "trailing  \r\nblanks", "trailing  \r\nblanks");
	BROKEN(QP, "a=b", "a=b");
	BROKEN(QP, "a=4", "a=4");
	BROKEN(QP, "a==41", "a=A");
	BROKEN(QP, "a=  b", "a=  b");
	BROKEN(QP, "=zz", "=zz");
}

static void
endless_blanks_behind_a_soft_break_are_text(void **state)
{
	struct buf b;
	bool damaged;

	(void)state;
	buf_init(&b, 1000);
	buf_add_byte(&b, '=');
	for (int i = 0; i < 500; i++)
		buf_add_byte(&b, ' ');
	assert_int_equal(decode(TRANSFER_QP, buf_slice(&b), 7, &damaged).len, 501);
	assert_true(damaged);
	buf_done(&b);
}

static void
uuencode_is_decoded(void **state)
{
	(void)state;
	GIVES(UU, "begin 644 x\r\n#86)C\r\n`\r\nend\r\n", "abc");
	GIVES(UU, "preamble\nbegin 0644 a b\n#86)C\n$86)C9```\n \nend\nbehind", "abcabcd");
	GIVES(UU, "begin 644 x\n\"``\nend\n", "\0\0"); /* its blanks were cut off */
	BROKEN(UU, "begin 644 x\n#86)C\n", "abc");
	BROKEN(UU, "no beginning\n", "");
	BROKEN(UU, "begin 644 x\nlower case\n#86)C\nend\n", "abc");
}

static void
a_short_uuencoded_line_cannot_overflow(void **state)
{
	struct buf b;
	bool damaged;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "begin 644 x\n");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&b, "M\n");
	assert_int_equal(decode(TRANSFER_UU, buf_slice(&b), 65536, &damaged).len, 4500000);
	buf_done(&b);
}

static void
encodings_are_found_by_their_names(void **state)
{
	static const struct {
		const char *value;
		enum transfer_kind kind;
	} rows[] = { { "base64", TRANSFER_BASE64 }, { " BASE64\r\n", TRANSFER_BASE64 },
		{ "base64; x", TRANSFER_BASE64 }, { "Quoted-Printable", TRANSFER_QP }, { "7bit", TRANSFER_NONE },
		{ "8BIT (comment)", TRANSFER_NONE }, { "", TRANSFER_NONE }, { "binary", TRANSFER_NONE },
		{ "x-uuencode", TRANSFER_UU }, { "x-foo", TRANSFER_UNKNOWN }, { "\"base64\"", TRANSFER_BASE64 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(transfer_find(slice_str(rows[i].value)), rows[i].kind);
}

static void
random_octets_survive_base64(void **state)
{
	char octets[300];
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t n = 0; n < sizeof(octets); n++) {
		bool damaged;

		octets[n] = (char)(n * 167 + 13);
		buf_reset(&b);
		base64_add(&b, (struct slice){ octets, n });
		struct slice got = decode(TRANSFER_BASE64, buf_slice(&b), n % 7 + 1, &damaged);
		assert_int_equal(got.len, n);
		assert_memory_equal(got.data, octets, n);
		assert_false(damaged);
	}
	buf_done(&b);
}

/* ---- line ends ---- */

static void
every_line_end_becomes_crlf(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "" },
		{ "a", "a" },
		{ "a\r\nb", "a\r\nb" },
		{ "a\nb\n", "a\r\nb\r\n" },
		{ "a\rb\r", "a\r\nb\r\n" },
		{ "\r\r\n\n\r", "\r\n\r\n\r\n\r\n" },
		{ "a\n\rb", "a\r\n\r\nb" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = strlen(rows[i].in);

		for (size_t step = 1; step <= n + 1; step++) {
			struct text_lines t = { .cr = false };

			buf_reset(&b);
			for (size_t at = 0; at < n; at += step)
				text_lines_add(&t,
				    (struct slice){ rows[i].in + at,
					n - at < step ? n - at : step },
				    &b);
			if (strcmp(b.data, rows[i].want) != 0)
				fail_msg("row %zu by %zu", i, step);
		}
	}
	buf_done(&b);
}

/* ---- HTML ---- */

static void
html_gives(const char *in, const char *want)
{
	size_t n = strlen(in);
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t step = 1; step <= n + 1; step += step < 4 ? 1 : n) {
		struct html_text h;

		buf_reset(&b);
		html_text_start(&h, &b);
		for (size_t at = 0; at < n; at += step)
			html_text_step(&h,
			    (struct slice){ in + at, n - at < step ? n - at : step });
		html_text_end(&h);
		if (strcmp(b.data, want) != 0)
			fail_msg("'%s' by %zu gives '%s', not '%s'", in, step, b.data, want);
	}
	buf_done(&b);
}

static void
html_becomes_lines_of_text(void **state)
{
	(void)state;
	html_gives("", "");
	html_gives("plain", "plain\r\n");
	html_gives("<html><body>  a \r\n\t b </body></html>", "a b\r\n");
	html_gives("a<br>b<BR/>c<br />d", "a\r\nb\r\nc\r\nd\r\n");
	html_gives("<p>a</p><p>b</p>", "a\r\n\r\nb\r\n");
	html_gives("<div>a</div><div>b<div>c</div></div>d", "a\r\nb\r\nc\r\nd\r\n");
	html_gives("<ul><li>a</li><li>b</li></ul>c", "* a\r\n* b\r\n\r\nc\r\n");
	html_gives("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\r\nc\r\n");
	html_gives("a<br><br><br><br><br><br>b", "a\r\n\r\n\r\nb\r\n");
	html_gives("<pre>a\n  b\r\n\tc</pre>d", "a\r\n  b\r\n c\r\nd\r\n");
	html_gives("<b>a</b><i>b</i> <a href='x>y' title=\"<p>\">c</a>", "ab c\r\n");
}

static void
what_is_not_for_people_is_left_out(void **state)
{
	(void)state;
	html_gives("<head><title>t</title><style>p{a:b}</style><meta x></head>a", "a\r\n");
	html_gives("<script>if (a<b) '</p>' </scrip </SCRIPT >a", "a\r\n");
	html_gives("a<!-- <p>b</p> -- > - -->c<!-->d<!---->e", "acde\r\n");
	html_gives("a<!DOCTYPE html><?xml x?><![endif]>b", "ab\r\n");
	html_gives("<!--[if mso]><xml>x</xml><![endif]-->a", "a\r\n");
	html_gives("<xml><o:p>x</o:p></xml>a", "a\r\n");
	html_gives("<head><title>t</title>never closed", "never closed\r\n");
	html_gives("<style>never closed", "");
}

static void
entities_are_decoded(void **state)
{
	(void)state;
	html_gives("&lt;p&gt; &amp;amp; &quot;&apos;&copy;&Auml;&euro;&hearts;",
	    "<p> &amp; \"'\xc2\xa9\xc3\x84\xe2\x82\xac\xe2\x99\xa5\r\n");
	html_gives("&#65;&#x42;&#X43;&#8364;&#128512;", "ABC\xe2\x82\xac\xf0\x9f\x98\x80\r\n");
	html_gives("&#128;&#150;", "\xe2\x82\xac\xe2\x80\x93\r\n"); /* as everybody takes them */
	html_gives("a&nbsp;&nbsp; b", "a   b\r\n");
	html_gives("&copy 2026 &amp", "\xc2\xa9 2026 &\r\n");
	html_gives("AT&T &unknown; &;& &#; &#x; &#xd800;", "AT&T &unknown; &;& &#; &#x; \xef\xbf\xbd\r\n");
	html_gives("&#13;&#10;a&#0;b&shy;c", "a&#0;bc\r\n");
	html_gives("&#99999999999999999999;", "&#9999999999999999999" "9;\r\n");
}

static void
broken_html_loses_no_text(void **state)
{
	(void)state;
	html_gives("1 < 2 and 3<4 <", "1 < 2 and 3<4 <\r\n");
	html_gives("a</", "a</\r\n");
	html_gives("a</>b", "ab\r\n");
	html_gives("a<b<c>d", "ad\r\n");
	html_gives("<averyveryveryverylongelementname>a", "a\r\n");
	html_gives("<p =\"x\">a<p '\">b", "a\r\n\r\nb\r\n");
}

static void
html_is_bounded_whatever_it_holds(void **state)
{
	static const char *const pieces[] = { "<li>", "<br>", "<p>", "&#x80;", "<pre>\n", "<", "&", "<td>a", "</", "<!--", "\xc3\xbc" };
	unsigned seed = 3;
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&out, 8 << 20);
	for (size_t i = 0; i < COUNT_OF(pieces) * 4; i++) {
		struct html_text h;

		buf_reset(&in);
		buf_reset(&out);
		while (in.len < 100000) {
			seed = seed * 1103515245u + 12345;
			buf_add_str(&in, pieces[i < COUNT_OF(pieces) ? i : (seed >> 16) % COUNT_OF(pieces)]);
		}
		html_text_start(&h, &out);
		html_text_step(&h, buf_slice(&in));
		html_text_end(&h);
		assert_true(out.len <= in.len * 2 + 64);
		assert_true(utf8_valid(buf_slice(&out)));
	}
	buf_done(&in);
	buf_done(&out);
}

static void
html_names_its_charset(void **state)
{
	struct slice name = { "", 0 };

	(void)state;
	assert_true(html_charset(slice_str("<meta charset='koi8-r'>"), &name));
	assert_true(slice_eq(name, "koi8-r"));
	assert_true(html_charset(
	    slice_str("<META http-equiv=Content-Type content=\"text/html; CHARSET=utf-8\">"), &name));
	assert_true(slice_eq(name, "utf-8"));
	assert_false(html_charset(slice_str("<meta charset"), &name));
	assert_false(html_charset(slice_str("<meta charset=''>"), &name));
	assert_false(html_charset(slice_str(""), &name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_decoded),
		cmocka_unit_test(broken_base64_is_decoded_as_far_as_it_goes),
		cmocka_unit_test(quoted_printable_is_decoded),
		cmocka_unit_test(endless_blanks_behind_a_soft_break_are_text),
		cmocka_unit_test(uuencode_is_decoded),
		cmocka_unit_test(a_short_uuencoded_line_cannot_overflow),
		cmocka_unit_test(encodings_are_found_by_their_names),
		cmocka_unit_test(random_octets_survive_base64),
		cmocka_unit_test(every_line_end_becomes_crlf),
		cmocka_unit_test(html_becomes_lines_of_text),
		cmocka_unit_test(what_is_not_for_people_is_left_out),
		cmocka_unit_test(entities_are_decoded),
		cmocka_unit_test(broken_html_loses_no_text),
		cmocka_unit_test(html_is_bounded_whatever_it_holds),
		cmocka_unit_test(html_names_its_charset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
