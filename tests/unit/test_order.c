/* app/order: requests to the process that runs a job, as text and as files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/run/order.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tempdir.h"

static const char lock[] = "4711 host.example 2026-11-26T08:00:00.000Z";

static bool
parse(const char *text, struct order *ret)
{
	return order_parse(text, strlen(text), lock, ret);
}

static void
request_comes_back_as_it_was(void **state)
{
	struct order o = { .word = "stop", .text = "ann\"\\a@h\xc3\xb6st\n" }, back;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	order_text(&o, lock, &b);
	assert_true(parse(b.data, &back));
	assert_string_equal(back.word, o.word);
	assert_string_equal(back.text, o.text);
	assert_false(order_parse(b.data, b.len, "4712 host.example 2026-11-26T08:00:00.000Z", &back));
	for (size_t len = 0; len + 2 < b.len; len++)
		assert_false(order_parse(b.data, len, lock, &back));
	buf_done(&b);
}

static void
request_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "null", "\"stop\"",
		"{\"to\":\"4711 host.example 2026-11-26T08:00:00.000Z\",\"word\":\"stop\"}",
		"{\"to\":\"4711 host.example 2026-11-26T08:00:00.000Z\",\"word\":1,\"text\":\"\"}",
		"{\"to\":4711,\"word\":\"stop\",\"text\":\"\"}",
		("{\"to\":\"4711 host.example 2026-11-26T08:00:00.000Z\","
		 "\"word\":\"a-word-that-is-longer-than-any-word-there-is\",\"text\":\"\"}"),
	};
	struct order o;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (parse(bad[i], &o))
			fail_msg("'%s' was accepted", bad[i]);
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(temp_path(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
age_file(const char *name)
{
	assert_int_equal(utimensat(AT_FDCWD, temp_path(name), (struct timespec[2]){ { .tv_sec = 1 } }, 0), 0);
}

/* What is there when the process begins is of the dead; then what is for it is taken once, and what is
 * not for it is taken away. */
static void
desk_takes_what_is_for_its_process(void **state)
{
	struct order_desk *d = NULL;
	struct order o = { .word = "pause" };
	struct order_answer a = { .text = "paused" };
	struct buf b, other;
	struct err err;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&other, 4096);
	order_text(&o, lock, &b);
	order_text(&o, "1 dead.example then", &other);
	write_file("imex.lock", "4711 host.example 2026-11-26T08:00:00.000Z\n");
	write_file("imex.ask.0", other.data);
	write_file("imex.answer.0", "{}");
	write_file("imex.new.0", "{");
	age_file("imex.answer.0");
	age_file("imex.new.0");
	write_file("imex.new.9", "{");
	write_file("imex.answer.9", "{}");
	assert_int_equal(order_desk_open(&d, temp_dir, &err), 0);
	assert_false(order_next(d, &o));
	assert_false(temp_has("imex.ask.0") || temp_has("imex.answer.0") || temp_has("imex.new.0"));
	/* Somebody is at it; the answer may be that of the process that led before. */
	assert_true(temp_has("imex.new.9") && temp_has("imex.answer.9"));
	write_file("imex.ask.1", other.data);
	write_file("imex.ask.2", b.data);
	while (temp_has("imex.ask.2"))
		assert_true(order_next(d, &o) || !temp_has("imex.ask.1"));
	assert_string_equal(o.word, "pause");
	assert_string_equal(o.id, "2");
	while (temp_has("imex.ask.1"))
		assert_false(order_next(d, &o));
	order_reply(d, &o, &a);
	assert_true(temp_has("imex.answer.2"));
	order_desk_close(&d);
	/* One that was asked before the desk was open is heard. */
	write_file("imex.ask.3", b.data);
	assert_int_equal(order_desk_open(&d, temp_dir, &err), 0);
	assert_true(order_next(d, &o));
	assert_string_equal(o.id, "3");
	assert_false(order_next(d, &o));
	order_desk_close(&d);
	order_desk_close(&d);
	buf_done(&b);
	buf_done(&other);
}

/* The lock of a process that is gone asks nobody. */
static void
nobody_is_asked_where_nothing_runs(void **state)
{
	const struct order o = { .word = "pause" };
	struct order_answer a;
	struct err err;

	(void)state;
	write_file("imex.lock", "4711 host.example 2026-11-26T08:00:00.000Z\n");
	assert_int_equal(order_send(temp_dir, &o, 10, &a, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_comes_back_as_it_was),
		cmocka_unit_test(request_that_is_none_is_refused),
		cmocka_unit_test_setup_teardown(
		    desk_takes_what_is_for_its_process, temp_dir_make, temp_dir_remove),
		cmocka_unit_test_setup_teardown(
		    nobody_is_asked_where_nothing_runs, temp_dir_make, temp_dir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
