/* Header fields for people, and texts that servers give in place of a message. Fields are found
 * by our own walk, which takes any octets and stops at HEADER_MAX; GMime decodes the words and
 * dates in them. */
#include "mail/header.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

enum {
	FIELD_RAW_MAX = 4096, /* octets of one field that are decoded */
	FIELD_TEXT_MAX = 1000 /* octets of UTF-8 given */
};

static pthread_once_t header_once = PTHREAD_ONCE_INIT;
/* Charset converters are loaded from files at the first use of each; one thread at a time is enough
 * for the few messages whose header is read, and needs no trust in how they are unloaded. */
static pthread_mutex_t header_mutex = PTHREAD_MUTEX_INITIALIZER;
static GMimeParserOptions *header_options;

/* GMime's tables, and what 8-bit text without a charset is taken for. Kept until the program
 * ends. */
static void
header_start_gmime(void)
{
	static const char *charsets[] = { "utf-8", "iso-8859-1", NULL };

	g_mime_init();
	header_options = g_mime_parser_options_new();
	g_mime_parser_options_set_rfc2047_compliance_mode(
	    header_options, GMIME_RFC_COMPLIANCE_LOOSE);
	g_mime_parser_options_set_fallback_charsets(header_options, charsets);
}

struct field {
	struct slice name, value; /* value: with its folds */
};

/* One line off *rest, without its end. */
static struct slice
header_line(struct slice *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	size_t len = lf != NULL ? (size_t)(lf - rest->data) : rest->len;
	size_t taken = lf != NULL ? len + 1 : len;
	struct slice line = { rest->data, len };

	rest->data += taken;
	rest->len -= taken;
	while (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
header_folds(struct slice rest)
{
	return rest.len > 0 && (*rest.data == ' ' || *rest.data == '\t');
}

/* The next field; lines that are none are passed over. False at the blank line or the end. */
static bool
header_next(struct slice *rest, struct field *ret)
{
	while (rest->len > 0) {
		struct slice line = header_line(rest);

		if (line.len == 0)
			return false;
		while (header_folds(*rest)) {
			struct slice more = header_line(rest);

			line.len = (size_t)(more.data + more.len - line.data);
		}
		const char *colon = memchr(line.data, ':', line.len);
		if (colon == NULL)
			continue;
		size_t name = (size_t)(colon - line.data);
		ret->value = (struct slice){ colon + 1, line.len - name - 1 };
		while (name > 0 && (line.data[name - 1] == ' ' || line.data[name - 1] == '\t'))
			name--;
		ret->name = (struct slice){ line.data, name };
		return true;
	}
	return false;
}

/* Unfold into a bounded C string: line ends and control octets become blanks, blanks at both
 * ends go. */
static void
header_unfold(struct slice value, char ret[FIELD_RAW_MAX + 1])
{
	size_t len = 0;

	for (size_t i = 0; i < value.len && len < FIELD_RAW_MAX; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if (c == '\r' || c == '\n' || (c == ' ' && len == 0) || (c == '\t' && len == 0))
			continue;
		ret[len++] = (char)(c < ' ' || c == 0x7f ? ' ' : c);
	}
	while (len > 0 && ret[len - 1] == ' ')
		len--;
	ret[len] = '\0';
}

/* One line of valid UTF-8 of bounded length, in the arena. */
static const char *
header_tidy(const char *text, struct arena *a)
{
	char *valid = g_utf8_make_valid(text, -1);
	size_t len = strlen(valid);

	if (len > FIELD_TEXT_MAX)
		len = (size_t)(g_utf8_find_prev_char(valid, valid + FIELD_TEXT_MAX + 1) - valid);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)valid[i] < ' ' || valid[i] == 0x7f)
			valid[i] = ' ';
	}
	const char *copy = arena_copy(a, (struct slice){ valid, len });
	g_free(valid);
	return copy != NULL ? copy : "";
}

static const char *
header_text(struct slice value, struct arena *a)
{
	char raw[FIELD_RAW_MAX + 1];

	header_unfold(value, raw);
	char *decoded = g_mime_utils_header_decode_text(header_options, raw);
	const char *text = decoded != NULL ? header_tidy(decoded, a) : "";
	g_free(decoded);
	return text;
}

static bool
header_date(struct slice value, struct date *ret)
{
	char raw[FIELD_RAW_MAX + 1];

	header_unfold(value, raw);
	GDateTime *when = g_mime_utils_header_decode_date(raw);
	if (when == NULL)
		return false;
	GTimeSpan zone_min = g_date_time_get_utc_offset(when) / G_TIME_SPAN_MINUTE;
	*ret = (struct date){ .known = true, .epoch = g_date_time_to_unix(when) };
	if (zone_min >= -24 * 60 && zone_min <= 24 * 60)
		ret->zone_min = (int16_t)zone_min;
	g_date_time_unref(when);
	return true;
}

/* Received: ...; date. The date follows the last semicolon. */
static bool
header_received(struct slice value, struct date *ret)
{
	const char *semicolon = memrchr(value.data, ';', value.len);

	if (semicolon == NULL)
		return false;
	size_t before = (size_t)(semicolon + 1 - value.data);
	return header_date((struct slice){ semicolon + 1, value.len - before }, ret);
}

