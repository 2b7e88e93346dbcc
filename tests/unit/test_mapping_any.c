/* What holds for folder names of any kind on their way to another server. */
#include "mapping_help.h"

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static const char *
random_name(struct arena *a, uint32_t *seed)
{
	static const char *const pieces[] = { "a", "A", "b", "~2", "~3", "=", "=3D", "=2F", "=2E",
		"2F", ".", "/", " ", "&-", "&AOk-", "&aok-", "%", "INBOX", "inbox", "\xc3\xa9",
		"\xe9", "\t", "&AAk-", "&", "INBOX.", "x/y", "~0123456789abcdef", "\\" };
	struct buf text;
	size_t n = 1 + next_random(seed) % 4;

	buf_init(&text, 8192);
	for (size_t i = 0; i < n; i++)
		buf_add_str(&text, pieces[next_random(seed) % COUNT_OF(pieces)]);
	if (next_random(seed) % 16 == 0)
		for (size_t i = 0; i < 60; i++)
			buf_add_str(&text, pieces[14 + next_random(seed) % 2]);

	const char *copy = arena_copy(a, buf_slice(&text));

	buf_done(&text);
	return copy;
}

static void
add_random(struct table *t, uint32_t *seed)
{
	static const char *const uses[] = { NULL, NULL, NULL, "\\Sent", "\\Trash" };

	for (size_t i = 0; i < 24; i++) {
		const char *name = random_name(&t->arena, seed);
		bool twice = false;

		for (size_t k = 0; k < t->n; k++)
			twice |= slice_eq(t->source[k].name, name);
		if (!twice)
			from(t, name)->special_use = uses[next_random(seed) % COUNT_OF(uses)];
	}
	for (size_t i = 0; i < 4; i++)
		there(t, random_name(&t->arena, seed), uses[next_random(seed) % COUNT_OF(uses)]);
}

/* Below a name of the target that is no modified UTF-7 itself. */
static bool
odd_head(const struct table *t, const char *name)
{
	struct buf text;
	bool odd = false;

	buf_init(&text, 65536);
	for (size_t i = 0; i < t->n_target && !odd; i++)
		odd = t->target[i].special_use != NULL &&
		      strncmp(name, t->target[i].name.data,
			  t->target[i].name.len < 200 ? t->target[i].name.len : 200) == 0 &&
		      !mutf7_decode(t->target[i].name, &text);
	buf_done(&text);
	return odd;
}

static void
check_table(struct table *t)
{
	struct buf text;

	buf_init(&text, 65536);
	for (size_t i = 0; i < t->n; i++) {
		const struct mapped *m = &t->to[i];

		assert_true(m->exists || strlen(m->name) <= MAPPED_NAME_MAX);
		assert_true((m->why != NULL) == (m->how == MAPPED_REPLACED));
		for (size_t k = 0; k < i; k++)
			assert_false(name_twins(slice_str(m->name), slice_str(t->to[k].name)));
		assert_true(
		    m->exists || mutf7_decode(slice_str(m->name), &text) || odd_head(t, m->name));
	}
	buf_done(&text);
}

/* A second run finds what the first has made. */
static void
check_again(struct table *t)
{
	const struct mapped *first = t->to;

	for (size_t i = 0; i < t->n; i++)
		if (!first[i].exists)
			there(t, first[i].name, NULL);
	assert_int_equal(made(t), 0);
	for (size_t i = 0; i < t->n; i++) {
		assert_string_equal(t->to[i].name, first[i].name);
		assert_true(t->to[i].exists);
	}
}

static void
no_two_folders_ever_get_one_name(void **state)
{
	static const char delims[] = { '/', '.', '\\', 0 };
	static const char *const prefixes[] = { "", "INBOX.", "INBOX/", "a/" };

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t seed = i * 7919;
		struct table *t =
		    table_new(delims[next_random(&seed) % 4], prefixes[next_random(&seed) % 4],
			delims[next_random(&seed) % 4], prefixes[next_random(&seed) % 4]);

		if (next_random(&seed) % 8 == 0)
			t->rules.prefix = "a";
		if (next_random(&seed) % 8 == 0)
			t->rules.under = "INBOX/a";
		if (next_random(&seed) % 8 == 0)
			map(t, "a", "zz");
		add_random(t, &seed);
		if (made(t) == 0) {
			check_table(t);
			check_again(t);
		} else {
			assert_int_equal(t->err.kind, ERR_USAGE);
		}
		table_free(t);
	}
}

/* One level back: escapes to octets, "=" to nothing. */
static void
level_back(struct slice level, struct buf *out)
{
	struct buf text;

	buf_init(&text, 65536);
	assert_true(mutf7_decode(level, &text));
	for (size_t i = 0; i < text.len; i++) {
		char hex[3] = { 0 };

		if (text.len == 1 && text.data[0] == '=')
			break;
		if (text.data[i] == '=' && i + 2 < text.len &&
		    strspn(text.data + i + 1, "0123456789ABCDEFabcdef") >= 2) {
			memcpy(hex, text.data + i + 1, 2);
			buf_add_byte(out, (char)strtoul(hex, NULL, 16));
			i += 2;
		} else {
			buf_add_byte(out, text.data[i]);
		}
	}
	buf_done(&text);
}

static void
a_replacement_can_be_read_back(void **state)
{
	static const char *const pieces[] = { "=", "3D", "2E", "2e", ".", " ", "%", "*", "\t", "a",
		"\xc3\xa9", "\xc2\x85", "\xc3\x85", "&", "E", "2" };
	uint32_t seed = 1;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		struct table *t = table_new('/', "", '.', "");
		struct buf text, wire, back;
		size_t levels = 1 + next_random(&seed) % 3;

		buf_init(&text, 4096);
		buf_init(&wire, 4096);
		buf_init(&back, 4096);
		for (size_t l = 0; l < levels; l++) {
			for (size_t k = next_random(&seed) % 5; k > 0; k--)
				buf_add_str(&text, pieces[next_random(&seed) % COUNT_OF(pieces)]);
			if (l + 1 < levels)
				buf_add_byte(&text, '/');
		}
		mutf7_encode(buf_slice(&text), &wire);
		from_octets(t, wire.data ? wire.data : "", wire.len);
		assert_int_equal(made(t), 0);
		for (const char *at = t->to[0].name;; at++) {
			size_t len = strcspn(at, ".");

			level_back((struct slice){ at, len }, &back);
			at += len;
			if (*at == '\0')
				break;
			buf_add_byte(&back, '/');
		}
		assert_int_equal(back.len, text.len);
		if (text.len > 0)
			assert_memory_equal(back.data, text.data, text.len);
		buf_done(&text);
		buf_done(&wire);
		buf_done(&back);
		table_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_folders_ever_get_one_name),
		cmocka_unit_test(a_replacement_can_be_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
