/* Messages taken apart: what is the text, what an attachment, and nothing lost whatever they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/parts.h"
#include "tempdir.h"

static struct spool *message, *octets;
static struct mail_parts parts;

static int
begin(void **state)
{
	(void)state;
	message = spool_new(-1, SIZE_MAX);
	octets = spool_new(-1, SIZE_MAX);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	parts_close(&parts);
	spool_free(&message);
	spool_free(&octets);
	return 0;
}

static void
read_slice(struct slice text)
{
	struct err err = { .text = "" };

	parts_close(&parts);
	spool_reset(message);
	if (spool_add(message, text, &err) < 0 || parts_open(&parts, message, &err) < 0)
		fail_msg("%s", err.text);
}

/* A message of LF lines, sent with CRLF. */
static void
read_lines(const char *text)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			buf_add_byte(&b, '\r');
		buf_add_byte(&b, *text);
	}
	read_slice(buf_slice(&b));
	buf_done(&b);
}

static struct slice
text_now(void)
{
	struct err err = { .text = "" };

	spool_reset(octets);
	if (parts_text(&parts, octets, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(utf8_valid(spool_memory(octets)));
	return spool_memory(octets);
}

static struct slice
octets_of(size_t i)
{
	struct err err = { .text = "" };

	assert_true(i < parts.n_parts);
	spool_reset(octets);
	if (parts_octets(&parts, i, octets, &err) < 0)
		fail_msg("%s", err.text);
	return spool_memory(octets);
}

static void
equal(struct slice got, const char *want)
{
	if (!slice_eq(got, want))
		fail_msg("'%.*s' is not '%s'", SLICE_ARG(got), want);
}

#define TEXT(want) equal(text_now(), want)
#define PART(i, name_, type_, want) \
	do { \
		equal(octets_of(i), want); \
		assert_string_equal(parts.part[i].name, name_); \
		assert_string_equal(parts.part[i].content_type, type_); \
	} while (0)

/* ---- what is what ---- */

static void
plain_mail_is_its_text(void **state)
{
	(void)state;
	read_lines("From: Anna <a@x>\nTo: b@y, C <c@z>\nCc: d@w\nBcc: e@v\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n"
		   "Date: Sat, 14 Mar 2015 09:26:53 +0100\nMessage-ID: <1@x>\n\nHello\n\nWorld\n");
	assert_int_equal(parts.text_from, TEXT_PLAIN);
	assert_int_equal(parts.n_parts, 0);
	TEXT("Hello\r\n\r\nWorld\r\n");
	assert_string_equal(parts.from[0].name, "Anna");
	assert_string_equal(parts.from[0].address, "a@x");
	assert_int_equal(parts.n_to, 2);
	assert_string_equal(parts.to[1].name, "C");
	assert_string_equal(parts.cc[0].address, "d@w");
	assert_string_equal(parts.bcc[0].address, "e@v");
	assert_string_equal(parts.subject, "Gr\xc3\xbc\xc3\x9f" "e");
	assert_string_equal(parts.message_id, "<1@x>");
	assert_true(parts.sent.known && parts.sent.epoch == 1426321613 && parts.sent.zone_min == 60);
}

static void
nothing_is_nothing(void **state)
{
	static const char *const empty[] = { "", "\r\n", "\n", "Subject: x", "Subject: x\r\n", "\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(empty); i++) {
		read_slice(slice_str(empty[i]));
		assert_int_equal(parts.n_parts, 0);
		assert_true(text_now().len <= 2);
		assert_non_null(parts.subject);
		assert_non_null(parts.message_id);
	}
	struct mail_parts none = { .n_parts = 0 };
	parts_close(&none);
}

#define TWO_FORMS \
	"Content-Type: multipart/alternative; boundary=b\n\n" \
	"--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n"

static void
em_24_html_is_never_put_into_the_text(void **state)
{
	(void)state;
	read_lines(TWO_FORMS);
	assert_int_equal(parts.text_from, TEXT_PLAIN);
	TEXT("plain");
	assert_int_equal(parts.n_parts, 1);
	PART(0, "body.html", "text/html", "<p>html</p>");
	assert_true(parts.part[0].is_html_of_text);
	assert_false(parts.part[0].name_made);
	read_lines("Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
		   "<p>caf=E9 &amp; bar</p><p>x</p>");
	assert_int_equal(parts.text_from, TEXT_HTML);
	TEXT("caf\xc3\xa9 & bar\r\n\r\nx\r\n");
	PART(0, "body.html", "text/html", "<p>caf\xe9 &amp; bar</p><p>x</p>");
	read_lines("Content-Type: text/rtf\n\n{\\rtf1}");
	assert_int_equal(parts.text_from, TEXT_NONE);
	TEXT("");
	PART(0, "attachment-1.rtf", "text/rtf", "{\\rtf1}");
	assert_true(parts.part[0].name_made);
}

static void
the_first_text_counts_and_the_plain_one_of_two_forms(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html</p>\n"
		   "--b\nContent-Type: text/plain\n\nplain\n--b--\n");
	TEXT("plain");
	PART(0, "body.html", "text/html", "<p>html</p>");
	assert_true(parts.part[0].is_html_of_text);
	/* The footer of a mailing list is not the text of an HTML mail. */
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html</p>\n"
		   "--b\nContent-Type: text/plain\n\nfooter\n--b--\n");
	assert_int_equal(parts.text_from, TEXT_HTML);
	TEXT("html\r\n");
	assert_int_equal(parts.n_parts, 2);
	PART(1, "attachment-2.txt", "text/plain", "footer");
	/* An empty plain form, as some mailers add to HTML. */
	read_lines("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n \n\n"
		   "--b\nContent-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\n<p>html</p>\n"
		   "--c\nContent-Type: image/png\nContent-ID: <i@x>\n\nPNG\n--c--\n--b--\n");
	assert_int_equal(parts.text_from, TEXT_HTML);
	TEXT("html\r\n");
	assert_int_equal(parts.n_parts, 2);
	PART(0, "body.html", "text/html", "<p>html</p>");
	PART(1, "attachment-2.png", "image/png", "PNG");
	assert_string_equal(parts.part[1].content_id, "i@x");
}

