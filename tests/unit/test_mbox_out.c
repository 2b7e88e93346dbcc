/* Messages become mboxrd in any pieces, and come back to the octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/mem.h"
#include "mboxread.h"
#include "store/mbox/mbox_out.h"
#include "tempdir.h"

#define OK(call) assert_int_equal(call, 0)

struct wire {
	const char *data;
	size_t len;
};

static struct err err;
static struct mbox_out out;
static int dir = -1, fd = -1;

static int
out_begin(void **state)
{
	err = (struct err){ 0 };
	if (temp_dir_make(state) < 0 || file_open_dir(AT_FDCWD, temp_dir, &dir, &err) < 0 ||
	    file_open_append(dir, "box", &fd, &err) < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	mbox_out_init(&out);
	mbox_out_file(&out, fd, 0);
	return 0;
}

static int
out_end(void **state)
{
	mbox_out_done(&out);
	file_close(&fd);
	file_close(&dir);
	return temp_dir_remove(state);
}

static struct msg
message(uint8_t system, const char *keywords)
{
	return (struct msg){
		.uid = 1, .date = { true, 837596665, -420 }, .flags = { system, keywords }
	};
}

/* In pieces of `step` octets after a first one of `first`. */
static int
put(struct wire w, size_t first, size_t step, const struct msg *m, bool keep_crlf, bool status,
    struct mbox_place *ret)
{
	if (mbox_out_begin(&out, m, keep_crlf, status, &err) < 0)
		return -1;
	for (size_t at = 0, n = first; at < w.len; at += n, n = step) {
		char *piece;

		n = n < w.len - at ? n : w.len - at;
		piece = malloc(n); /* so that reading beyond it is noticed */
		memcpy(piece, w.data + at, n);
		int rc = mbox_out_write(&out, (struct slice){ piece, n }, &err);
		free(piece);
		if (rc < 0)
			return -1;
	}
	return mbox_out_end(&out, ret, &err);
}

static void
check_file(struct wire w, const struct mbox_place *p)
{
	size_t len = 0;
	char *file = temp_read("box", &len);
	struct octets got = read_at(file, len, p);

	assert_non_null(got.data);
	assert_int_equal(got.len, w.len);
	if (w.len > 0)
		assert_memory_equal(got.data, w.data, w.len);
	free(got.data);
	free(file);
}

/* The whole file must be `want`. */
static void
stored_as(const char *wire, bool keep_crlf, bool status, const char *want)
{
	struct msg m = message(FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED, "a b");
	struct wire w = { wire, strlen(wire) };
	struct mbox_place place;

	mbox_out_file(&out, fd, 0);
	OK(ftruncate(fd, 0));
	OK(put(w, 1, 3, &m, keep_crlf, status, &place));
	OK(mbox_out_flush(&out, &err));
	assert_true(temp_holds("box", want));
	check_file(w, &place);
}

#define FROM "From MAILER-DAEMON Wed Jul 17 09:44:25 1996\n"
#define FROM_CRLF "From MAILER-DAEMON Wed Jul 17 09:44:25 1996\r\n"

static void
a_message_stands_between_its_from_line_and_an_empty_line(void **state)
{
	(void)state;
	stored_as("A: b\r\n\r\nbody\r\n", false, false, FROM "A: b\n\nbody\n\n");
	stored_as("A: b\r\n\r\nbody", false, false, FROM "A: b\n\nbody\n\n");
	stored_as("A: b\r\n\r\nbare\n", false, false, FROM "A: b\r\n\r\nbare\n\n");
	stored_as("A: b\r\n\r\nbare\r", false, false, FROM "A: b\r\n\r\nbare\r\n\n");
	stored_as("", false, false, FROM "\n");
	stored_as("\r\n", false, false, FROM "\n\n");
	stored_as("A: b\r\n\r\nbody", true, false, FROM_CRLF "A: b\r\n\r\nbody\r\n\r\n");
	stored_as("\n", true, false, FROM_CRLF "\n\r\n");
}

static void
lines_that_look_like_its_start_are_quoted(void **state)
{
	(void)state;
	stored_as("From a\r\n>From b\r\n>>>From c\r\n From d\r\nFrom\r\nFrom: e\r\n>Fromage\r\n"
		  "From ",
	    false, false,
	    FROM ">From a\n>>From b\n>>>>From c\n From d\nFrom\nFrom: e\n>Fromage\n>From \n\n");
	stored_as("x\nFrom y\n\rFrom z\n", true, false,
	    FROM_CRLF "x\n>From y\n\rFrom z\n\r\n");
	stored_as(">>", false, false, FROM ">>\n\n");
	stored_as(">>From", false, false, FROM ">>From\n\n");
	stored_as("Fro\r\nFr\r\nFFrom \r\n>FFrom x", false, false,
	    FROM "Fro\nFr\nFFrom \n>FFrom x\n\n");
}

