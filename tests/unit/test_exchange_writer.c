/* The migration files of one account as they grow: when a new secondary file begins, and that every
 * pointer leads to the records of its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/exchange/writer.h"
#include "tempdir.h"

enum { LIMIT = 4096, MESSAGES = 24, BODY = 700 };

static struct err err;

static struct exwriter *
writer_open(uint64_t sec_max, int *ret_dir)
{
	static struct exchange_place place;
	struct exwriter *w;

	place = (struct exchange_place){ .dir = temp_path("mail"),
		.number = 1,
		.login = "anna",
		.host = "h",
		.smtp_address = "anna@example.org",
		.codepage = 1252,
		.zone = "UTC",
		.time = 1000000000,
		.sec_max = sec_max };
	assert_int_equal(file_make_dirs(place.dir, &err), 0);
	assert_int_equal(file_open_dir(AT_FDCWD, place.dir, ret_dir, &err), 0);
	assert_int_equal(exwriter_open(&w, &place, *ret_dir, NULL, NULL, false, &err), 0);
	return w;
}

static void
put(struct exwriter *w, uint32_t uid)
{
	struct msg m = { .uid = uid,
		.date = { .known = true, .epoch = 1000000000 + uid },
		.verdict = VERDICT_STORED };
	struct spool *spool;
	char text[BODY + 256];
	int len = snprintf(text, sizeof text,
	    "From: a@example.org\r\nTo: b@example.org\r\nSubject: number %u\r\n\r\n%0*u\r\n", uid, BODY,
	    uid);

	assert_int_equal(exwriter_spool(w, &spool, &err), 0);
	assert_int_equal(spool_add(spool, (struct slice){ text, (size_t)len }, &err), 0);
	m.wire_bytes = (uint64_t)len;
	m.flags.keywords = "";
	exwriter_put(w, spool, &m, "Inbox", false, NULL);
}

/* All that is ready; returns their number. */
static unsigned
taken(struct exwriter *w)
{
	struct exwritten one;
	unsigned n = 0;

	while (exwriter_next(w, &one))
		n++;
	return n;
}

static void
write_all(uint64_t sec_max)
{
	int dir;
	struct exwriter *w = writer_open(sec_max, &dir);
	unsigned n = 0;

	for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
		n += taken(w);
		put(w, uid);
	}
	assert_int_equal(exwriter_drain(w, &err), 0);
	assert_int_equal(n + taken(w), MESSAGES);
	exwriter_close(&w);
	file_close(&dir);
}

/* The body that the last field of a line points at is that of message `uid`. */
static void
body_is_there(const char *line, const char *end, unsigned uid)
{
	char path[80], want[BODY + 2];
	size_t len;
	const char *hash = end;

	while (hash > line && *hash != '#')
		hash--;
	const char *open = strchr(hash, '(');
	assert_non_null(open);
	unsigned long at = strtoul(open + 1, NULL, 10);
	(void)snprintf(path, sizeof path, "mail/%.*s", (int)(open - hash - 1), hash + 1);
	char *sec = temp_read(path, &len);
	assert_non_null(sec);
	assert_true(at < len);
	assert_int_equal(strncmp(sec + at, "Body,", 5), 0);
	(void)snprintf(want, sizeof want, "%0*u", BODY, uid);
	const char *found = strstr(sec + at, want);
	assert_non_null(found);
	assert_true(found - (sec + at) < 64);
	free(sec);
}

static void
a_new_secondary_file_begins_at_the_limit(void **state)
{
	char name[64];
	size_t len;
	unsigned parts = 0, uid = 0;

	(void)state;
	write_all(LIMIT);
	for (;; parts++) {
		if (parts == 0)
			(void)snprintf(name, sizeof name, "mail/00000001.SEC");
		else
			(void)snprintf(name, sizeof name, "mail/00000001-%u.SEC", parts + 1);
		if (!temp_has(name))
			break;
		free(temp_read(name, &len));
		/* At most one message more than the limit. */
		assert_true(len < LIMIT + BODY + 512);
	}
	assert_true(parts >= MESSAGES * BODY / (LIMIT + BODY + 512) && parts > 3);

	char *pri = temp_read("mail/00000001.PRI", &len);
	for (char *line = pri, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		*end = '\0';
		if (strncmp(line, "Inbox,", 6) == 0)
			body_is_there(line, end, ++uid);
	}
	assert_int_equal(uid, MESSAGES);
	free(pri);
}

static void
below_the_limit_there_is_one(void **state)
{
	(void)state;
	write_all(0);
	assert_true(temp_has("mail/00000001.SEC"));
	assert_false(temp_has("mail/00000001-2.SEC"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)
	const struct CMUnitTest tests[] = {
		T(a_new_secondary_file_begins_at_the_limit),
		T(below_the_limit_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