static void
a_text_file_is_an_attachment_with_its_own_octets(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n"
		   "--b\nContent-Type: text/plain; charset=utf-16le\nContent-Disposition: attachment\n\nx\n"
		   "--b\nContent-Type: text/plain; charset=koi8-r; name=\"a.txt\"\n\n\xd0\xd2\nline\n"
		   "--b\nContent-Type: text/plain\n\nthe text\n"
		   "--b--\n");
	TEXT("the text");
	assert_int_equal(parts.n_parts, 2);
	PART(0, "attachment-1.txt", "text/plain", "x");
	PART(1, "a.txt", "text/plain", "\xd0\xd2\r\nline");
	/* But a message that is nothing else is read. */
	read_lines("Content-Type: text/plain; name=\"a.txt\"\n\nthe text\n");
	TEXT("the text\r\n");
	read_lines("Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nfile");
	assert_int_equal(parts.text_from, TEXT_NONE);
	PART(0, "a.txt", "text/plain", "file");
}

static void
a_nested_message_is_one_attachment_named_after_its_subject(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/rfc822\n\n"
		   "Subject: Re: 1/2 =?utf-8?Q?=C3=BC?=\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--c--\n\n"
		   "--b\nContent-Type: message/rfc822; name=given.eml\n\nSubject: x\n\n\n"
		   "--b\nContent-Type: message/rfc822\n\nFrom: x\n\n--b--\n");
	TEXT("text");
	assert_int_equal(parts.n_parts, 3);
	PART(0, "Re: 1_2 \xc3\xbc.eml", "message/rfc822",
	    "Subject: Re: 1/2 =?utf-8?Q?=C3=BC?=\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--c--\r\n");
	assert_false(parts.part[0].name_made);
	PART(1, "given.eml", "message/rfc822", "Subject: x\r\n\r\n");
	PART(2, "attachment-3.eml", "message/rfc822", "From: x\r\n");
	assert_true(parts.part[2].name_made);
	read_lines("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b\nContent-Type: text/plain\n\nx\n--b--\n");
	TEXT("x");
	PART(0, "one.eml", "message/rfc822", "Subject: one\r\n\r\n1");
}

#define SIGNED_PART \
	"Content-Type: multipart/signed; protocol=\"application/pgp-signature\";\n boundary=s\n\npreamble\n" \
	"--s\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nsigned text \n" \
	"--a\nContent-Type: text/html\n\n<b>x</b>\n--a--\n" \
	"--s\nContent-Type: application/pgp-signature\n\nSIG\n--s--\nepilogue"

static void
signed_and_encrypted_mail_is_carried_whole(void **state)
{
	struct buf want;

	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n" SIGNED_PART "\n--b\nContent-Type: image/gif\n\nGIF\n--b--\n");
	TEXT("signed text ");
	assert_int_equal(parts.n_parts, 2);
	buf_init(&want, 10000);
	for (const char *p = SIGNED_PART; *p != '\0'; p++) {
		if (*p == '\n')
			buf_add_byte(&want, '\r');
		buf_add_byte(&want, *p);
	}
	PART(0, "signed.eml", "multipart/signed", want.data);
	assert_true(parts.part[0].whole);
	assert_false(parts.part[0].name_made || parts.part[0].damaged);
	PART(1, "attachment-2.gif", "image/gif", "GIF");
	buf_done(&want);
	read_lines("Subject: s\nContent-Type: multipart/encrypted; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\n"
		   "Version: 1\n--e\n\nSECRET\n--e--\n");
	assert_int_equal(parts.text_from, TEXT_NONE);
	assert_int_equal(parts.n_parts, 1);
	assert_string_equal(parts.part[0].name, "encrypted.eml");
	assert_true(parts.part[0].whole);
	assert_int_equal(octets_of(0).len, spool_len(message));
	assert_memory_equal(octets_of(0).data, "Subject: s\r\n", 12);
	read_lines("Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nTUlNRQ==\n");
	PART(0, "smime.p7m", "application/pkcs7-mime", "MIME");
}