static void
header_take(const char **io, struct slice value, struct arena *a)
{
	if (*io == NULL) /* the first of several counts */
		*io = header_text(value, a);
}

static void
header_facts_read(struct slice header, struct arena *a, struct header_facts *ret)
{
	struct header_facts facts = { .from = NULL };
	struct date received = { .known = false };
	struct field f;

	if (header.len > HEADER_MAX)
		header.len = HEADER_MAX;
	while (header_next(&header, &f)) {
		if (slice_eq_nocase(f.name, "From")) {
			header_take(&facts.from, f.value, a);
		} else if (slice_eq_nocase(f.name, "Subject")) {
			header_take(&facts.subject, f.value, a);
		} else if (slice_eq_nocase(f.name, "Message-ID")) {
			header_take(&facts.message_id, f.value, a);
		} else if (slice_eq_nocase(f.name, "Date")) {
			if (!facts.sent.known)
				(void)header_date(f.value, &facts.sent);
			header_take(&facts.date, f.value, a);
		} else if (slice_eq_nocase(f.name, "Received") && !received.known) {
			(void)header_received(f.value, &received); /* the newest stands first */
		}
	}
	if (!facts.sent.known)
		facts.sent = received;
	const char **texts[] = { &facts.from, &facts.date, &facts.subject, &facts.message_id };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (*texts[i] == NULL)
			*texts[i] = "";
	}
	*ret = facts;
}

void
header_read(struct slice header, struct arena *a, struct header_facts *ret)
{
	(void)pthread_once(&header_once, header_start_gmime);
	pthread_mutex_lock(&header_mutex);
	header_facts_read(header, a, ret);
	pthread_mutex_unlock(&header_mutex);
}

static struct slice
notice_trim(struct slice s)
{
	while (s.len > 0 &&
	    (*s.data == ' ' || *s.data == '\t' || *s.data == '\r' || *s.data == '\n')) {
		s.data++;
		s.len--;
	}
	return s;
}

/* Exchange's notice comes with one of these sentences; the wording changed over the versions. */
static const char *const notice_sentences[] = {
	"The server couldn't retrieve the following message",
	"The message could not be retrieved using the",
	"The message hasn't been deleted. You might be able to view it",
	"The message has not been deleted and may be accessible",
};

static bool
notice_subject(struct slice value)
{
	value = notice_trim(value);
	return slice_starts_nocase(value, "Retrieval using the IMAP4 protocol failed for the") ||
	    slice_starts_nocase(value, "Retrieval using the POP3 protocol failed for the");
}

static bool
notice_says(struct slice body)
{
	for (size_t i = 0; i < G_N_ELEMENTS(notice_sentences); i++) {
		if (slice_has_nocase(body, notice_sentences[i]))
			return true;
	}
	return false;
}

/* A body without its header: only a text that begins with the notice is one; mail that quotes it
 * is mail. */
static bool
notice_alone(struct slice body)
{
	body = notice_trim(body);
	bool begins = slice_starts_nocase(body, notice_sentences[0]) ||
	    slice_starts_nocase(body, notice_sentences[1]);
	return begins &&
	    (slice_has_nocase(body, notice_sentences[2]) ||
		slice_has_nocase(body, notice_sentences[3]));
}

bool
header_boundary(struct slice header, char ret[BOUNDARY_MAX + 1])
{
	char raw[FIELD_RAW_MAX + 1];
	struct field f;
	bool found = false;

	if (header.len > HEADER_MAX)
		header.len = HEADER_MAX;
	(void)pthread_once(&header_once, header_start_gmime);
	pthread_mutex_lock(&header_mutex);
	while (!found && header_next(&header, &f)) {
		if (!slice_eq_nocase(f.name, "Content-Type"))
			continue;
		header_unfold(f.value, raw);
		GMimeContentType *type = g_mime_content_type_parse(header_options, raw);
		const char *b = type != NULL ? g_mime_content_type_get_parameter(type, "boundary")
					     : NULL;

		found = b != NULL && *b != '\0' && strlen(b) <= BOUNDARY_MAX &&
		    strpbrk(b, "\r\n") == NULL && g_mime_content_type_is_type(type, "multipart", "*");
		if (found)
			memcpy(ret, b, strlen(b) + 1);
		g_clear_object(&type);
	}
	pthread_mutex_unlock(&header_mutex);
	return found;
}

bool
body_is_placeholder(struct slice start_of_body, const char **ret_which)
{
	struct slice rest = start_of_body;
	struct field f;
	bool subject = false, from = false;

	if (rest.len > HEADER_MAX)
		rest.len = HEADER_MAX;
	struct slice whole = rest;
	while (header_next(&rest, &f)) {
		if (slice_eq_nocase(f.name, "Subject"))
			subject = notice_subject(f.value);
		else if (slice_eq_nocase(f.name, "From"))
			from = slice_has_nocase(f.value, "Microsoft Exchange");
	}
	bool found = subject ? from || notice_says(rest) : notice_alone(whole);
	if (found && ret_which != NULL)
		*ret_which = "notice of Exchange that it could not convert the message";
	return found;
}
