/* The same message in what servers make of it, and other messages that only look alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/identity.h"

#define TEXT(s) ((struct slice){ "" s, sizeof(s) - 1 })

static struct identity
identify(struct slice text)
{
	struct identity_maker *m = identity_new();
	struct identity id;

	identity_add(m, text);
	identity_end(m, &id);
	identity_free(m);
	return id;
}

static void
assert_same(struct slice a, struct slice b)
{
	struct identity x = identify(a), y = identify(b);

	assert_memory_equal(x.head, y.head, SHA256_LEN);
	assert_memory_equal(x.whole, y.whole, SHA256_LEN);
}

static void
assert_other(struct slice a, struct slice b)
{
	struct identity x = identify(a), y = identify(b);

	assert_memory_not_equal(x.whole, y.whole, SHA256_LEN);
}

static void
assert_other_head(struct slice a, struct slice b)
{
	struct identity x = identify(a), y = identify(b);

	assert_memory_not_equal(x.head, y.head, SHA256_LEN);
	assert_memory_not_equal(x.whole, y.whole, SHA256_LEN);
}

#define HEADER                                                                                     \
	"Received: by a\r\n\tfor b\r\nFrom: Ann <ann@example.org>\r\nSUBJECT: one  two\r\n"        \
	"X-Odd:\xfc\r\nMessage-Id:<1@example.org>\r\nTo:\r\n "                                     \
	"b@example.org,\r\n\tc@example.org\r\n"
#define BODY "first\r\n\r\n>From the second\r\n>>From\r\n>\r\nF\r\nFrom \r\nlast\x80\r\n"

static void
assert_every_cut(struct slice text)
{
	struct identity whole = identify(text), cut;
	struct identity_maker *m = identity_new();

	for (size_t i = 0; i <= text.len; i++) {
		for (size_t k = i; k <= text.len && k < i + 40; k++) {
			/* exact room, so that reading over an end is found */
			char *part[3];
			size_t at[4] = { 0, i, k, text.len };

			identity_start(m);
			for (size_t p = 0; p < 3; p++) {
				size_t len = at[p + 1] - at[p];

				part[p] = mem_resize(NULL, len + 1, 1);
				memcpy(part[p] + 1, text.data + at[p], len);
				identity_add(m, (struct slice){ part[p] + 1, len });
				free(part[p]);
			}
			identity_end(m, &cut);
			assert_memory_equal(&cut, &whole, sizeof(cut));
		}
	}
	identity_free(m);
}

static void
cuts_make_no_difference(void **state)
{
	(void)state;
	assert_every_cut(TEXT(HEADER "\r\n" BODY "\0\r>From\n\n\r\n"));
	assert_every_cut(TEXT(">From x\nFrom:a\n \n\n>>>From x\n\r\n"));
	assert_every_cut(TEXT("no field here\r\n at all: x\r\nBcc : x\r\n\r\r\n>"));
	assert_every_cut(TEXT("Subject"));
}

static void
octets_are_digested_as_they_are(void **state)
{
	uint8_t sum[SHA256_LEN];
	struct identity id = identify(TEXT("Subject: a\r\n\r\nb\r\n\r\n"));

	(void)state;
	digest_once("Subject: a\r\n\r\nb\r\n\r\n", 19, sum);
	assert_memory_equal(id.exact, sum, SHA256_LEN);
	assert_int_equal(id.octets, 19);
}

/* The form that is digested is kept in no file, but two releases must agree about what is there. */
static void
canonical_form_is_as_described(void **state)
{
	static const char head[] = "from:Ann <ann@example.org>\nsubject:one two\n"
				   "message-id:<1@example.org>\nto:b@example.org, c@example.org\n";
	static const char all[] = "from:Ann <ann@example.org>\nsubject:one two\n"
				  "message-id:<1@example.org>\nto:b@example.org, c@example.org\n\n"
				  "firstFrom the second>>From>FFrom last\x80";
	struct identity id = identify(TEXT(HEADER "\r\n" BODY));
	uint8_t sum[SHA256_LEN];

	(void)state;
	digest_once(head, sizeof(head) - 1, sum);
	assert_memory_equal(id.head, sum, SHA256_LEN);
	digest_once(all, sizeof(all) - 1, sum);
	assert_memory_equal(id.whole, sum, SHA256_LEN);
}