static void
em_51_calendar_and_other_parts_are_not_altered(void **state)
{
	static const char calendar[] = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VALARM\r\nEND:VALARM\nx\rEND:VCALENDAR\r\n";
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	buf_printf(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
		       "Content-Type: text/calendar; method=REQUEST; charset=utf-16\r\n\r\n%s\r\n--b\r\n"
		       "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n",
	    calendar);
	read_slice(buf_slice(&b));
	TEXT("text");
	PART(0, "attachment-1.ics", "text/calendar", calendar);
	assert_int_equal(octets_of(1).len, 3);
	assert_memory_equal(octets_of(1).data, "\0\1\2", 3);
	assert_string_equal(parts.part[1].name, "winmail.dat");
	buf_done(&b);
}

/* ---- names ---- */

static const char *
name_given(const char *name)
{
	struct buf b;

	buf_init(&b, 100000);
	buf_printf(&b, "Content-Type: application/pdf\r\nContent-Disposition: attachment; %s\r\n\r\nx", name);
	read_slice(buf_slice(&b));
	buf_done(&b);
	assert_int_equal(parts.n_parts, 1);
	return parts.part[0].name;
}

static void
em_20_attachments_keep_their_names(void **state)
{
	(void)state;
	assert_string_equal(name_given("filename=a.pdf"), "a.pdf");
	assert_string_equal(name_given("filename*=utf-8''%E2%82%AC.pdf"), "\xe2\x82\xac.pdf");
	assert_string_equal(name_given("filename=\"=?utf-8?B?4oKsLnBkZg==?=\""), "\xe2\x82\xac.pdf");
	read_lines("Content-Type: image/png; name=\"type.png\"\nContent-Disposition: attachment; filename=disp.png\n\nx");
	assert_string_equal(parts.part[0].name, "disp.png");
	read_lines("Content-Disposition: attachment\nContent-Type: image/png; name=\"type.png\"\n\nx");
	assert_string_equal(parts.part[0].name, "type.png");
}

static void
em_19_an_attachment_without_a_name_gets_one(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/x-foo\n\n1\n"
		   "--b\nContent-Type: image/jpeg\n\n2\n--b\nContent-Type: nonsense\nContent-Disposition: attachment\n\n3\n--b--\n");
	assert_int_equal(parts.n_parts, 3);
	PART(0, "attachment-1.bin", "application/x-foo", "1");
	PART(1, "attachment-2.jpg", "image/jpeg", "2");
	PART(2, "attachment-3.txt", "text/plain", "3");
	for (size_t i = 0; i < 3; i++)
		assert_true(parts.part[i].name_made);
}

static void
names_are_plain_file_names(void **state)
{
	struct buf b;

	(void)state;
	assert_string_equal(name_given("filename=\"/etc/passwd\""), "passwd");
	assert_string_equal(name_given("filename=\"..\\\\..\\\\x.exe\""), "x.exe");
	assert_string_equal(name_given("filename=\"C:\\dir\\x.exe\""), "x.exe");
	assert_string_equal(name_given("filename*=utf-8''a%0D%0Ab%00c%1b%7f%C2%85.pdf"), "abc.pdf");
	assert_string_equal(name_given("filename*=utf-8''gnp%E2%80%AEcod.exe"), "gnpcod.exe");
	static const char *const none[] = { "..", ".", "a/", "/", "  ", "%00", "../..", "%C2%80" };
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		char value[64];

		snprintf(value, sizeof(value), "filename*=utf-8''%s", none[i]);
		assert_string_equal(name_given(value), "attachment-1.pdf");
		assert_true(parts.part[0].name_made);
	}
	buf_init(&b, 100000);
	buf_add_str(&b, "filename*=utf-8''");
	for (int i = 0; i < 400; i++)
		buf_add_str(&b, "%E2%82%AC");
	buf_add_str(&b, ".pdf");
	const char *name = name_given(b.data);
	assert_true(strlen(name) <= PARTS_NAME_MAX && strlen(name) > PARTS_NAME_MAX - 4);
	assert_string_equal(name + strlen(name) - 4, ".pdf");
	assert_true(utf8_valid(slice_str(name)));
	buf_done(&b);
}

/* ---- header ---- */

