/* APPEND: how a message is announced, which UIDs an answer tells, what a refusal is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/append.h"

static void
line_is(const struct flags *f, const struct date *d, uint64_t octets, bool now, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	append_message(&b, f, d, octets, now);
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void
append_announces_flags_date_and_octets(void **state)
{
	struct date d, none = { 0 };

	(void)state;
	assert_true(date_parse(slice_str("7-Nov-2003 14:18:49 +0100"), &d));
	line_is(&(struct flags){ .system = FLAG_SEEN, .keywords = "work" }, &d, 516, true,
	    "(\\Seen work) \"07-Nov-2003 14:18:49 +0100\" {516+}");
	line_is(&(struct flags){ .keywords = "" }, &none, 0, false, "() {0}");
	/* \Recent is never given. */
	line_is(&(struct flags){ .system = FLAG_RECENT, .keywords = "" }, &none, 1, false, "() {1}");
}

static struct resp
tagged(const char *line, struct reader *reader, struct stream **in)
{
	struct resp r;
	struct err err = { 0 };

	*in = stream_memory(slice_str(line), 0);
	reader_init(reader, *in);
	assert_int_equal(resp_read(reader, &r, &err), 0);
	return r;
}

static void
uids_are(const char *line, bool good, uint32_t validity, const char *want)
{
	struct reader reader;
	struct stream *in;
	struct resp r = tagged(line, &reader, &in);
	struct uidset set;
	struct buf text;
	uint32_t got = 0;

	uidset_init(&set);
	buf_init(&text, 4096);
	assert_int_equal(append_uids(&r, &got, &set), good);
	if (good) {
		assert_int_equal(got, validity);
		uidset_text(&set, 0, 1000, &text);
		assert_string_equal(text.data, want);
	} else {
		assert_int_equal(set.len, 0);
	}
	buf_done(&text);
	uidset_done(&set);
	reader_done(&reader);
	stream_close(&in);
}

static void
append_reads_appenduid(void **state)
{
	(void)state;
	uids_are("1 OK [APPENDUID 38505 3955] done\r\n", true, 38505, "3955");
	uids_are("1 OK [APPENDUID 1 3:5,9] done\r\n", true, 1, "3:5,9");
	uids_are("1 OK [APPENDUID 1 5:3] done\r\n", true, 1, "3:5");
	uids_are("1 OK done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID 1] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID 1 ] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID 1 0] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID 1 4294967296] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID 1 *] done\r\n", false, 0, NULL);
	uids_are("1 OK [APPENDUID x 1] done\r\n", false, 0, NULL);
	uids_are("1 OK [COPYUID 1 1 1] done\r\n", false, 0, NULL);
}

static const struct {
	const char *line;
	enum append_fault fault;
} faults[] = {
	{ "1 NO [OVERQUOTA] Quota exceeded (mailbox for user is full)\r\n", APPEND_QUOTA },
	{ "1 NO Over quota\r\n", APPEND_QUOTA },
	{ "1 NO APPEND The 1500 MB storage limit has been exceeded\r\n", APPEND_QUOTA },
	{ "1 NO Mailbox is full\r\n", APPEND_QUOTA },
	{ "1 NO Blocks limit exceeded\r\n", APPEND_QUOTA },
	{ "1 NO header limit reached\r\n", APPEND_HEADER },
	{ "1 NO [TOOBIG] no\r\n", APPEND_TOO_BIG },
	{ "1 BAD max message size exceeded\r\n", APPEND_TOO_BIG },
	{ "1 NO Message contains NUL characters\r\n", APPEND_NUL },
	{ "1 NO Message contains bare newlines\r\n", APPEND_BARE_LF },
	{ "1 NO Message contains invalid header\r\n", APPEND_HEADER },
	{ "1 BAD Command Argument Error. 11\r\n", APPEND_LONG_LINE },
	{ "1 BAD Error in IMAP command APPEND: Invalid system flag \\X\r\n", APPEND_FLAGS },
	{ "1 NO [CANNOT] Keyword length too long\r\n", APPEND_FLAGS },
	{ "1 BAD Invalid INTERNALDATE\r\n", APPEND_DATE },
	{ "1 NO Message refused because it contains a virus\r\n", APPEND_UNWANTED },
	{ "1 NO [TRYCREATE] No such mailbox\r\n", APPEND_NO_FOLDER },
	{ "1 NO [NOPERM] Permission denied\r\n", APPEND_NO_FOLDER },
	{ "1 NO [THROTTLED] slow down\r\n", APPEND_LATER },
	{ "1 NO [UNAVAILABLE] later\r\n", APPEND_LATER },
	{ "1 NO [LIMIT] too many\r\n", APPEND_LATER },
	{ "1 NO no\r\n", APPEND_OTHER },
	{ "1 BAD APPEND\r\n", APPEND_OTHER },
	{ "1 NO\r\n", APPEND_OTHER },
};

static void
append_tells_what_a_refusal_is_about(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct reader reader;
		struct stream *in;
		struct resp r = tagged(faults[i].line, &reader, &in);

		if (append_fault(&r) != faults[i].fault)
			fail_msg("%s: %d", faults[i].line, (int)append_fault(&r));
		reader_done(&reader);
		stream_close(&in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_announces_flags_date_and_octets),
		cmocka_unit_test(append_reads_appenduid),
		cmocka_unit_test(append_tells_what_a_refusal_is_about),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
