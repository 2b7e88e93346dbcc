/* The fields by which people recognise a message, from headers good and bad; and what is no message at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/header.h"

static struct header_facts
facts(struct slice header)
{
	static struct arena a;
	struct header_facts f;

	if (a.max_bytes == 0)
		arena_init(&a, 1 << 20);
	arena_reset(&a);
	header_read(header, &a, &f);
	return f;
}

static void
fields_are_found_and_decoded(void **state)
{
	struct header_facts f = facts(slice_str(
	    "Received: from a; Mon, 1 Jan 2001 00:00:00 +0000\r\n"
	    "FROM: =?iso-8859-1?Q?J=FCrgen?= <j@x>\r\n"
	    "subject :  =?utf-8?B?R3LDvMOfZQ==?=\r\n"
	    " =?utf-8?Q?_aus_Wien?=\r\n"
	    "Date: Sat, 14 Mar 2015 09:26:53 +0100\r\n"
	    "Message-Id:\t<1@x>\r\n"
	    "Subject: second\r\n"
	    "\r\n"
	    "From: body\r\n"));

	(void)state;
	assert_string_equal(f.from, "J\xc3\xbcrgen <j@x>");
	assert_string_equal(f.subject, "Gr\xc3\xbc\xc3\x9f" "e aus Wien");
	assert_string_equal(f.date, "Sat, 14 Mar 2015 09:26:53 +0100");
	assert_string_equal(f.message_id, "<1@x>");
	assert_true(f.sent.known && f.sent.epoch == 1426321613 && f.sent.zone_min == 60);
}

static void
nothing_gives_empty_texts(void **state)
{
	static const char *const none[] = { "", "\r\n", "\n\nFrom: x", "no field\r\nnor this\r\n", ":", " folded\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		struct header_facts f = facts(slice_str(none[i]));

		assert_string_equal(f.from, "");
		assert_string_equal(f.subject, "");
		assert_string_equal(f.date, "");
		assert_string_equal(f.message_id, "");
		assert_false(f.sent.known);
	}
	assert_string_equal(facts((struct slice){ NULL, 0 }).from, "");
}

static void
newest_received_stands_in_for_a_bad_date(void **state)
{
	struct header_facts f = facts(slice_str(
	    "Received: from b (x; y) by c;\r\n\tSun, 2 Jan 2000 03:04:05 -0500 (EST)\r\n"
	    "Received: from a; Sat, 1 Jan 2000 00:00:00 +0000\r\n"
	    "Date: soon\r\n"));

	(void)state;
	assert_string_equal(f.date, "soon");
	assert_true(f.sent.known && f.sent.epoch == 946800245 && f.sent.zone_min == -300);
	assert_false(facts(slice_str("Date: \r\nReceived: no semicolon\r\n")).sent.known);
}

static void
raw_octets_become_utf8_of_one_line(void **state)
{
	struct header_facts f = facts(slice_str("Subject: caf\xe9\r\nFrom: caf\xc3\xa9 \x1b[0m\x07x\r\n"));

	(void)state;
	assert_string_equal(f.subject, "caf\xc3\xa9");
	assert_string_equal(f.from, "caf\xc3\xa9  [0m x");
	f = facts(slice_str("Subject: =?utf-8?Q?two=0D=0Alines=00?=\n"));
	assert_null(strpbrk(f.subject, "\r\n"));
	f = facts((struct slice){ "Subject: a\0b\nFrom: c", 20 });
	assert_string_equal(f.subject, "a b");
	assert_string_equal(f.from, "c");
}

static void
long_fields_are_cut_at_a_character(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "Subject: a");
	for (int i = 0; i < 20000; i++)
		buf_add_str(&b, "\xe2\x82\xac");
	buf_add_str(&b, "\r\nFrom: late\r\n");
	struct header_facts f = facts(buf_slice(&b));
	assert_true(strlen(f.subject) <= 1000 && strlen(f.subject) > 990);
	assert_true(utf8_valid(slice_str(f.subject)));
	assert_string_equal(f.from, "late");
	buf_done(&b);
}

static void
only_the_first_64_kib_are_looked_at(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 7000; i++)
		buf_add_str(&b, "X-Pad: yes\n");
	buf_add_str(&b, "From: late\n");
	assert_string_equal(facts(buf_slice(&b)).from, "");
	buf_done(&b);
}

static void
full_arena_gives_empty_texts(void **state)
{
	struct header_facts f;
	struct arena a;

	(void)state;
	arena_init(&a, 16);
	header_read(slice_str("From: somebody with a long name\nSubject: s\n"), &a, &f);
	assert_string_equal(f.from, "");
	assert_string_equal(f.subject, "s");
	arena_done(&a);
}

/* ---- garbage ---- */

static void
garbage(unsigned *seed, char *text, size_t len)
{
	static const char *const pieces[] = {
		"Date: ", "From: ", "Subject: ", "Received: ", "\r\n", "\n", " ", ";", "=?utf-8?Q?", "?=", "=?x?B?", "=E", "Mon, ",
		"1 Jan ", "99999999999", "-0500", "+9999", "Jan", "(((", "\"", "\\", "@", "<>", "12:61:99", "\xff\xfe", "-1",
		"=?iso-2022-jp?B?GyRC", "2000 25:00:00 +0000", "=?utf-7?Q?+AGE-", "\x1b$B", "=?us-ascii*en?Q?", "1e9",
	};
	size_t at = 0;

	while (at < len) {
		const char *p = pieces[(size_t)rand_r(seed) % COUNT_OF(pieces)];
		size_t n = strlen(p) < len - at ? strlen(p) : len - at;

		memcpy(text + at, p, n);
		at += n;
		if (rand_r(seed) % 10 == 0 && at < len)
			text[at++] = (char)rand_r(seed);
	}
}