static void
em_09_no_recipient_disappears(void **state)
{
	(void)state;
	read_lines("To: \"Doe, J\" <j@x>, broken broken@\nTo: second@y\nCc: Team: a@x, b@x;\nBcc: undisclosed-recipients:;\n\n");
	assert_int_equal(parts.n_to, 3);
	assert_string_equal(parts.to[0].name, "Doe, J");
	assert_string_equal(parts.to[1].name, "broken broken@");
	assert_string_equal(parts.to[2].address, "second@y");
	assert_int_equal(parts.n_cc, 2);
	assert_string_equal(parts.bcc[0].name, "undisclosed-recipients");
	assert_int_equal(parts.n_from, 0);
	read_lines("Sender: s@x\n\n");
	assert_string_equal(parts.from[0].address, "s@x");
	assert_int_equal(parts.n_others, 0);
	read_lines("Sender: s@x\nFrom: f@x\n\n");
	assert_int_equal(parts.n_from, 1);
	assert_string_equal(parts.from[0].address, "f@x");
	assert_string_equal(parts.others[0], "Sender");
}

static void
em_14_dates_that_are_none_are_not_known(void **state)
{
	static const char *const none[] = { "", "-1", "soon", "\xff" };
	char header[100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		snprintf(header, sizeof(header), "Date: %s\n\nx", none[i]);
		read_lines(header);
		assert_false(parts.sent.known);
		TEXT("x");
	}
	read_lines("Date: Mon, 1 Jan 0001 00:00:00 +0000\n\n");
	assert_true(!parts.sent.known || parts.sent.epoch == -62135596800);
	read_lines("Date: Fri, 31 Dec 9999 23:59:59 +0000\n\n");
	assert_true(parts.sent.known && parts.sent.epoch == 253402300799);
}

static void
priority_is_read_in_its_order(void **state)
{
	static const struct {
		const char *header;
		int priority;
		bool known;
	} rows[] = {
		{ "X: y\n", 0, false },
		{ "X-Priority: 1 (Highest)\n", 1, true },
		{ "X-Priority: 2\n", 1, true },
		{ "X-Priority: 3\n", 0, true },
		{ "X-Priority: 4\n", -1, true },
		{ "X-Priority: 5\n", -1, true },
		{ "X-Priority: 9\n", 0, false },
		{ "X-MSMail-Priority: High\n", 1, true },
		{ "Priority: urgent\n", 1, true },
		{ "Priority: non-urgent\n", -1, true },
		{ "Importance: low\n", -1, true },
		{ "X-MSMail-Priority: High\nX-Priority: 5\nImportance: normal\nPriority: urgent\n", 0, true },
		{ "X-MSMail-Priority: High\nX-Priority: 5\n", -1, true },
		{ "Importance: ?\nPriority: urgent\n", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		read_lines(rows[i].header);
		if (parts.priority != rows[i].priority || parts.priority_known != rows[i].known)
			fail_msg("row %zu: %d", i, parts.priority);
		assert_int_equal(parts.n_others, strncmp(rows[i].header, "X:", 2) == 0);
	}
}

static void
em_23_other_fields_are_named_once(void **state)
{
	struct buf b;

	(void)state;
	read_lines("Received: a\nReply-To: r@x\nRECEIVED: b\nFrom: f@x\nTo: t\nCc: c\nBcc: b\nSubject: s\nDate: d\n"
		   "Message-ID: <1@x>\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Language: de\nX-Y : z\n\n");
	assert_int_equal(parts.n_others, 4);
	assert_string_equal(parts.others[0], "Received");
	assert_string_equal(parts.others[1], "Reply-To");
	assert_string_equal(parts.others[2], "Message-ID");
	assert_string_equal(parts.others[3], "X-Y");
	buf_init(&b, 4 << 20);
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "X-%d: y\r\n", i % 50000);
	read_slice(buf_slice(&b));
	assert_int_equal(parts.n_others, PARTS_OTHERS_MAX);
	buf_done(&b);
}

/* ---- damage ---- */

static void
em_39_a_body_is_never_empty_because_its_structure_is_broken(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed\n\nno boundary\n");
	TEXT("no boundary\r\n");
	read_lines("Content-Type: multipart/mixed; boundary=b\n\nthe boundary never comes\n--c\n");
	TEXT("the boundary never comes\r\n--c\r\n");
	read_lines("Content-Type: multipart/mixed; boundary=b\n\nonly the end\n--b--\n");
	TEXT("only the end\r\n--b--\r\n");
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nno end");
	TEXT("no end");
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\nlost\n--b\n\ntext\n--b--");
	TEXT("lost");
	assert_int_equal(parts.n_parts, 1);
	PART(0, "attachment-1.txt", "text/plain", "text");
	read_lines("Subject: x\nno blank line\n");
	TEXT("no blank line\r\n");
	read_lines("Content-Type: multipart/mixed; boundary=b\n--b\nno blank line\n--b\nContent-Type: image/png\n--b--\n");
	TEXT("no blank line");
	assert_int_equal(parts.n_parts, 1);
	read_lines("Content-Type: text\n\nold form\n");
	TEXT("old form\r\n");
	/* A part behind the end, as some gateways make it. */
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n\n--b\nContent-Type: image/png\n\ntwo\n--b--\n");
	TEXT("one");
	PART(0, "attachment-1.png", "image/png", "two");
}