static void
status_fields_end_the_header(void **state)
{
	(void)state;
	stored_as("A: b\r\n\r\nbody\r\n", false, true,
	    FROM "A: b\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\nbody\n\n");
	stored_as("A: b\r\n\r\nbare\n", false, true,
	    FROM "A: b\r\nStatus: RO\r\nX-Status: AF\r\nX-Keywords: a b\r\n\r\nbare\n\n");
	stored_as("A: b\r\n\r\n", true, true,
	    FROM_CRLF "A: b\r\nStatus: RO\r\nX-Status: AF\r\nX-Keywords: a b\r\n\r\n\r\n");
	stored_as("A: b\n\nbody", true, true,
	    FROM_CRLF "A: b\nStatus: RO\r\nX-Status: AF\r\nX-Keywords: a b\r\n\nbody\r\n\r\n");
	stored_as("A: b\r\n", false, true,
	    FROM "A: b\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\n");
	stored_as("A: b", false, true,
	    FROM "A: b\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\n");
	stored_as("\r\nbody", false, true,
	    FROM "Status: RO\nX-Status: AF\nX-Keywords: a b\n\nbody\n\n");
	stored_as("", false, true, FROM "Status: RO\nX-Status: AF\nX-Keywords: a b\n\n");
	stored_as("A: b\r\n>\r\n\r\n", false, true,
	    FROM "A: b\n>\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\n\n");
	stored_as("A: b\r\r\n\r\n", true, true,
	    FROM_CRLF "A: b\r\r\nStatus: RO\r\nX-Status: AF\r\nX-Keywords: a b\r\n\r\n\r\n");
}

static void
status_fields_tell_only_what_there_is(void **state)
{
	struct msg m = message(FLAG_RECENT, "");
	struct wire w = { "A: b\r\n\r\n", 8 };
	struct mbox_place place;

	(void)state;
	OK(put(w, 8, 8, &m, false, true, &place));
	m = message(FLAG_DRAFT | FLAG_DELETED, "");
	OK(put(w, 8, 8, &m, false, true, &place));
	OK(mbox_out_flush(&out, &err));
	assert_true(temp_holds("box", FROM "A: b\nStatus: O\n\n\n" FROM
					   "A: b\nStatus: O\nX-Status: TD\n\n\n"));
}

static void
many_keywords_are_folded_and_bounded(void **state)
{
	static char keywords[100000];
	struct msg m = message(0, keywords);
	struct wire w = { "A: b\r\n\r\nx\r\n", 11 };
	struct mbox_place place;
	size_t len = 0, longest = 0;

	(void)state;
	for (size_t i = 0; i + 20 < sizeof keywords; i += 20)
		snprintf(keywords + i, 21, "keyword\n%11zu ", i);
	for (char *p = keywords; *p != '\0'; p++)
		*p = *p == ' ' && p[1] == ' ' ? '_' : *p;
	OK(put(w, 8, 8, &m, false, true, &place));
	OK(mbox_out_flush(&out, &err));
	assert_true(place.status_len > 3000 && place.status_len < MBOX_STATUS_MAX);
	check_file(w, &place);
	char *file = temp_read("box", &len);
	for (char *line = file, *lf; (lf = strchr(line, '\n')) != NULL; line = lf + 1)
		longest = (size_t)(lf - line) > longest ? (size_t)(lf - line) : longest;
	assert_true(longest < 998);
	assert_non_null(strstr(file, "keyword?"));
	free(file);
	memset(keywords, 'k', sizeof keywords - 1); /* one that fits nowhere */
	OK(put(w, 8, 8, &m, false, true, &place));
	OK(mbox_out_flush(&out, &err));
	check_file(w, &place);
}

#define W(octets) { octets, sizeof(octets) - 1 }
static const struct wire nasty[] = {
	W(""),
	W("\r"),
	W("\n"),
	W("\r\r\n"),
	W("From "),
	W(">From \r\n"),
	W("A: b\r\n\r\nFrom x\r\n>From y\r\n>>Fro\r\n\r\n"),
	W("A: b\r\nFrom c\r\n\r\nx\r\nFrom y\nz\r\n"),
	W("A: b\r\nFrom c\r\n\r\nx\r\nFrom y\rFrom z"),
	W("A: b\r\n\r\nFrom\r"),
	W("A: b\r\n\r"),
	W("A: b\n\nFrom x\n\nFrom y\n"),
	W("nul \0From\0\r\nFrom \0\r\n\x80\xff\r\n"),
};