static void
line_ends_make_no_difference(void **state)
{
	(void)state;
	assert_same(TEXT("Subject: a\r\nTo: b\r\n\r\none\r\n\r\ntwo\r\n"),
	    TEXT("Subject: a\nTo: b\n\none\n\ntwo\n"));
	assert_same(TEXT("Subject: a\r\nTo: b\r\n\r\none\r\n\r\ntwo\r\n"),
	    TEXT("Subject: a\nTo: b\r\n\none\r\n\ntwo"));
	assert_same(TEXT("Subject: a\r\n\r\nb"), TEXT("Subject: a\r\n\r\nb\r\n\r\n\r\n"));
	assert_same(TEXT("Subject: a\r\n\r\none\rtwo\r"), TEXT("Subject: a\r\n\r\nonetwo\r\n"));
	assert_same(TEXT("Subject: a\r\r\n\r\r\nb\r\r\nc"), TEXT("Subject: a\r\n\r\nb\r\nc\r\n"));
	/* What a server breaks, or makes of a CR alone. */
	assert_same(TEXT("Subject: a\r\n\r\none\rtwo"), TEXT("Subject: a\r\n\r\none\r\ntwo"));
	assert_same(TEXT("Subject: a\r\n\r\none\r\ntwo"), TEXT("Subject: a\r\n\r\nonetwo"));
}

static void
added_headers_make_no_difference(void **state)
{
	static const char *const added[] = { "X-UID: 5", "Status: RO", "X-Keywords: a b",
		"Content-Length: 3", "X-TUID: abcdefghijkl", "Received: from a\r\n\tby b; now",
		"Return-Path: <a@example.org>", "Delivered-To: b@example.org",
		"X-Message-Flag: Follow up", "X-IMAPbase: 1 2", "From-Elsewhere: x" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(added); i++) {
		char before[200], between[200], after[200];

		snprintf(before, sizeof(before), "%s\r\nSubject: a\r\n b\r\nTo: c\r\n\r\nd\r\n",
		    added[i]);
		snprintf(between, sizeof(between), "Subject: a\r\n b\r\n%s\r\nTo: c\r\n\r\nd\r\n",
		    added[i]);
		snprintf(
		    after, sizeof(after), "Subject: a\r\n b\r\nTo: c\r\n%s\r\n\r\nd\r\n", added[i]);
		assert_same(TEXT("Subject: a\r\n b\r\nTo: c\r\n\r\nd\r\n"), slice_str(before));
		assert_same(slice_str(before), slice_str(between));
		assert_same(slice_str(before), slice_str(after));
	}
	assert_other_head(
	    TEXT("Subject: a\r\n\r\nd\r\n"), TEXT("Subject: a\r\nCc: x\r\n\r\nd\r\n"));
	assert_other_head(TEXT("Subject: a\r\n\r\n"), TEXT("Subject: a\r\nBcc:\r\n\r\n"));
}

static void
folding_makes_no_difference(void **state)
{
	(void)state;
	assert_same(TEXT("Subject: a b c\r\n\r\n"), TEXT("subject:a\r\n\tb\r\n   c \r\n\r\n"));
	assert_same(TEXT("Subject: a b\r\n\r\n"), TEXT("SUBJECT :\r\n \r\n a\t b\r\n\t\r\n\r\n"));
	assert_other_head(TEXT("Subject: ab\r\n\r\n"), TEXT("Subject: a b\r\n\r\n"));
	/* what continues a field that is left out is left out, and no more */
	assert_same(TEXT("X-A: a\r\n From: b\r\nTo: c\r\n\r\n"), TEXT("To: c\r\n\r\n"));
	assert_other_head(TEXT("X-A: a\r\nFrom: b\r\nTo: c\r\n\r\n"), TEXT("To: c\r\n\r\n"));
}

static void
replaced_octets_make_no_difference(void **state)
{
	(void)state;
	assert_same(TEXT("Subject: gr\xc3\xbc\xc3\x9f"
			 "e\r\nTo: x\r\n\r\nb\r\n"),
	    TEXT("Subject: grXXXXe\r\nTo: x\r\n\r\nb\r\n"));
	assert_same(TEXT("Subject: a\0b\r\n\r\nc\0d\r\n"), TEXT("Subject: a\x80"
								"b\r\n\r\nc\x80"
								"d\r\n"));
	/* in a body they count */
	assert_other(
	    TEXT("Subject: a\r\n\r\n\xc3\xbc\r\n"), TEXT("Subject: a\r\n\r\n\xc3\xb6\r\n"));
	assert_other(TEXT("Subject: a\r\n\r\n\xfc\r\n"), TEXT("Subject: a\r\n\r\nX\r\n"));
	assert_other_head(TEXT("Subject: a\xfc\r\n\r\n"), TEXT("Subject: aY\r\n\r\n"));
}