static void
boundaries_that_look_alike_are_told_apart(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: multipart/mixed; boundary=\"bb\"\n\n"
		   "--bb\n\n--b-\n--bbb\n --b\n--b x\n-b\n--bb  \nContent-Type: image/png\n\nx\n--bb--\t\n--b\nContent-Type: image/gif\n\ny\n--b--\n");
	TEXT("--b-\r\n--bbb\r\n --b\r\n--b x\r\n-b");
	assert_int_equal(parts.n_parts, 2);
	PART(0, "attachment-1.png", "image/png", "x");
	PART(1, "attachment-2.gif", "image/gif", "y");
	/* One boundary for two levels. */
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n"
		   "--b\n\nx\n--b--\n--b\nContent-Type: image/gif\n\ny\n--b--\n");
	TEXT("x");
	PART(0, "attachment-1.gif", "image/gif", "y");
}

static void
em_21_a_broken_part_spoils_only_itself(void **state)
{
	(void)state;
	read_lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n"
		   "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nQUJD*QUJ\n"
		   "--b\nContent-Type: image/png\nContent-Transfer-Encoding: x-made-up\n\nas it is\n"
		   "--b\nContent-Type: image/png\nContent-Transfer-Encoding: uuencode\n\nno beginning\n"
		   "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nQUJD\n--b--\n");
	PART(0, "attachment-1.png", "image/png", "ABCAB");
	PART(1, "attachment-2.png", "image/png", "as it is");
	PART(2, "attachment-3.png", "image/png", "no beginning");
	PART(3, "attachment-4.png", "image/png", "ABC");
	assert_true(parts.part[0].damaged && parts.part[1].damaged && parts.part[2].damaged);
	assert_false(parts.part[3].damaged);
	read_lines("Content-Transfer-Encoding: base64\n\nQUJD*");
	TEXT("ABC");
	assert_true(parts.text_damaged);
	read_lines("Content-Transfer-Encoding: uuencode\n\nno beginning\n");
	TEXT("no beginning\r\n");
	assert_true(parts.text_damaged);
}

static void
em_13_what_looks_like_a_marker_is_content(void **state)
{
	static const char marks[] = "Body,5,,TRUE,,,\r\nMAILMESSAGE,x\r\n!\r\n.\r\nFrom x\r\n\x1a\r\nbegin 644 x\r\n#86)C\r\nend\r\n";
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	buf_printf(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Type: text/x-a\r\n\r\n%s\r\n--b--\r\n",
	    marks, marks);
	read_slice(buf_slice(&b));
	TEXT(marks);
	PART(0, "attachment-1.txt", "text/x-a", marks);
	buf_done(&b);
}

static void
em_22_sizes_and_lines_in_headers_are_ignored(void **state)
{
	(void)state;
	read_lines("Content-Length:  - 1 \nLines: 99999999999999\nContent-Type: text/plain\n\nall of it\n");
	TEXT("all of it\r\n");
}

static void
text_is_utf8_with_crlf_whatever_it_was(void **state)
{
	(void)state;
	read_slice((struct slice){ "A: b\n\na\rb\nc\0d", 13 });
	struct slice text = text_now();
	assert_int_equal(text.len, 9);
	assert_memory_equal(text.data, "a\r\nb\r\nc\0d", 9);
	read_lines("Content-Type: text/plain; charset=no-such\n\n\xe9\n");
	TEXT("\xc3\xa9\r\n");
	read_lines("Content-Type: text/plain; charset=utf-8\n\n\xe9\n");
	TEXT("\xef\xbf\xbd\r\n");
	read_lines("Content-Type: text/plain; charset=utf-8\n\n\xef\xbb\xbfmark\n");
	TEXT("mark\r\n");
	read_lines("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nYQANAAoAZTBgAA==\n");
	TEXT("a\r\n\xe3\x81\xa5`");
	read_lines("Content-Type: text/html\n\n<meta charset=koi8-r>\xd0\xd2\n");
	TEXT("\xd0\xbf\xd1\x80\r\n");
}

/* ---- limits ---- */

static void
em_48_ten_thousand_parts_are_bounded_and_whole(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	buf_add_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "--b\r\nContent-Type: image/png\r\n\r\npart %d\r\n", i);
	buf_add_str(&b, "--b--\r\n");
	read_slice(buf_slice(&b));
	assert_int_equal(parts.n_parts, PARTS_MAX);
	equal(octets_of(PARTS_MAX - 2), "part 4094");
	assert_false(parts.part[PARTS_MAX - 2].damaged);
	struct slice rest = octets_of(PARTS_MAX - 1);
	assert_true(slice_starts_nocase(rest, "Content-Type: image/png\r\n\r\npart 4095\r\n--b\r\n"));
	assert_true(slice_has_nocase(rest, "part 9999\r\n--b--\r\n"));
	assert_true(parts.part[PARTS_MAX - 1].whole && parts.part[PARTS_MAX - 1].damaged);
	assert_string_equal(parts.part[PARTS_MAX - 1].name, "attachment-4096.bin");
	buf_done(&b);
}

