/* Sets of UIDs against a bitmap that does the same naively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/uidset.h"

enum { WORLD = 400, ROUNDS = 3000 };

static uint32_t seed;

static uint32_t
roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
fill(struct uidset *s, bool *model, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t lo = 1 + roll(WORLD - 1), hi = lo + roll(12);

		if (hi >= WORLD)
			hi = WORLD - 1;
		assert_true(roll(2) ? uidset_add(s, lo, hi) : uidset_add(s, hi, lo));
		for (uint32_t u = lo; u <= hi; u++)
			model[u] = true;
	}
	uidset_sort(s);
}

/* Ranges ascend, do not touch, and every question has the answer of the model. */
static void
agree(const struct uidset *s, const bool *model)
{
	uint64_t n = 0;
	uint32_t after = 0, last = 0;

	for (size_t i = 0; i < s->len; i++) {
		assert_true(s->range[i].lo >= 1 && s->range[i].lo <= s->range[i].hi);
		assert_true(i == 0 || s->range[i].lo > s->range[i - 1].hi);
	}
	for (uint32_t u = 1; u < WORLD; u++) {
		assert_int_equal(uidset_has(s, u), model[u]);
		assert_int_equal(uidset_count_below(s, u), n);
		if (!model[u])
			continue;
		assert_int_equal(uidset_nth(s, ++n), u);
		assert_int_equal(uidset_after(s, after), u);
		after = last = u;
	}
	assert_int_equal(uidset_count(s), n);
	assert_int_equal(uidset_nth(s, n + 1), 0);
	assert_int_equal(uidset_nth(s, 0), 0);
	assert_int_equal(uidset_after(s, last), 0);
	assert_int_equal(uidset_last(s), last);
}

static void
uidset_does_what_a_bitmap_does(void **state)
{
	(void)state;
	seed = 7;
	for (int round = 0; round < ROUNDS; round++) {
		struct uidset a = { 0 }, b = { 0 }, minus = { 0 }, copy = { 0 };
		bool in_a[WORLD] = { 0 }, in_b[WORLD] = { 0 }, in_minus[WORLD];

		fill(&a, in_a, roll(20));
		fill(&b, in_b, roll(20));
		agree(&a, in_a);
		for (unsigned i = roll(30); i > 0; i--) {
			uint32_t u = 1 + roll(WORLD - 1);

			assert_true(uidset_remove(&a, u));
			in_a[u] = false;
		}
		agree(&a, in_a);
		for (uint32_t u = 0; u < WORLD; u++)
			in_minus[u] = in_a[u] && !in_b[u];
		uidset_minus(&a, &b, &minus);
		agree(&minus, in_minus);
		assert_true(uidset_copy(&b, &copy));
		agree(&copy, in_b);
		uidset_done(&a);
		uidset_done(&b);
		uidset_done(&minus);
		uidset_done(&copy);
	}
}

static void
uidset_is_read_back_from_its_text(void **state)
{
	(void)state;
	seed = 11;
	for (int round = 0; round < 300; round++) {
		struct uidset a = { 0 }, back = { 0 };
		bool model[WORLD] = { 0 };
		size_t at = 0;

		fill(&a, model, 1 + roll(40));
		while (at < a.len) {
			struct buf text;
			size_t max = 22 + roll(60);

			buf_init(&text, 1000);
			size_t n = uidset_text(&a, at, max, &text);

			assert_true(n >= 1);
			assert_true(text.len <= max);
			assert_true(uidset_parse(&back, buf_slice(&text)));
			at += n;
			buf_done(&text);
		}
		agree(&back, model);
		uidset_done(&a);
		uidset_done(&back);
	}
}

static void
uidset_goes_to_the_last_uid_there_can_be(void **state)
{
	struct uidset s = { 0 }, none = { 0 }, out = { 0 };

	(void)state;
	assert_true(uidset_add(&s, UINT32_MAX, UINT32_MAX));
	assert_true(uidset_add(&s, 1, UINT32_MAX - 1));
	uidset_sort(&s);
	assert_int_equal(s.len, 1);
	assert_int_equal(uidset_count(&s), UINT32_MAX);
	assert_int_equal(uidset_nth(&s, UINT32_MAX), UINT32_MAX);
	assert_int_equal(uidset_after(&s, UINT32_MAX - 1), UINT32_MAX);
	assert_int_equal(uidset_after(&s, UINT32_MAX), 0);
	assert_int_equal(uidset_count_below(&s, UINT32_MAX), UINT32_MAX - 1);
	assert_true(uidset_add(&s, UINT32_MAX, UINT32_MAX));
	assert_int_equal(s.len, 1);
	uidset_minus(&s, &none, &out);
	assert_int_equal(uidset_count(&out), UINT32_MAX);
	uidset_clear(&out);
	uidset_minus(&s, &s, &out);
	assert_int_equal(out.len, 0);
	assert_true(uidset_remove(&s, UINT32_MAX));
	assert_int_equal(uidset_last(&s), UINT32_MAX - 1);
	uidset_done(&s);
	uidset_done(&out);
}

static void
uidset_refuses_zero_and_text_that_is_no_set(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"*",
		"1:*",
		"1,",
		",1",
		"1:",
		":1",
		"1:2:3",
		"4294967296",
		"-1",
		" 1",
		"1 ",
		"1,0",
		"a",
		"1\n",
	};
	struct uidset s = { 0 };

	(void)state;
	assert_false(uidset_add(&s, 0, 5));
	assert_false(uidset_add(&s, 5, 0));
	assert_int_equal(s.len, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uidset_clear(&s);
		if (uidset_parse(&s, slice_str(bad[i])))
			fail_msg("'%s' was taken for a set", bad[i]);
	}
	uidset_clear(&s);
	assert_true(uidset_parse(&s, slice_str("9:7,1,2,4294967295")));
	assert_int_equal(uidset_count(&s), 6);
	uidset_done(&s);
}

static void
uidset_does_not_grow_over_its_limit(void **state)
{
	struct uidset s = { 0 };

	(void)state;
	for (uint32_t i = 0; i < UIDSET_MAX - 1; i++)
		assert_true(uidset_add(&s, 1 + 2 * i, 1 + 2 * i));
	assert_true(uidset_add(&s, 100000000, 200000000));
	assert_false(uidset_add(&s, 300000000, 300000000));
	assert_int_equal(s.len, UIDSET_MAX);
	/* Taking one away from the middle would need a range more. */
	assert_false(uidset_remove(&s, 150000000));
	assert_true(uidset_has(&s, 150000000));
	assert_true(uidset_remove(&s, 100000000));
	assert_true(uidset_remove(&s, 1));
	assert_true(uidset_remove(&s, 150000000));
	assert_false(uidset_has(&s, 150000000));
	assert_int_equal(s.len, UIDSET_MAX);
	uidset_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uidset_does_what_a_bitmap_does),
		cmocka_unit_test(uidset_is_read_back_from_its_text),
		cmocka_unit_test(uidset_goes_to_the_last_uid_there_can_be),
		cmocka_unit_test(uidset_refuses_zero_and_text_that_is_no_set),
		cmocka_unit_test(uidset_does_not_grow_over_its_limit),
	};

	return cmocka_run_group_tests_name("uidset", tests, NULL, NULL);
}
