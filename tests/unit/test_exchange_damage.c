/* EM-18: random damage to .PRI and .SEC. Every message gives an error or its octets, nothing hangs,
 * nothing is read outside of files, and the messages that were not touched are read as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "exchange_help.h"

enum { MESSAGES = 12, ROUNDS = 1000, TEXT_MAX = 8192 };

static struct buf pri, sec;
static uint64_t from[MESSAGES + 1]; /* of each message in the .SEC */
static uint64_t line_from[MESSAGES + 1]; /* of its line in the .PRI */
static char want[MESSAGES][512];
static uint64_t seed;

/* Knuth's MMIX generator: the same damage in every run. */
static uint64_t
draw(uint64_t below)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (seed >> 33) % below;
}

static void
make(void)
{
	buf_reset(&pri);
	buf_reset(&sec);
	buf_add_str(&pri, "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS);
	buf_add_str(&sec, SET_SEC_HEAD);
	for (unsigned i = 0; i < MESSAGES; i++) {
		from[i] = sec.len;
		line_from[i] = pri.len;
		buf_printf(&pri,
		    "Inbox,\"A[SMTP:a@x]\",B;\"C, D\",,,%c,20000101000000,,1,TRUE,FALSE,"
		    "#A.SEC(%zu)\r\n",
		    'a' + i, sec.len);
		buf_printf(&sec, "Body,%u,,%s,,,\r\n%.*s\r\n", i * 3, i % 3 == 0 ? "TRUE" : "FALSE",
		    (int)i * 3, "The quick brown fox jumps over the lazy dog.");
		for (unsigned n = 0; n < i % 3; n++)
			buf_printf(&sec, "Attachment,7,,%s,\"n.%u\",-1,None\r\nx%u,y\r\nz\r\n",
			    n + 1 == i % 3 ? "TRUE" : "FALSE", n, n);
	}
	from[MESSAGES] = sec.len;
	line_from[MESSAGES] = pri.len;
}

static void
put(void)
{
	temp_write("A.PRI", pri.data, pri.len, "wb");
	temp_write("A.SEC", sec.data, sec.len, "wb");
}

/* Read everything; what message i gave goes to got, "" for an error. */
static unsigned
read_all(char got[MESSAGES][512])
{
	struct buf body;
	struct exfault fault;
	unsigned items = 0;
	uint64_t records;

	memset(got, 0, (size_t)MESSAGES * 512);
	set_open();
	exread_survey(set, &records);
	buf_init(&body, TEXT_MAX);
	for (size_t o = 0; o < exread_owners(set); o++) {
		set_start(o);
		while (set_next()) {
			unsigned i = item.subject.len == 1 ? (unsigned)(item.subject.data[0] - 'a')
							   : MESSAGES;
			bool whole = item.has_body && set_body(&body, &fault) == EXSTEP_END;

			items++;
			assert_true(items <= MESSAGES + 40); /* damage may add line ends */
			assert_true(whole || item.damaged || fault.text[0] != '\0');
			if (whole && i < MESSAGES)
				snprintf(got[i], 512, "%s", body.data);
		}
	}
	buf_done(&body);
	return items;
}

static int
begin(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	buf_init(&pri, TEXT_MAX);
	buf_init(&sec, TEXT_MAX);
	if (temp_dir_make(state) < 0)
		return -1;
	set_put(
	    "imex.PKL", "1252\r\n\r\nFilename,Filetype\r\nA.PRI,Primary\r\nA.SEC,Secondary\r\n");
	make();
	put();
	return read_all(want) == MESSAGES ? 0 : -1;
}

static int
end(void **state)
{
	buf_done(&pri);
	buf_done(&sec);
	return set_end(state);
}

static void
em_18_nothing_is_wrong_before_the_damage(void **state)
{
	(void)state;
	assert_int_equal(exread_problems(set, NULL), 0);
	for (unsigned i = 0; i < MESSAGES; i++)
		assert_true(want[i][0] != '\0');
}

/* The message that owns octet `at` of the file whose messages begin at from[]. */
static unsigned
owner_of(const uint64_t *starts, uint64_t at)
{
	unsigned i = 0;

	while (i < MESSAGES && starts[i + 1] <= at)
		i++;
	return i;
}

static void
other_messages_are_the_same(unsigned damaged, char got[MESSAGES][512], uint64_t at, unsigned octet)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		if (i == damaged || strcmp(got[i], want[i]) == 0)
			continue;
		fprintf(stderr, "# octet %llu = %02x: message %u gave '%s', not '%s'\n",
		    (unsigned long long)at, octet, i, got[i], want[i]);
		assert_true(false);
	}
}