static void
nesting_is_bounded_and_whole(void **state)
{
	static const char *const kinds[] = { "mixed", "alternative", "signed", "digest" };
	struct buf b;

	(void)state;
	buf_init(&b, 32 << 20);
	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		buf_reset(&b);
		int depth = k == 0 ? 100000 : 1000;

		for (int i = 0; i < depth; i++)
			buf_printf(&b, "Content-Type: multipart/%s; boundary=b%d\r\n\r\n--b%d\r\n", kinds[k], i, i);
		buf_add_str(&b, "\r\ninnermost\r\n");
		for (int i = depth - 1; i >= 0; i--)
			buf_printf(&b, "--b%d--\r\n", i);
		read_slice(buf_slice(&b));
		assert_int_equal(parts.n_parts, 1);
		assert_true(parts.part[0].whole);
		assert_true(slice_has_nocase(octets_of(0), "\r\ninnermost\r\n--b"));
	}
	buf_reset(&b);
	for (int i = 0; i < 300000; i++)
		buf_add_str(&b, "Content-Type: message/rfc822\r\n\r\n");
	read_slice(buf_slice(&b));
	assert_int_equal(parts.n_parts, 1);
	/* One boundary for all levels. */
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
	buf_add_str(&b, "\r\ninnermost\r\n");
	read_slice(buf_slice(&b));
	assert_true(slice_has_nocase(octets_of(parts.n_parts - 1), "innermost"));
	buf_done(&b);
}

static void
headers_are_bounded_and_whole(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64 << 20);
	buf_add_str(&b, "Subject: ");
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&b, 'x');
	buf_add_str(&b, "\r\nFrom: a@x\r\n\r\ntext");
	read_slice(buf_slice(&b));
	assert_int_equal(strlen(parts.subject), 1000000);
	assert_string_equal(parts.from[0].address, "a@x");
	TEXT("text");
	/* A header that is larger than allowed. */
	buf_reset(&b);
	buf_add_str(&b, "Subject: first\r\nX: ");
	for (int i = 0; i < PARTS_HEADER_MAX; i++)
		buf_add_byte(&b, (char)('a' + i % 26));
	buf_add_str(&b, "\r\n\r\ntext");
	read_slice(buf_slice(&b));
	assert_string_equal(parts.subject, "first");
	assert_int_equal(parts.n_parts, 1);
	assert_int_equal(parts.text_from, TEXT_NONE);
	assert_int_equal(octets_of(0).len, b.len);
	assert_true(parts.part[0].whole && parts.part[0].damaged);
	/* So is that of a part. */
	buf_reset(&b);
	buf_add_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nX: ");
	for (int i = 0; i < PARTS_HEADER_MAX; i++)
		buf_add_byte(&b, 'a');
	buf_add_str(&b, "\r\n\r\nx\r\n--b\r\nContent-Type: image/png\r\n\r\ny\r\n--b--\r\n");
	read_slice(buf_slice(&b));
	TEXT("text");
	assert_int_equal(parts.n_parts, 2);
	assert_int_equal(octets_of(0).len, PARTS_HEADER_MAX + 8);
	PART(1, "attachment-2.png", "image/png", "y");
	buf_done(&b);
}

static void
headers_of_many_fields_are_bounded(void **state)
{
	struct err err = { .text = "" };
	struct buf b;

	(void)state;
	buf_init(&b, 64 << 20);
	while (b.len < PARTS_HEADER_MAX - 100)
		buf_add_str(&b, "To: =?utf-8?B?4oKs?= <a@b>\r\nX: y\r\n");
	buf_add_str(&b, "\r\ntext");
	read_slice(buf_slice(&b));
	assert_true(parts.n_to > 60000);
	TEXT("text");
	buf_reset(&b);
	for (int i = 0; b.len < PARTS_HEADER_MAX - 100; i++)
		buf_printf(&b, "Bcc: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v\r\nCc: 1,2,3,4,5,6,7,8\r\nTo: 1,2,3,4,5,6,7,8,9\r\n");
	parts_close(&parts);
	spool_reset(message);
	assert_int_equal(spool_add(message, buf_slice(&b), &err), 0);
	if (parts_open(&parts, message, &err) < 0)
		assert_int_equal(err.kind, ERR_MESSAGE); /* never a crash, never more memory */
	buf_done(&b);
}

/* ---- files ---- */

