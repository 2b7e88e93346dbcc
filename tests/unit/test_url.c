#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/url.h"

static struct arena arena;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void
gives(const char *text, const char *user, const char *host, const char *port, bool tls)
{
	struct imap_url url;
	struct err err = { .text = "" };
	int rc = imap_url_parse(text, &arena, &url, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_string_equal(url.user, user);
	assert_string_equal(url.host, host);
	assert_string_equal(url.port, port);
	assert_int_equal(url.tls, tls);
}

static void
refuses(const char *text, const char *words)
{
	struct imap_url url;
	struct err err = { .text = "" };

	assert_int_equal(imap_url_parse(text, &arena, &url, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	if (strstr(err.text, words) == NULL)
		assert_string_equal(err.text, words);
}

static void
url_gives_user_host_and_port(void **state)
{
	(void)state;
	gives("imaps://ana@mail.example.org/", "ana", "mail.example.org", "993", true);
	gives("imap://ana@mail.example.org", "ana", "mail.example.org", "143", false);
	gives("IMAPS://ana@Mail.EXAMPLE.org:1993/", "ana", "mail.example.org", "1993", true);
	gives("imap://ana@h:00143", "ana", "h", "143", false);
	gives("imap://ana@h:65535/", "ana", "h", "65535", false);
}

static void
url_takes_everything_before_the_last_at_for_the_user(void **state)
{
	(void)state;
	gives("imaps://ana@example.org@mail.example.org/", "ana@example.org", "mail.example.org",
	    "993", true);
	gives("imaps://dom/adm/ana@h/", "dom/adm/ana", "h", "993", true);
	gives("imaps://a:b@h/", "a:b", "h", "993", true);
}

static void
url_decodes_the_user(void **state)
{
	(void)state;
	gives("imap://usuario1%25ncc%25migracion@h/", "usuario1%ncc%migracion", "h", "143", false);
	gives("imap://ana%40example.org@h/", "ana@example.org", "h", "143", false);
	gives("imap://%c3%BC%20x@h/", "\xc3\xbc x", "h", "143", false);
}

static void
url_tells_how_to_write_a_percent_sign(void **state)
{
	(void)state;
	refuses("imap://usuario1%ncc%migracion@h/", "write a percent sign as %25");
	refuses("imap://a%@h/", "write a percent sign as %25");
	refuses("imap://a%4@h/", "write a percent sign as %25");
	refuses("imap://a%00@h/", "%00");
}

static void
url_takes_addresses_in_brackets(void **state)
{
	(void)state;
	gives("imap://a@[::1]/", "a", "::1", "143", false);
	gives("imaps://a@[2001:DB8::1]:1993", "a", "2001:db8::1", "1993", true);
	gives("imap://a@192.0.2.1:143/", "a", "192.0.2.1", "143", false);
	refuses("imap://a@[::1/", "bracket");
	refuses("imap://a@[::1]1993/", "expected :PORT");
	refuses("imap://a@[]/", "names no host");
	refuses("imap://a@::1/", "names no host");
}

static void
url_names_what_is_wrong(void **state)
{
	char longest[5000];

	(void)state;
	refuses("mail.example.org", "is not an IMAP URL: expected imaps://user@host[:port]/");
	refuses("", "is not an IMAP URL");
	refuses("http://ana@h/", "is not an IMAP URL");
	refuses("imaps://mail.example.org/", "names no user");
	refuses("imaps://@h/", "names no user");
	refuses("imaps://", "names no user");
	refuses("imaps://a@", "names no host");
	refuses("imaps://a@/", "names no host");
	refuses("imaps://a@h:0/", "'0' is not a port");
	refuses("imaps://a@h:65536/", "'65536' is not a port");
	refuses("imaps://a@h:/", "'' is not a port");
	refuses("imaps://a@h:imap/", "'imap' is not a port");
	refuses("imaps://a@h:-1/", "'-1' is not a port");
	refuses("imaps://a@h:1:2/", "'1:2' is not a port");
	refuses("imaps://a@h x/", "is not a host name");
	refuses("imaps://a@h/INBOX", "nothing may follow the '/'");
	refuses("imaps://a@h//", "nothing may follow the '/'");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "imap://", 7);
	refuses(longest, "more than");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_gives_user_host_and_port),
		cmocka_unit_test(url_takes_everything_before_the_last_at_for_the_user),
		cmocka_unit_test(url_decodes_the_user),
		cmocka_unit_test(url_tells_how_to_write_a_percent_sign),
		cmocka_unit_test(url_takes_addresses_in_brackets),
		cmocka_unit_test(url_names_what_is_wrong),
	};

	return cmocka_run_group_tests_name("url", tests, setup, teardown);
}
