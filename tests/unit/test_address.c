/* Lists of addresses, good and bad; no recipient disappears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/address.h"

/* "name|address" of each, in lines. */
static const char *
list_of(struct slice value)
{
	static struct buf b;
	struct addresses list = { .len = 0 };
	struct arena a;

	if (b.max == 0)
		buf_init(&b, 64 << 20);
	buf_reset(&b);
	arena_init(&a, 64 << 20);
	assert_true(addresses_read(value, &a, &list));
	for (size_t i = 0; i < list.len; i++)
		buf_printf(&b, "%s%s|%s", i > 0 ? "\n" : "", list.one[i].name, list.one[i].address);
	assert_true(utf8_valid(buf_slice(&b)));
	arena_done(&a);
	return b.data;
}

#define LIST(value, want) assert_string_equal(list_of(slice_str(value)), want)

static void
addresses_are_read_in_every_common_form(void **state)
{
	(void)state;
	LIST("", "");
	LIST(" \r\n ", "");
	LIST("a@x", "|a@x");
	LIST("<a@x>", "|a@x");
	LIST("Anna <a@x>", "Anna|a@x");
	LIST("\"Doe, John\" <a@x>, b@y", "Doe, John|a@x\n|b@y");
	LIST("a@x (Anna)", "Anna|a@x");
	LIST("a@x (Anna (of the) office)", "Anna (of the) office|a@x");
	LIST("=?utf-8?Q?J=C3=B6rg?= M. <a@x>", "J\xc3\xb6rg M.|a@x");
	LIST("\"=?utf-8?Q?J=C3=B6rg?=\" <a@x>", "J\xc3\xb6rg|a@x");
	LIST("J\xf6rg <a@x>", "J\xc3\xb6rg|a@x");
	LIST("\"a \\\"b\\\" c\" <a@x>", "a \"b\" c|a@x");
	LIST("\"john smith\"@x.org", "|\"john smith\"@x.org");
	LIST("\"a\\\"b\"@x", "|\"a\\\"b\"@x");
	LIST("A <@r1,@r2:a@x>, b@y", "A|a@x\n|b@y");
	LIST("joe @ example . com", "|joe@example.com");
	LIST("a@[IPv6:::1], b@[10.0.0.1]", "|a@[IPv6:::1]\n|b@[10.0.0.1]");
	LIST("a@x; b@y", "|a@x\n|b@y");
	LIST("a@x,\r\n\tb@y,,c@z,", "|a@x\n|b@y\n|c@z");
	LIST("O'Neil <o@x>", "O'Neil|o@x");
}

static void
groups_are_flattened_and_empty_ones_keep_their_name(void **state)
{
	(void)state;
	LIST("Team: a@x, B <b@y>;, c@z", "|a@x\nB|b@y\n|c@z");
	LIST("undisclosed-recipients:;", "undisclosed-recipients|");
	LIST("\"Hidden, all\" : ;, a@x", "Hidden, all|\n|a@x");
	LIST("Team: a@x, b@y", "|a@x\n|b@y");
	LIST("Team:", "Team|");
	LIST("A: B: c@x;;", "B|\n|c@x");
}

static void
em_09_what_is_broken_is_kept_as_a_name(void **state)
{
	(void)state;
	LIST("root", "root|");
	LIST("John Doe", "John Doe|");
	LIST("John Doe john@x", "John Doe john@x|");
	LIST("John Doe (here)", "John Doe (here)|");
	LIST("@, a@, @b, c@d", "@|\na@|\n@b|\n|c@d");
	LIST("Anna <a@x", "Anna|a@x");
	LIST("Anna <a@x, Bob <b@y>", "Anna|a@x\nBob|b@y");
	LIST("Anna <a@x <b@y>", "Anna|a@x\n|b@y");
	LIST("Anna <>", "Anna|");
	LIST("<>", "");
	LIST("Anna <a b>", "Anna|a b");
	LIST("\"open <a@x>, b@y", "\"open|a@x\n|b@y");
	LIST("(open a@x, b@y", "(open a@x|\n|b@y");
	LIST("a@x> b", "a@x> b|");
	LIST("Anna <a@x> (sic) junk", "Anna junk|a@x");
	LIST("/O=ORG/CN=ANNA", "/O=ORG/CN=ANNA|");
	LIST("Anna </O=ORG/CN=ANNA>", "Anna|/O=ORG/CN=ANNA");
	assert_string_equal(list_of((struct slice){ "a\0b <a@x>\0, c@y", 15 }), "a b|a@x\n|c@y");
}

static void
nothing_that_holds_an_at_sign_is_lost(void **state)
{
	static const char pieces[] = "a@<>,;:\"()\\ \r\n.=?[]";
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[40];
		size_t len = 0, ats = 0, found = 0;

		while (len < sizeof(text)) {
			seed = seed * 1103515245u + 12345;
			text[len++] = pieces[(seed >> 16) % (sizeof(pieces) - 1)];
			ats += text[len - 1] == '@';
		}
		for (const char *p = list_of((struct slice){ text, len }); *p != '\0'; p++)
			found += *p == '@';
		/* Only a route and the name of a group may go. */
		if (found < ats && memchr(text, ':', len) == NULL && memchr(text, '(', len) == NULL)
			fail_msg("%zu of %zu in '%.*s'", found, ats, (int)len, text);
	}
}

static void
endless_lists_are_bounded_and_whole(void **state)
{
	struct addresses list = { .len = 0 };
	struct arena a;
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	for (int i = 0; i < ADDRESSES_MAX + 500; i++)
		buf_printf(&b, "u%d@x,", i);
	arena_init(&a, 64 << 20);
	assert_true(addresses_read(buf_slice(&b), &a, &list));
	assert_int_equal(list.len, ADDRESSES_MAX);
	assert_string_equal(list.one[ADDRESSES_MAX - 2].address, "u65534@x");
	assert_non_null(strstr(list.one[ADDRESSES_MAX - 1].name, "u66035@x"));
	arena_done(&a);
	arena_init(&a, 1000);
	list = (struct addresses){ .len = 0 };
	assert_false(addresses_read(buf_slice(&b), &a, &list));
	arena_done(&a);
	buf_done(&b);
}

static void
hostile_lists_take_no_time(void **state)
{
	static const char *const pieces[] = { "(", "\"", "<", "((a)", "\"a", ":", "(\"", "<\"", "a:;", "\\" };
	struct buf b;

	(void)state;
	buf_init(&b, 2 << 20);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		buf_reset(&b);
		while (b.len < 1 << 20)
			buf_add_str(&b, pieces[i]);
		(void)list_of(buf_slice(&b));
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_in_every_common_form),
		cmocka_unit_test(groups_are_flattened_and_empty_ones_keep_their_name),
		cmocka_unit_test(em_09_what_is_broken_is_kept_as_a_name),
		cmocka_unit_test(nothing_that_holds_an_at_sign_is_lost),
		cmocka_unit_test(endless_lists_are_bounded_and_whole),
		cmocka_unit_test(hostile_lists_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