static void
every_cut_of_a_message_is_stored_the_same(void **state)
{
	struct msg m = message(FLAG_SEEN, "k");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(nasty); i++) {
		for (unsigned how = 0; how < 4; how++) {
			char *want = NULL;
			size_t want_len = 0;

			for (size_t cut = 0; cut < 4 * (nasty[i].len + 1); cut++) {
				size_t first = cut / 4, step = cut % 4, len = 0;
				struct mbox_place place;

				mbox_out_file(&out, fd, 0);
				OK(ftruncate(fd, 0));
				OK(put(nasty[i], first + 1, step == 3 ? 100 : step + 1, &m,
				    how & 1, how & 2, &place));
				OK(mbox_out_flush(&out, &err));
				check_file(nasty[i], &place);
				char *file = temp_read("box", &len);
				if (want == NULL) {
					want = file;
					want_len = len;
				}
				assert_int_equal(len, want_len);
				assert_memory_equal(file, want, len);
				if (file != want)
					free(file);
			}
			free(want);
		}
	}
}

/* A large message whose nasty piece lies across every border of the buffers. */
static void
buffers_have_no_borders(void **state)
{
	static const char *const piece[] = { "\r\n>From x\r\n", "\r\nFrom x\rFrom y\nFrom z",
		"\r\n\r\nFrom x\r\n", "\n" };
	static char text[MBOX_BUFFER + 3 * MBOX_STEP];
	struct msg m = message(FLAG_SEEN, "k");
	struct mbox_place place;

	(void)state;
	for (size_t k = 0; k < COUNT_OF(piece); k++) {
		for (size_t at = MBOX_STEP - 60; at < MBOX_STEP + 4; at += 1 + (at < MBOX_STEP - 30)) {
			for (size_t i = 0; i < sizeof text; i++)
				text[i] = i % 61 == 59       ? '\r'
				    : i % 61 == 60 ? '\n'
						   : (char)('a' + i % 26);
			memcpy(text + at, piece[k], strlen(piece[k]));
			memcpy(text + at + MBOX_BUFFER - MBOX_STEP, piece[k], strlen(piece[k]));
			struct wire w = { text, sizeof text - at % 3 };
			mbox_out_file(&out, fd, 0);
			OK(ftruncate(fd, 0));
			OK(put(w, sizeof text, sizeof text, &m, false, at % 2, &place));
			OK(mbox_out_flush(&out, &err));
			check_file(w, &place);
		}
	}
}

/* Messages of all kinds behind one another; each is found, also by who knows nothing of places. */
static void
a_file_of_many_is_read_by_others(void **state)
{
	static char big[MBOX_BUFFER];
	struct msg m = message(0, "");
	struct mbox_place place[64];
	size_t n = 0, len = 0, io = 0;

	(void)state;
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof big - 7, "\r\nFrom ", 7);
	for (size_t i = 0; i < 60; i++) {
		struct wire w = i % 20 == 19 ? (struct wire){ big, sizeof big } : nasty[i % 13];

		OK(put(w, 7, 11, &m, false, false, &place[n++]));
	}
	OK(mbox_out_flush(&out, &err));
	char *file = temp_read("box", &len);
	for (size_t i = 0; i < n; i++) {
		struct wire w = i % 20 == 19 ? (struct wire){ big, sizeof big } : nasty[i % 13];
		struct octets got = read_next(file, len, &io);

		check_file(w, &place[i]);
		assert_non_null(got.data);
		if (place[i].lf)
			got = read_wide(got);
		/* a line end may have been added; nothing else may differ */
		assert_true(got.len >= w.len && got.len <= w.len + 2);
		assert_true(w.len == 0 || memcmp(got.data, w.data, w.len) == 0);
		free(got.data);
	}
	assert_int_equal(io, len);
	free(file);
}

