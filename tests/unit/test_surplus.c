/* Whose is what stands behind a mark: lines of a kill, of a power cut, of other programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/claim.h"
#include "store/surplus.h"
#include "tempdir.h"

#define OK(call) assert_int_equal(call, 0)

static struct err err;
static int dir = -1;

static int
surplus_begin(void **state)
{
	err = (struct err){ 0 };
	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static int
surplus_end(void **state)
{
	file_close(&dir);
	return temp_dir_remove(state);
}

/* ---- lines ---- */

static struct surplus_line seen[4];
static char texts[8][SURPLUS_EDGE];
static size_t n_seen;

static struct slice
kept(size_t at, struct slice s)
{
	memcpy(texts[at], s.data, s.len);
	return (struct slice){ texts[at], s.len };
}

static bool
see(const void *arg, const struct surplus_line *line)
{
	(void)arg;
	assert_true(n_seen < 4);
	seen[n_seen] = (struct surplus_line){ kept(2 * n_seen, line->start),
		kept(2 * n_seen + 1, line->end), line->whole };
	n_seen++;
	return !surplus_starts(line, "stop");
}

static bool
look(const char *octets, size_t len, uint64_t from, bool *ret_nul)
{
	AUTO(file_close) int fd = -1;
	bool ours;

	n_seen = 0;
	temp_write("f", octets, len, "wb");
	OK(file_open_append(dir, "f", &fd, &err));
	OK(surplus_look(fd, from, see, NULL, &ours, ret_nul, &err));
	return ours;
}

static void
lines_are_seen_by_their_edges_whatever_their_length(void **state)
{
	AUTO(mem_free_str) char *text = mem_resize(NULL, 300000, 1);
	bool nul;

	(void)state;
	memset(text, 'x', 300000);
	memcpy(text, "skip\nBegin", 10);
	memcpy(text + 200000, "End\nshort\ntorn", 14);
	assert_true(look(text, 200014, 5, &nul));
	assert_false(nul);
	assert_int_equal(n_seen, 3);
	assert_memory_equal(seen[0].start.data, "Begin", 5);
	assert_memory_equal(seen[0].end.data + seen[0].end.len - 3, "End", 3);
	assert_true(slice_eq(seen[1].start, "short") && slice_eq(seen[1].end, "short"));
	assert_true(slice_eq(seen[2].start, "torn") && !seen[2].whole);
}

/* A power cut loses sectors, and one may begin within a From_ line. */
static void
a_nul_tears_a_line_as_its_end_does(void **state)
{
	const struct surplus_line torn = { .start = { "From MAIL\0\0\0", 12 }, .whole = true };
	const struct surplus_line lost = { .start = { "\0From", 5 }, .whole = true };

	(void)state;
	assert_true(surplus_starts(&torn, "From "));
	assert_true(surplus_starts(&torn, "From MAILER-DAEMON"));
	assert_false(surplus_starts(&torn, "From ann"));
	assert_true(surplus_starts(&lost, "From MAILER-DAEMON"));
}

static void
one_line_of_others_is_enough(void **state)
{
	bool nul;

	(void)state;
	assert_false(look("a\nstop it\nb\n", 12, 0, &nul));
	assert_int_equal(n_seen, 2);
	assert_true(look("a\nb\0\n", 5, 0, &nul));
	assert_true(nul);
	assert_true(look("", 0, 0, &nul));
}

static void
a_torn_line_may_end_within_a_word(void **state)
{
	struct surplus_line line = { .start = { "Fro", 3 } };

	(void)state;
	assert_true(surplus_starts(&line, "From "));
	line.whole = true;
	assert_false(surplus_starts(&line, "From "));
}

/* ---- the files of a set ---- */

static enum grown_found
opened(struct exclaim *c, const char *name, const char *octets, size_t len, bool unclean)
{
	AUTO(file_close) int fd = -1;
	struct grown g = { .number = 1 };
	enum grown_found found;
	struct grown_mark m;
	char text[GROWN_MARK_MAX];
	struct slice s;
	struct stat st;

	temp_write(name, "committed\r\n", 11, "wb");
	OK(file_open_append(dir, name, &fd, &err));
	OK(fstat(fd, &st));
	g.inode = st.st_ino;
	OK(grown_look(&g, fd, 11, &err));
	grown_mark_text(&g, text);
	s = slice_str(text);
	assert_true(grown_mark_read(&s, &m));
	temp_write(name, octets, len, "ab");
	file_close(&fd);
	OK(grown_open(&g, dir, &c->kind, &m, unclean, &fd, &found, &err));
	return found;
}

#define PRI(octets, unclean) opened(&pri, "00000007.PRI", octets, sizeof octets - 1, unclean)
#define SEC(octets, unclean) opened(&sec, "00000007.SEC", octets, sizeof octets - 1, unclean)

static void
lines_that_point_into_our_own_records_may_be_cut(void **state)
{
	struct exclaim pri;

	(void)state;
	exclaim_pri(&pri, 7);
	assert_int_equal(PRI("Inbox,a,,,,s,,,0,TRUE,FALSE,#00000007.SEC(50)\r\n", true), GROWN_LONGER);
	assert_int_equal(PRI("Inbox,b,,,,,,,0,TRUE,FALSE,#00000007-2.SEC(50)\r\nInb", true),
	    GROWN_LONGER);
	assert_int_equal(PRI("! folder Empty empty\r\n", false), GROWN_LONGER);
	assert_int_equal(PRI("Inbox,a\0\0\0\0,#000\r\n", true), GROWN_LONGER);
	assert_true(temp_holds("00000007.PRI", "committed\r\n"));
}

static void
lines_of_others_are_left(void **state)
{
	struct exclaim pri;

	(void)state;
	exclaim_pri(&pri, 7);
	assert_int_equal(PRI("a line of mine\r\n", true), GROWN_LEFT);
	assert_true(temp_holds("00000007.PRI", "committed\r\na line of mine\r\n"));
	assert_int_equal(PRI("Inbox,c,,,,,,,0,,,#00000008.SEC(50)\r\n", true), GROWN_LEFT);
	assert_int_equal(
	    PRI("Inbox,d,,,,,,,0,TRUE,FALSE,#00000007.SEC(50)\r\nmine\r\n", true), GROWN_LEFT);
	assert_int_equal(PRI("mine\0\r\n", false), GROWN_LEFT);
}

static void
records_are_told_by_how_they_begin(void **state)
{
	struct exclaim sec;

	(void)state;
	exclaim_sec(&sec, 7);
	assert_int_equal(SEC("Body,5,,TRUE,,,\r\nhello\r\n", true), GROWN_LONGER);
	assert_int_equal(SEC("Att", true), GROWN_LONGER);
	assert_int_equal(SEC("Body,5\0\0\0\0\0\0\0\0\0", true), GROWN_LONGER);
	assert_int_equal(SEC("hello", true), GROWN_LEFT);
	assert_true(temp_holds("00000007.SEC", "committed\r\nhello"));
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, surplus_begin, surplus_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(lines_are_seen_by_their_edges_whatever_their_length),
		WITH_DIR(one_line_of_others_is_enough),
		cmocka_unit_test(a_nul_tears_a_line_as_its_end_does),
		cmocka_unit_test(a_torn_line_may_end_within_a_word),
		WITH_DIR(lines_that_point_into_our_own_records_may_be_cut),
		WITH_DIR(lines_of_others_are_left),
		WITH_DIR(records_are_told_by_how_they_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