static void
what_lies_in_a_file_is_read_alike(void **state)
{
	int dir = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = { .text = "" };
	struct buf b, dashes;

	(void)state;
	buf_init(&b, 8 << 20);
	buf_init(&dashes, 8 << 20);
	while (dashes.len < 200000)
		buf_add_str(&dashes, "---------------------------------------------------------------------\n");
	/* The boundary crosses the end of a window in every way. */
	for (size_t pad = 131072 - 200; pad < 131072 + 60; pad++) {
		struct spool *file = spool_new(dir, 0), *out = spool_new(-1, SIZE_MAX);
		struct mail_parts p;

		buf_reset(&b);
		buf_add_str(&b, "Content-Type: multipart/mixed; boundary=bound\r\n\r\n--bound\r\n\r\n");
		buf_add(&b, dashes.data, pad);
		buf_add_str(&b, "\r\n--bound  \r\nContent-Type: image/png\r\n\r\nPNG\r\n--bound--\r\n");
		assert_int_equal(spool_add(file, buf_slice(&b), &err), 0);
		assert_int_equal(parts_open(&p, file, &err), 0);
		assert_int_equal(p.n_parts, 1);
		assert_int_equal(parts_octets(&p, 0, out, &err), 0);
		equal(spool_memory(out), "PNG");
		parts_close(&p);
		spool_free(&file);
		spool_free(&out);
	}
	buf_done(&b);
	buf_done(&dashes);
	close(dir);
}

static size_t
peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (size_t)u.ru_maxrss;
}

static void
add_line_many_times(struct spool *s, const char *line, size_t total)
{
	struct err err;
	struct buf b;

	buf_init(&b, 2 << 20);
	while (b.len < 1 << 20)
		buf_add_str(&b, line);
	for (size_t at = 0; at < total; at += b.len)
		assert_int_equal(spool_add(s, buf_slice(&b), &err), 0);
	buf_done(&b);
}

static void
memory_does_not_grow_with_an_attachment_of_200_mib(void **state)
{
	static const char *const encodings[] = { "base64", "8bit", "quoted-printable" };
	int dir = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool *file = spool_new(dir, 1 << 20), *out = spool_new(dir, 1 << 20);
	struct mail_parts p;
	struct err err = { .text = "" };
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < COUNT_OF(encodings); i++) {
		size_t before = peak_kib();

		spool_reset(file);
		buf_reset(&b);
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png\r\n"
			       "Content-Transfer-Encoding: %s\r\n\r\n", encodings[i]);
		assert_int_equal(spool_add(file, buf_slice(&b), &err), 0);
		add_line_many_times(file, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n", i == 0 ? 200u << 20 : 40u << 20);
		assert_int_equal(spool_add(file, slice_str("\r\n--b--\r\n"), &err), 0);
		assert_int_equal(parts_open(&p, file, &err), 0);
		assert_int_equal(p.n_parts, 1);
		spool_reset(out);
		assert_int_equal(parts_octets(&p, 0, out, &err), 0);
		assert_false(p.part[0].damaged);
		assert_true(spool_len(out) > (i == 0 ? 140u : 35u) << 20);
		parts_close(&p);
		if (peak_kib() - before > 16 * 1024)
			fail_msg("%zu KiB more for %s", peak_kib() - before, encodings[i]);
	}
	buf_done(&b);
	spool_free(&file);
	spool_free(&out);
	close(dir);
}

static void
memory_does_not_grow_with_a_text_of_40_mib(void **state)
{
	int dir = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool *file = spool_new(dir, 1 << 20), *out = spool_new(dir, 1 << 20);
	struct mail_parts p;
	struct err err = { .text = "" };
	size_t before = peak_kib();

	(void)state;
	assert_int_equal(spool_add(file, slice_str("Content-Type: text/html; charset=koi8-r\r\n\r\n"), &err), 0);
	add_line_many_times(file, "<p>\xd0\xd2\xc9 &amp; <!-- x --><li>\n", 40u << 20);
	assert_int_equal(parts_open(&p, file, &err), 0);
	assert_int_equal(parts_text(&p, out, &err), 0);
	assert_true(spool_len(out) > 10u << 20);
	parts_close(&p);
	assert_true(peak_kib() - before < 16 * 1024);
	spool_free(&file);
	spool_free(&out);
	close(dir);
}

/* ---- garbage, threads ---- */

static void
garbage(unsigned *seed, char *text, size_t len)
{
	static const char *const pieces[] = { "\r\n", "\n", "\r\n\r\n", "--b\r\n", "--c\r\n", "--b--\r\n", "--c--\r\n", "--",
		"Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: multipart/signed; boundary=c\r\n",
		"Content-Type: multipart/alternative; boundary=\"c\"\r\n", "Content-Type: text/html; charset=iso-2022-jp\r\n",
		"Content-Type: message/rfc822\r\n", "Content-Type: multipart/encrypted; boundary=b\r\n", "Content-Transfer-Encoding: base64\r\n",
		"Content-Transfer-Encoding: quoted-printable\r\n", "Content-Transfer-Encoding: x-uuencode\r\n", "begin 644 x\r\n", "#86)C\r\n", "end\r\n",
		"QUJD", "=\r\n", "=3D", "=", "To: a@b, ", "Subject: =?utf-8?Q?", "?=", "&eacute", "<p>", "<script>", "<!--", "\xff", "\x1b$B", "\xe2\x82",
		"Content-Disposition: attachment; filename*0*=utf-8''", "filename=\"", "text\r\n", " ", "\t" };
	size_t at = 0;

	while (at < len) {
		const char *p = pieces[(size_t)rand_r(seed) % COUNT_OF(pieces)];
		size_t n = strlen(p) < len - at ? strlen(p) : len - at;

		memcpy(text + at, p, n);
		at += n;
		if (rand_r(seed) % 20 == 0 && at < len)
			text[at++] = (char)rand_r(seed);
	}
}