static void
em_18_one_octet_of_a_secondary_file_spoils_one_message_at_most(void **state)
{
	char got[MESSAGES][512];

	(void)state;
	seed = 18;
	for (unsigned round = 0; round < ROUNDS; round++) {
		make();
		uint64_t at = from[0] + draw(sec.len - from[0]);

		sec.data[at] = (char)draw(256);
		put();
		read_all(got);
		other_messages_are_the_same(
		    owner_of(from, at), got, at, (unsigned char)sec.data[at]);
	}
}

static void
em_18_a_secondary_file_cut_anywhere_keeps_the_messages_before(void **state)
{
	char got[MESSAGES][512];

	(void)state;
	for (size_t len = 0; len <= from[MESSAGES]; len += 1 + len % 3) {
		make();
		sec.len = len;
		put();
		read_all(got);
		for (unsigned i = 0; i < MESSAGES; i++) {
			if (from[i + 1] <= len)
				assert_string_equal(got[i], want[i]);
			else if (from[i + 1] > len + 2) /* more than its last CRLF is missing */
				assert_string_equal(got[i], "");
		}
	}
}

static void
em_18_one_octet_of_a_primary_file_never_hangs_and_spoils_two_lines_at_most(void **state)
{
	char got[MESSAGES][512];

	(void)state;
	seed = 81;
	for (unsigned round = 0; round < ROUNDS; round++) {
		make();
		uint64_t at = line_from[0] + draw(pri.len - line_from[0]);
		unsigned damaged = owner_of(line_from, at), differ = 0;

		pri.data[at] = (char)draw(256);
		put();
		read_all(got);
		/* a line end that was lost joins two lines */
		for (unsigned i = 0; i < MESSAGES; i++)
			differ += i != damaged && i != damaged + 1 && strcmp(got[i], want[i]) != 0;
		/* a pointer or a subject may name another message now */
		assert_true(differ <= 1);
	}
}

static void
em_18_a_primary_file_cut_anywhere_keeps_the_lines_before(void **state)
{
	char got[MESSAGES][512];

	(void)state;
	for (size_t len = 0; len <= line_from[MESSAGES]; len += 1 + len % 3) {
		make();
		pri.len = len;
		put();
		read_all(got);
		for (unsigned i = 0; i < MESSAGES; i++) {
			if (line_from[i + 1] <= len)
				assert_string_equal(got[i], want[i]);
		}
	}
}

static void
em_18_many_octets_at_once_never_hang(void **state)
{
	char got[MESSAGES][512];

	(void)state;
	seed = 1800;
	for (unsigned round = 0; round < ROUNDS / 4; round++) {
		make();
		for (unsigned n = 1 + (unsigned)draw(20); n > 0; n--) {
			static const char hot[] = ",\"\r\n\\!#();0129\x1A";
			char c = hot[draw(sizeof hot)];

			if (draw(2) == 0)
				pri.data[draw(pri.len)] = c;
			else
				sec.data[draw(sec.len)] = c;
		}
		put();
		read_all(got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(em_18_nothing_is_wrong_before_the_damage),
		T(em_18_one_octet_of_a_secondary_file_spoils_one_message_at_most),
		T(em_18_a_secondary_file_cut_anywhere_keeps_the_messages_before),
		T(em_18_one_octet_of_a_primary_file_never_hangs_and_spoils_two_lines_at_most),
		T(em_18_a_primary_file_cut_anywhere_keeps_the_lines_before),
		T(em_18_many_octets_at_once_never_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
