/* Line ends, in one piece and in every other way to cut a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/eol.h"

enum { TEXT_MAX = 64 };

/* What a sink does: keep what is converted; where it breaks, the rest and a held CR are to be kept as they are. */
struct kept {
	char lf[2 * TEXT_MAX];
	size_t len, used;
	bool whole;
};

static void
convert(struct kept *k, const char *text, size_t len, const size_t *cuts, size_t n_cuts)
{
	struct eol e;

	*k = (struct kept){ .len = 0 };
	eol_start(&e);
	for (size_t i = 0, from = 0; i <= n_cuts; i++) {
		size_t to = i < n_cuts ? cuts[i] : len, used;
		char *chunk = mem_resize(NULL, to - from + 1, 1), *out = mem_resize(NULL, to - from + 1, 1);

		if (to > from)
			memcpy(chunk, text + from, to - from);
		size_t put = eol_crlf_to_lf(&e, (struct slice){ chunk, to - from }, out, &used);
		assert_true(put <= to - from + 1 && used <= to - from);
		assert_true((used < to - from) == (e.broken && to > from));
		if (put > 0)
			memcpy(k->lf + k->len, out, put);
		k->len += put;
		k->used = from + used - (e.cr_held && e.broken);
		free(chunk);
		free(out);
		if (e.broken)
			break;
		from = to;
	}
	k->whole = eol_end(&e);
}

/* By the rule of rules.md 3.4, octet by octet. */
static bool
reversible(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'))
			return false;
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			return false;
	}
	return true;
}

static void
assert_kept(const struct kept *k, const char *text, size_t len)
{
	char back[4 * TEXT_MAX];
	size_t n = eol_lf_to_crlf((struct slice){ k->lf, k->len }, back);

	assert_int_equal(k->whole, reversible(text, len));
	if (k->whole) {
		assert_int_equal(n, len);
	} else if (k->used < len) {
		assert_int_equal(n, k->used);	/* the rest begins where the undone part ends */
	}
	assert_memory_equal(back, text, n < len ? n : len);
	assert_null(memchr(k->lf, '\r', k->len));
}

static void
every_short_text_is_kept_or_refused_at_every_cut(void **state)
{
	static const char octets[] = "a\r\n";
	char text[8];

	(void)state;
	for (int len = 0, n = 1; len <= 7; len++, n *= 3) {
		for (int which = 0; which < n; which++) {
			for (int i = 0, w = which; i < len; i++, w /= 3)
				text[i] = octets[w % 3];
			for (size_t cut = 0; cut <= (size_t)len; cut++) {
				size_t cuts[] = { cut, cut + (cut < (size_t)len) };
				struct kept k;

				convert(&k, text, (size_t)len, cuts, 2);
				assert_kept(&k, text, (size_t)len);
			}
		}
	}
}

static void
random_texts_are_kept_or_refused(void **state)
{
	(void)state;
	srand(4);
	for (int round = 0; round < 20000; round++) {
		char text[TEXT_MAX];
		size_t len = 0, cuts[3];
		struct kept k;

		while (len < TEXT_MAX - 2 && rand() % 30 != 0) {
			int what = rand() % 40;

			if (what < 8)
				text[len++] = '\r';
			if (what < 8 || what == 9)
				text[len++] = '\n';
			else
				text[len++] = what == 10 ? '\r' : what == 11 ? '\0' : (char)(128 + what);
		}
		for (size_t i = 0; i < 3; i++)
			cuts[i] = i > 0 && cuts[i - 1] >= len ? len : (i > 0 ? cuts[i - 1] : 0) + (size_t)rand() % 9;
		for (size_t i = 0; i < 3; i++)
			cuts[i] = cuts[i] > len ? len : cuts[i];
		convert(&k, text, len, cuts, 3);
		assert_kept(&k, text, len);
	}
}

static void
held_cr_at_the_end_is_not_reversible(void **state)
{
	struct eol e;
	char out[8];
	size_t used;

	(void)state;
	eol_start(&e);
	assert_int_equal(eol_crlf_to_lf(&e, slice_str("ab\r"), out, &used), 2);
	assert_int_equal(used, 3);
	assert_true(e.cr_held && !e.broken);
	assert_false(eol_end(&e));
	assert_int_equal(eol_crlf_to_lf(&e, slice_str("c"), out, &used), 0);
	assert_int_equal(used, 0);
	assert_true(e.cr_held && e.broken);	/* the CR is to be kept before the "c" */
	assert_int_equal(eol_crlf_to_lf(&e, slice_str("d"), out, &used), 0);
	assert_int_equal(used, 0);
}

static void
empty_chunks_and_messages_are_fine(void **state)
{
	struct eol e;
	char out[1];
	size_t used = 9;

	(void)state;
	eol_start(&e);
	assert_int_equal(eol_crlf_to_lf(&e, (struct slice){ NULL, 0 }, out, &used), 0);
	assert_int_equal(used, 0);
	assert_true(eol_end(&e));
	assert_int_equal(eol_lf_to_crlf((struct slice){ NULL, 0 }, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_short_text_is_kept_or_refused_at_every_cut),
		cmocka_unit_test(random_texts_are_kept_or_refused),
		cmocka_unit_test(held_cr_at_the_end_is_not_reversible),
		cmocka_unit_test(empty_chunks_and_messages_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
