#include "mail/mime.h"

#include <pthread.h>
#include <string.h>

static pthread_once_t mime_once = PTHREAD_ONCE_INIT;
static GMimeParserOptions *mime_shared;

static void
mime_start(void)
{
	static const char *charsets[] = { "utf-8", "iso-8859-1", NULL };

	g_mime_init();
	mime_shared = g_mime_parser_options_new();
	g_mime_parser_options_set_rfc2047_compliance_mode(mime_shared, GMIME_RFC_COMPLIANCE_LOOSE);
	g_mime_parser_options_set_parameter_compliance_mode(
	    mime_shared, GMIME_RFC_COMPLIANCE_LOOSE);
	g_mime_parser_options_set_address_compliance_mode(mime_shared, GMIME_RFC_COMPLIANCE_LOOSE);
	g_mime_parser_options_set_allow_addresses_without_domain(mime_shared, true);
	g_mime_parser_options_set_fallback_charsets(mime_shared, charsets);
}

GMimeParserOptions *
mime_options(void)
{
	(void)pthread_once(&mime_once, mime_start);
	return mime_shared;
}

const char *
mime_line(const char *text, size_t max, struct arena *a)
{
	char *valid = g_utf8_make_valid(text, -1);
	size_t len = strlen(valid);

	if (len > max)
		len = (size_t)(g_utf8_find_prev_char(valid, valid + max + 1) - valid);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)valid[i] < ' ' || valid[i] == 0x7f)
			valid[i] = ' ';
	}
	const char *copy = arena_copy(a, (struct slice){ valid, len });
	g_free(valid);
	return copy != NULL ? copy : "";
}