static bool
sane(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	return utf8_valid(slice_str(text));
}

static void *
read_garbage(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	bool good = true;
	struct arena a;

	arena_init(&a, 1 << 20);
	for (int round = 0; round < 3000 && good; round++) {
		size_t len = (size_t)rand_r(&seed) % 400;
		char *text = mem_resize(NULL, len + 1, 1);
		struct header_facts f;
		const char *which;

		garbage(&seed, text, len);
		text = mem_resize(text, len > 0 ? len : 1, 1);	/* an octet read behind it is seen by ASan */
		header_read((struct slice){ text, len }, &a, &f);
		(void)body_is_placeholder((struct slice){ text, len }, &which);
		good = sane(f.from) && sane(f.date) && sane(f.subject) && sane(f.message_id);
		good = good && (f.sent.known || (f.sent.epoch == 0 && f.sent.zone_min == 0));
		arena_reset(&a);
		free(text);
	}
	arena_done(&a);
	*(unsigned *)arg = good;
	return NULL;
}

static void
garbage_is_read_by_several_threads_without_harm(void **state)
{
	unsigned arg[3] = { 5, 6, 7 };
	pthread_t thread[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_garbage, &arg[i]), 0);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(arg[i], 1);
	}
}

/* ---- placeholders ---- */

#define NOTICE "The server couldn't retrieve the following message:\r\n\r\nSubject: \"x\"\r\n\r\n" \
	"The message hasn't been deleted. You might be able to view it using either Outlook or Outlook Web App.\r\n"
#define NOTICE_SUBJECT "Subject: Retrieval using the IMAP4 protocol failed for the following message: 752\r\n"

static void
notice_of_exchange_is_a_placeholder(void **state)
{
	static const char *const notices[] = {
		"From: \"Microsoft Exchange Server\" <>\r\n" NOTICE_SUBJECT "\r\n" NOTICE,
		"From: Microsoft Exchange Server\r\n" NOTICE_SUBJECT,
		"From: <>\r\n" NOTICE_SUBJECT "\r\n" NOTICE,
		"Subject:\r\n Retrieval using the POP3 protocol failed for the following message: 1\r\n\r\n"
		"The message could not be retrieved using the POP3 protocol.\r\n",
		NOTICE,
		"The message could not be retrieved using the IMAP4 protocol. The message has not been deleted and may be "
		"accessible using either Microsoft Exchange or Outlook Web Access.\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(notices); i++) {
		const char *which = NULL;

		if (!body_is_placeholder(slice_str(notices[i]), &which))
			fail_msg("not seen: %s", notices[i]);
		assert_non_null(which);
		assert_true(body_is_placeholder(slice_str(notices[i]), NULL));
	}
}

static void
mail_that_speaks_of_the_notice_is_mail(void **state)
{
	static const char *const mails[] = {
		"", "\r\n",
		"From: me\r\nSubject: Re: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n" NOTICE,
		"From: me\r\n" NOTICE_SUBJECT "\r\nWhat does this subject mean?\r\n",
		"From: me\r\nSubject: help\r\n\r\n" NOTICE,
		"From: \"Microsoft Exchange Server\" <postmaster@x>\r\nSubject: Undeliverable\r\n\r\nno such user\r\n",
		"The server couldn't retrieve the following message: what now?\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(mails); i++) {
		const char *which = "untouched";

		if (body_is_placeholder(slice_str(mails[i]), &which))
			fail_msg("taken for one: %s", mails[i]);
		assert_string_equal(which, "untouched");
	}
}

/* In halves the text is not at hand: the subject decides, and only in its place. */
static void
a_header_alone_tells_the_notice(void **state)
{
	(void)state;
	assert_true(header_is_placeholder(slice_str("From: x\r\n" NOTICE_SUBJECT "\r\n\r\n")));
	assert_false(header_is_placeholder(slice_str("Subject: Re: " NOTICE_SUBJECT "\r\n\r\n")));
	assert_false(header_is_placeholder(slice_str("X-Old-" NOTICE_SUBJECT "\r\n\r\n")));
	assert_false(header_is_placeholder(slice_str("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_and_decoded),
		cmocka_unit_test(nothing_gives_empty_texts),
		cmocka_unit_test(newest_received_stands_in_for_a_bad_date),
		cmocka_unit_test(raw_octets_become_utf8_of_one_line),
		cmocka_unit_test(long_fields_are_cut_at_a_character),
		cmocka_unit_test(only_the_first_64_kib_are_looked_at),
		cmocka_unit_test(full_arena_gives_empty_texts),
		cmocka_unit_test(garbage_is_read_by_several_threads_without_harm),
		cmocka_unit_test(notice_of_exchange_is_a_placeholder),
		cmocka_unit_test(mail_that_speaks_of_the_notice_is_mail),
		cmocka_unit_test(a_header_alone_tells_the_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
