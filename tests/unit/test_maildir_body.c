/* What arrives in chunks of any size is stored so that the wire form can be had back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "store/maildir/maildir_body.h"
#include "tempdir.h"

struct wire {
	const char *data;
	size_t len;
};

static struct body body;
static int dir;

static int
body_test_begin(void **state)
{
	struct err err;

	if (temp_dir_make(state) < 0 || file_open_dir(AT_FDCWD, temp_dir, &dir, &err) < 0)
		return -1;
	body_init(&body);
	return 0;
}

static int
body_test_end(void **state)
{
	body_done(&body);
	file_close(&dir);
	return temp_dir_remove(state);
}

/* Store `wire` in chunks of `step` octets after a first one of `first`. */
static uint64_t
store(struct wire wire, size_t first, size_t step, bool keep_crlf)
{
	struct err err = { 0 };
	uint64_t stored = 0;
	int fd = -1;

	body_start(&body, dir, "message", keep_crlf);
	for (size_t at = 0, n = first; at < wire.len; at += n, n = step) {
		n = n < wire.len - at ? n : wire.len - at;
		assert_int_equal(body_write(&body, (struct slice){ wire.data + at, n }, &err), 0);
	}
	assert_int_equal(body_whole(&body, &stored, &err), 0);
	assert_int_equal(body_end(&body, &fd, &err), 0);
	assert_true(fd >= 0);
	assert_int_equal(body.wire, wire.len);
	file_close(&fd);
	return stored;
}

static bool
reversible(struct wire w)
{
	for (size_t i = 0; i < w.len; i++) {
		if (w.data[i] == '\n' && (i == 0 || w.data[i - 1] != '\r'))
			return false;
		if (w.data[i] == '\r' && (i + 1 == w.len || w.data[i + 1] != '\n'))
			return false;
	}
	return true;
}

/* The file must be the LF form when that can be undone, else the wire form. */
static void
check_file(struct wire wire, uint64_t stored)
{
	size_t len;
	char *text = temp_read("message", &len);
	bool lf = reversible(wire);
	size_t at = 0;

	assert_non_null(text);
	assert_int_equal(len, stored);
	for (size_t i = 0; i < wire.len; i++) {
		if (lf && wire.data[i] == '\r')
			continue;
		assert_true(at < len);
		if (text[at] != wire.data[i])
			fail_msg("octet %zu of %zu differs", at, len);
		at++;
	}
	assert_int_equal(at, len);
	free(text);
}

static const struct wire small[] = {
	{ "", 0 },
	{ "\r\n", 2 },
	{ "a", 1 },
	{ "\r", 1 },
	{ "\n", 1 },
	{ "Subject: x\r\n\r\nbody\r\n", 20 },
	{ "a\r\nb\nc\r\n", 8 },
	{ "a\r\nb\rc\r\n", 8 },
	{ "a\r\r\nb", 5 },
	{ "a\r\n\r", 4 },
	{ "a\n\r\n", 4 },
	{ "\r\n\r\n\r\n\n", 7 },
	{ "nul \0 in it\r\n\x80\xff\r\n", 17 },
};

static void
every_cut_of_a_message_stores_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
		for (size_t first = 1; first <= small[i].len + 1; first++) {
			for (size_t step = 1; step <= small[i].len + 1; step++)
				check_file(small[i], store(small[i], first, step, false));
		}
	}
}

static void
wire_octets_are_kept_when_asked_for(void **state)
{
	struct wire w = { "a\r\nb\r\n", 6 };

	(void)state;
	assert_int_equal(store(w, 2, 1, true), 6);
	assert_true(temp_holds("message", "a\r\nb\r\n"));
}

/* Lines of several lengths, `len` octets in all. */
static char *
large(size_t len)
{
	char *text = malloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		size_t column = i % 61;

		text[i] = column == 59 ? '\r' : column == 60 ? '\n' : (char)('a' + i % 26);
	}
	if (text[len - 1] == '\r')
		text[len - 1] = 'z';
	return text;
}

static const size_t steps[] = { 1000, 4096, 16383, 65535, 65536, 65537, 1 << 20 };

static void
a_large_message_streams_into_lf(void **state)
{
	char *text = large(5 * BODY_BUFFER + 17);
	struct wire w = { text, 5 * BODY_BUFFER + 17 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		check_file(w, store(w, steps[i], steps[i], false));
	check_file(w, store(w, 1, 1, false));
	free(text);
}

/* One octet that cannot be undone, at every kind of place. */
static void
a_large_message_turns_back_into_wire_octets_wherever_it_breaks(void **state)
{
	const size_t len = 5 * BODY_BUFFER + 17;
	const size_t places[] = { 0, 1, 1000, BODY_BUFFER - 1, BODY_BUFFER, BODY_BUFFER + 1,
		61 * (BODY_BUFFER / 60), 2 * BODY_BUFFER + 100, 4 * BODY_BUFFER + 2500, len - 2,
		len - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		for (int bare = 0; bare < 2; bare++) {
			char *text = large(len);
			struct wire w = { text, len };

			text[places[i]] = bare != 0 ? '\r' : '\n';
			if (places[i] > 0 && text[places[i] - 1] == '\r')
				text[places[i] - 1] = 'x';
			for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++)
				check_file(w, store(w, 777, steps[k], false));
			free(text);
		}
	}
}

static void
lines_without_text_are_made_wide_in_place(void **state)
{
	const size_t len = 8 * BODY_BUFFER;
	char *text = malloc(len);
	struct wire w = { text, len };

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 == 0 ? '\r' : '\n';
	check_file(w, store(w, 10000, 10000, false));
	text[len - 1] = 'x';
	check_file(w, store(w, 10000, 10000, false));
	free(text);
}

static void
an_abandoned_message_leaves_no_file(void **state)
{
	char *text = large(2 * BODY_BUFFER);
	struct err err = { 0 };

	(void)state;
	body_start(&body, dir, "message", true);
	assert_int_equal(body_write(&body, (struct slice){ text, 2 * BODY_BUFFER }, &err), 0);
	assert_true(temp_has("message"));
	body_abandon(&body);
	assert_false(temp_has("message"));
	body_abandon(&body);
	free(text);
}

/* What an earlier run left below the same name is longer. */
static void
an_older_file_of_the_name_is_overwritten(void **state)
{
	struct wire w = { "a\r\n", 3 };

	(void)state;
	temp_write("message", "much longer than the new one", 28, "wb");
	check_file(w, store(w, 3, 3, false));
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	struct err err = { 0 };
	uint64_t stored;
	int fd;

	(void)state;
	temp_write("precious", "keep", 4, "wb");
	assert_int_equal(symlink(temp_path("precious"), temp_path("message")), 0);
	body_start(&body, dir, "message", false);
	assert_int_equal(body_write(&body, (struct slice){ "x", 1 }, &err), 0);
	assert_int_equal(body_whole(&body, &stored, &err), 0);
	assert_int_equal(body_end(&body, &fd, &err), -1);
	assert_true(temp_holds("precious", "keep"));
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, body_test_begin, body_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(every_cut_of_a_message_stores_the_same),
		WITH_DIR(wire_octets_are_kept_when_asked_for),
		WITH_DIR(a_large_message_streams_into_lf),
		WITH_DIR(a_large_message_turns_back_into_wire_octets_wherever_it_breaks),
		WITH_DIR(lines_without_text_are_made_wide_in_place),
		WITH_DIR(an_abandoned_message_leaves_no_file),
		WITH_DIR(an_older_file_of_the_name_is_overwritten),
		WITH_DIR(a_symbolic_link_is_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
