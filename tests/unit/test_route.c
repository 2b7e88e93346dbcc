/* net/route: the user's own addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/dial.h"

static void
addresses_are_told_from_names(void **state)
{
	(void)state;
	assert_true(route_is_address("192.0.2.7"));
	assert_true(route_is_address("2001:db8::7"));
	assert_true(route_is_address("[2001:db8::7]"));
	assert_false(route_is_address("localhost"));
	assert_false(route_is_address("192.0.2.700"));
	assert_false(route_is_address("[]"));
	assert_false(route_is_address(""));
}

static void
entries_of_resolve_are_checked(void **state)
{
	static const char *const good[] = { "a:993:192.0.2.7", "a:993:2001:db8::7",
		"a.example:1:[::1],127.0.0.1" };
	static const char *const bad[] = { "", "a", "a:993", "a:993:", ":993:127.0.0.1",
		"a::127.0.0.1", "a:0:127.0.0.1", "a:70000:127.0.0.1", "a:imap:127.0.0.1",
		"a:993:b.example", "a:993:127.0.0.1,", "a:993:,127.0.0.1" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(route_resolve_fault(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_non_null(route_resolve_fault(bad[i]));
}

static void
resolve_speaks_of_one_host_and_port(void **state)
{
	static const char *const entries[] = { "Mail.Example:993:[2001:db8::7],192.0.2.7",
		"mail.example:993:192.0.2.8" };
	const struct route r = { .resolve = entries, .n_resolve = 2 };
	struct route_address got[4];
	size_t n = 0;

	(void)state;
	assert_false(route_resolves(&r, "mail.example", "143", got, 4, &n));
	assert_false(route_resolves(&r, "mail", "993", got, 4, &n));
	assert_false(route_resolves(NULL, "mail.example", "993", got, 4, &n));
	assert_true(route_resolves(&r, "mail.EXAMPLE", "993", got, 4, &n));
	assert_int_equal(n, 2);
	assert_int_equal(got[0].at.ss_family, AF_INET6);
	assert_int_equal(got[1].at.ss_family, AF_INET);
	assert_int_equal(((struct sockaddr_in *)&got[1].at)->sin_port, htons(993));
	assert_true(route_resolves(&r, "mail.example", "993", got, 1, &n));
	assert_int_equal(n, 1);
}

/* Who is at the other end sees the local address. */
static void
dialling_keeps_to_the_route(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char port[8], entry[64];
	const char *entries[] = { entry };
	struct route r = { .bind = "127.0.0.9", .resolve = entries, .n_resolve = 1 };
	struct stream *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	snprintf(port, sizeof(port), "%u", ntohs(at.sin_port));
	snprintf(entry, sizeof(entry), "mail.invalid:%s:127.0.0.1", port);

	assert_int_equal(dial_by(&r, "mail.invalid", port, 10 * SEC, NULL, &s, &err), 0);
	int peer = accept(listener, (struct sockaddr *)&at, &len);

	assert_true(peer >= 0);
	assert_string_equal(inet_ntoa(at.sin_addr), "127.0.0.9");
	close(peer);
	stream_close(&s);
	r.family = ROUTE_IPV6;
	assert_int_equal(dial_by(&r, "mail.invalid", port, 10 * SEC, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_NO_HOST);
	assert_non_null(strstr(err.text, "--ipv6"));
	close(listener);
}

static void
what_was_tried_is_named(void **state)
{
	static const char *const entries[] = { "mail.invalid:1:127.0.0.1,[::1]" };
	struct route r = { .bind = "192.0.2.1", .resolve = entries, .n_resolve = 1 };
	struct stream *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(dial_by(&r, "mail.invalid", "1", 10 * SEC, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.text, "from 192.0.2.1"));
	assert_non_null(strstr(err.text, "127.0.0.1: binding to 192.0.2.1"));
	assert_non_null(strstr(err.text, "::1: not of the family of 192.0.2.1"));
	r = (struct route){ .family = ROUTE_IPV6 };
	assert_int_equal(dial_by(&r, "127.0.0.1", "1", 10 * SEC, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_NO_HOST);
	assert_non_null(strstr(err.text, "--ipv6"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_told_from_names),
		cmocka_unit_test(entries_of_resolve_are_checked),
		cmocka_unit_test(resolve_speaks_of_one_host_and_port),
		cmocka_unit_test(dialling_keeps_to_the_route),
		cmocka_unit_test(what_was_tried_is_named),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