static void
mbox_quoting_makes_no_difference(void **state)
{
	(void)state;
	assert_same(
	    TEXT("To: a\r\n\r\nx\r\n\r\nFrom b\r\n"), TEXT("To: a\r\n\r\nx\r\n\r\n>From b\r\n"));
	assert_same(TEXT("To: a\r\n\r\nFrom b"), TEXT("To: a\r\n\r\n>>From b"));
	assert_same(TEXT("From b Sat Jan 1 00:00:00 2000\r\nTo: a\r\n\r\nx"),
	    TEXT(">From b Sat Jan 1 00:00:00 2000\r\nTo: a\r\n\r\nx"));
	assert_same(
	    TEXT("From b Sat Jan 1 00:00:00 2000\r\nTo: a\r\n\r\nx"), TEXT("To: a\r\n\r\nx"));
	assert_other(TEXT("To: a\r\n\r\nFrom b"), TEXT("To: a\r\n\r\n> From b"));
	assert_other(TEXT("To: a\r\n\r\nFromb"), TEXT("To: a\r\n\r\n>Fromb"));
	assert_other(TEXT("To: a\r\n\r\nx >From b"), TEXT("To: a\r\n\r\nx From b"));
	assert_other(TEXT("To: a\r\n\r\nx"), TEXT("To: a\r\n\r\nx\r\n>"));
	assert_other(TEXT("To: a\r\n\r\nx"), TEXT("To: a\r\n\r\nx\r\nFro"));
	/* a field with a blank before its colon is no mark */
	assert_same(TEXT("From : b\r\n\r\n"), TEXT("From: b\r\n\r\n"));
}

static void
messages_without_a_part_have_an_identity(void **state)
{
	uint8_t nothing[SHA256_LEN];

	(void)state;
	assert_same(TEXT(""), TEXT("\r\n"));
	assert_same(TEXT(""), TEXT("\r\n\r\n\n"));
	digest_once("", 0, nothing);
	assert_memory_equal(identify(TEXT("")).head, nothing, SHA256_LEN);
	assert_memory_equal(identify(TEXT("\r\nno header\r\n")).head, nothing, SHA256_LEN);
	assert_same(TEXT("Subject: a"), TEXT("Subject: a\r\n"));
	assert_same(TEXT("Subject: a"), TEXT("Subject: a\r\n\r\n"));
	assert_same(TEXT("\r\na body\r\n"), TEXT("X-UID: 8\r\n\r\na body\r\n"));
	assert_same(TEXT("x"), TEXT("x\r\n\r\n"));
	assert_other(TEXT("\r\na body\r\n"), TEXT("\r\nanother\r\n"));
	assert_other(TEXT("text alone\r\n"), TEXT("another text\r\n"));
	assert_other(TEXT("text alone\r\nof two\r\n"), TEXT("text alone\r\nof 2\r\n"));
	assert_other(TEXT("  text alone\r\n"), TEXT("  another text\r\n"));
	assert_other(TEXT("text \xfc\r\n"), TEXT("text \xf6\r\n"));
	assert_other(TEXT("Subject: a\r\n\r\nb"), TEXT("Subject: a\r\n"));
}

static void
header_alone_has_the_head_of_the_message(void **state)
{
	struct identity_maker *m = identity_new();
	struct identity id = identify(TEXT(HEADER "\r\n" BODY));
	uint8_t head[SHA256_LEN];

	(void)state;
	identity_add(m, TEXT("To: forgotten\r\n"));
	identity_head(m, TEXT(HEADER), head);
	assert_memory_equal(head, id.head, SHA256_LEN);
	identity_head(m, TEXT(HEADER "\r\n"), head);
	assert_memory_equal(head, id.head, SHA256_LEN);
	identity_free(m);
}

/* Where something is held or looked at again, length must not make it slow: 16 MiB of each. */
static void
long_runs_take_linear_time(void **state)
{
	static const char *const run[] = { ">", "\n", "\r", " ", "a", "\n ", "a\n", "Fro",
		"\n>From", "From ", "To:", "\n\n>", "To: \xff" };
	enum { TOTAL = 16 * 1024 * 1024 };
	char *chunk = mem_new(64 * 1024);
	struct identity_maker *m = identity_new();
	struct identity id;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(run); i++) {
		size_t len = strlen(run[i]), n = 64 * 1024 / len * len;
		int64_t start = clock_mono_ms();

		for (size_t k = 0; k < n; k++)
			chunk[k] = run[i][k % len];
		for (int body = 0; body < 2; body++) {
			identity_start(m);
			identity_add(m, slice_str(body ? "\r\n" : ""));
			for (size_t done = 0; done < TOTAL; done += n)
				identity_add(m, (struct slice){ chunk, n });
			identity_end(m, &id);
		}
		assert_true(clock_mono_ms() - start < 30 * 1000);
	}
	identity_free(m);
	free(chunk);
}

static void
nothing_is_freed(void **state)
{
	(void)state;
	identity_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_make_no_difference),
		cmocka_unit_test(octets_are_digested_as_they_are),
		cmocka_unit_test(canonical_form_is_as_described),
		cmocka_unit_test(line_ends_make_no_difference),
		cmocka_unit_test(added_headers_make_no_difference),
		cmocka_unit_test(folding_makes_no_difference),
		cmocka_unit_test(replaced_octets_make_no_difference),
		cmocka_unit_test(mbox_quoting_makes_no_difference),
		cmocka_unit_test(messages_without_a_part_have_an_identity),
		cmocka_unit_test(header_alone_has_the_head_of_the_message),
		cmocka_unit_test(long_runs_take_linear_time),
		cmocka_unit_test(nothing_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