static bool
take_apart(struct slice text, struct spool *in, struct spool *out)
{
	struct mail_parts p;
	struct err err;
	bool good = true;

	spool_reset(in);
	if (spool_add(in, text, &err) < 0 || parts_open(&p, in, &err) < 0)
		return false;
	spool_reset(out);
	good = parts_text(&p, out, &err) == 0 && utf8_valid(spool_memory(out)) && utf8_valid(slice_str(p.subject));
	for (size_t i = 0; good && i < p.n_parts; i++) {
		spool_reset(out);
		good = parts_octets(&p, i, out, &err) == 0 && p.part[i].name[0] != '\0' &&
		    strchr(p.part[i].name, '/') == NULL && utf8_valid(slice_str(p.part[i].name));
	}
	parts_close(&p);
	return good;
}

static void *
take_garbage_apart(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	struct spool *in = spool_new(-1, SIZE_MAX), *out = spool_new(-1, SIZE_MAX);
	bool good = true;

	for (int round = 0; round < 3000 && good; round++) {
		size_t len = (size_t)rand_r(&seed) % 1500 + 1;
		char *text = mem_resize(NULL, len, 1);

		garbage(&seed, text, len);
		good = take_apart((struct slice){ text, len }, in, out);
		free(text);
	}
	spool_free(&in);
	spool_free(&out);
	*(unsigned *)arg = good;
	return NULL;
}

static void
garbage_is_taken_apart_by_several_threads_without_harm(void **state)
{
	unsigned arg[3] = { 5, 6, 7 };
	pthread_t thread[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_garbage_apart, &arg[i]), 0);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(arg[i], 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_mail_is_its_text, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_nothing, begin, end),
		cmocka_unit_test_setup_teardown(em_24_html_is_never_put_into_the_text, begin, end),
		cmocka_unit_test_setup_teardown(the_first_text_counts_and_the_plain_one_of_two_forms, begin, end),
		cmocka_unit_test_setup_teardown(a_text_file_is_an_attachment_with_its_own_octets, begin, end),
		cmocka_unit_test_setup_teardown(a_nested_message_is_one_attachment_named_after_its_subject, begin, end),
		cmocka_unit_test_setup_teardown(signed_and_encrypted_mail_is_carried_whole, begin, end),
		cmocka_unit_test_setup_teardown(em_51_calendar_and_other_parts_are_not_altered, begin, end),
		cmocka_unit_test_setup_teardown(em_20_attachments_keep_their_names, begin, end),
		cmocka_unit_test_setup_teardown(em_19_an_attachment_without_a_name_gets_one, begin, end),
		cmocka_unit_test_setup_teardown(names_are_plain_file_names, begin, end),
		cmocka_unit_test_setup_teardown(em_09_no_recipient_disappears, begin, end),
		cmocka_unit_test_setup_teardown(em_14_dates_that_are_none_are_not_known, begin, end),
		cmocka_unit_test_setup_teardown(priority_is_read_in_its_order, begin, end),
		cmocka_unit_test_setup_teardown(em_23_other_fields_are_named_once, begin, end),
		cmocka_unit_test_setup_teardown(em_39_a_body_is_never_empty_because_its_structure_is_broken, begin, end),
		cmocka_unit_test_setup_teardown(boundaries_that_look_alike_are_told_apart, begin, end),
		cmocka_unit_test_setup_teardown(em_21_a_broken_part_spoils_only_itself, begin, end),
		cmocka_unit_test_setup_teardown(em_13_what_looks_like_a_marker_is_content, begin, end),
		cmocka_unit_test_setup_teardown(em_22_sizes_and_lines_in_headers_are_ignored, begin, end),
		cmocka_unit_test_setup_teardown(text_is_utf8_with_crlf_whatever_it_was, begin, end),
		cmocka_unit_test_setup_teardown(em_48_ten_thousand_parts_are_bounded_and_whole, begin, end),
		cmocka_unit_test_setup_teardown(nesting_is_bounded_and_whole, begin, end),
		cmocka_unit_test_setup_teardown(headers_are_bounded_and_whole, begin, end),
		cmocka_unit_test_setup_teardown(headers_of_many_fields_are_bounded, begin, end),
		cmocka_unit_test(what_lies_in_a_file_is_read_alike),
		cmocka_unit_test(memory_does_not_grow_with_an_attachment_of_200_mib),
		cmocka_unit_test(memory_does_not_grow_with_a_text_of_40_mib),
		cmocka_unit_test(garbage_is_taken_apart_by_several_threads_without_harm),
	};

	return cmocka_run_group_tests(tests, temp_dir_make, temp_dir_remove);
}