static void
an_abandoned_message_is_cut_off(void **state)
{
	static char big[2 * MBOX_BUFFER];
	struct msg m = message(0, "");
	struct mbox_place place;
	struct wire w = { "A: b\r\n\r\n", 8 };

	(void)state;
	memset(big, 'x', sizeof big);
	OK(put(w, 8, 8, &m, false, false, &place));
	for (size_t n = 1; n <= sizeof big; n = n * 5) {
		OK(mbox_out_begin(&out, &m, false, false, &err));
		OK(mbox_out_write(&out, (struct slice){ big, n }, &err));
		mbox_out_abandon(&out);
	}
	/* line ends, then a bare one, so that the file was made wide */
	for (size_t i = 0; i + 1 < sizeof big; i += 2)
		memcpy(big + i, "\r\n", 2);
	OK(mbox_out_begin(&out, &m, false, false, &err));
	OK(mbox_out_write(&out, (struct slice){ big, sizeof big }, &err));
	OK(mbox_out_write(&out, slice_str("\n"), &err));
	mbox_out_abandon(&out);
	OK(put(w, 8, 8, &m, false, false, &place));
	mbox_out_abandon(&out); /* also when it had ended */
	OK(put(w, 8, 8, &m, false, false, &place));
	OK(mbox_out_flush(&out, &err));
	assert_true(temp_holds("box", FROM "A: b\n\n\n" FROM "A: b\n\n\n"));
}

static void
dates_are_in_english_and_in_utc(void **state)
{
	struct msg m = message(0, "");
	struct mbox_place place;
	struct wire none = { "", 0 };
	static const int64_t at[] = { 0, -5, 951782400, 253402300799, INT64_MAX };

	(void)state;
	(void)setlocale(LC_ALL, "");
	setenv("TZ", "Asia/Tokyo", 1);
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		m.date.epoch = at[i];
		OK(put(none, 1, 1, &m, false, false, &place));
	}
	m.date.known = false;
	OK(put(none, 1, 1, &m, false, false, &place));
	OK(mbox_out_flush(&out, &err));
	assert_true(temp_holds("box", "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\n"
				      "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\n"
				      "From MAILER-DAEMON Tue Feb 29 00:00:00 2000\n\n"
				      "From MAILER-DAEMON Fri Dec 31 23:59:59 9999\n\n"
				      "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\n"
				      "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\n"));
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &l);
}

/* Room for a part of a message, and none when its line ends are made wide. */
static void
a_full_disk_is_an_error_and_can_be_gone_on_from(void **state)
{
	static char lines[2 * MBOX_BUFFER];
	struct msg m = message(0, "");
	struct mbox_place place, first;
	struct wire small = { "A: b\r\n\r\n", 8 }, w = { lines, sizeof lines };

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i + 1 < sizeof lines; i += 2)
		memcpy(lines + i, "\r\n", 2);
	lines[sizeof lines - 1] = 'x';
	OK(put(small, 8, 8, &m, false, false, &first));
	for (rlim_t room = 1000; room < sizeof lines + 100; room += 65536) {
		limit_files(room);
		int rc = put(w, 5000, 70000, &m, false, false, &place);
		if (rc == 0)
			rc = mbox_out_flush(&out, &err);
		limit_files(RLIM_INFINITY);
		assert_int_equal(rc, -1);
		assert_int_equal(err_exit_code(err.kind), 74);
		mbox_out_abandon(&out);
	}
	OK(put(w, 5000, 70000, &m, false, false, &place));
	OK(mbox_out_flush(&out, &err));
	check_file(small, &first);
	check_file(w, &place);
}

static void
what_another_program_appended_is_not_overwritten(void **state)
{
	struct msg m = message(0, "");
	struct mbox_place place;
	struct wire w = { "A: b\r\n\r\n", 8 };

	(void)state;
	OK(put(w, 8, 8, &m, false, false, &place));
	OK(mbox_out_flush(&out, &err));
	temp_write("box", "From elsewhere\n\n", 16, "ab");
	OK(put(w, 8, 8, &m, false, false, &place));
	assert_int_equal(mbox_out_flush(&out, &err), -1);
	assert_non_null(strstr(err.text, "another program"));
	assert_true(temp_holds("box", FROM "A: b\n\n\nFrom elsewhere\n\n"));
}

#define WITH_OUT(f) cmocka_unit_test_setup_teardown(f, out_begin, out_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_OUT(a_message_stands_between_its_from_line_and_an_empty_line),
		WITH_OUT(lines_that_look_like_its_start_are_quoted),
		WITH_OUT(status_fields_end_the_header),
		WITH_OUT(status_fields_tell_only_what_there_is),
		WITH_OUT(many_keywords_are_folded_and_bounded),
		WITH_OUT(every_cut_of_a_message_is_stored_the_same),
		WITH_OUT(buffers_have_no_borders),
		WITH_OUT(a_file_of_many_is_read_by_others),
		WITH_OUT(an_abandoned_message_is_cut_off),
		WITH_OUT(dates_are_in_english_and_in_utc),
		WITH_OUT(a_full_disk_is_an_error_and_can_be_gone_on_from),
		WITH_OUT(what_another_program_appended_is_not_overwritten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
