/* Header fields for people, and texts that servers give in place of a message. What a field is, and
 * what is in it, is mail/field.h's; here fields are chosen and cut to a length for reports. */
#include "mail/header.h"

#include <string.h>

#include "base/mem.h"
#include "mail/field.h"

enum {
	FIELD_RAW_MAX = 4096, /* octets of one field that are decoded */
	FIELD_TEXT_MAX = 1000 /* octets of UTF-8 given */
};

/* One line of valid UTF-8 of bounded length, cut at a character, in the arena. */
static const char *
header_text(struct slice value, struct arena *a)
{
	struct buf text;

	if (value.len > FIELD_RAW_MAX)
		value.len = FIELD_RAW_MAX;
	buf_init(&text, FIELD_RAW_MAX * 4);
	field_text(value, &text);
	struct slice cut = buf_slice(&text);
	if (cut.len > FIELD_TEXT_MAX) {
		cut.len = FIELD_TEXT_MAX;
		while (cut.len > 0 && ((unsigned char)cut.data[cut.len] & 0xc0) == 0x80)
			cut.len--;
	}
	const char *copy = arena_copy(a, cut);
	buf_done(&text);
	return copy != NULL ? copy : "";
}

/* Received: ...; date. The date follows the last semicolon. */
static bool
header_received(struct slice value, struct date *ret)
{
	const char *semicolon = memrchr(value.data, ';', value.len);

	if (semicolon == NULL)
		return false;
	size_t before = (size_t)(semicolon + 1 - value.data);
	return field_date((struct slice){ semicolon + 1, value.len - before }, ret);
}

static void
header_take(const char **io, struct slice value, struct arena *a)
{
	if (*io == NULL) /* the first of several counts */
		*io = header_text(value, a);
}

void
header_read(struct slice header, struct arena *a, struct header_facts *ret)
{
	struct header_facts facts = { .from = NULL };
	struct date received = { .known = false };
	struct field f;

	if (header.len > HEADER_MAX)
		header.len = HEADER_MAX;
	while (field_next(&header, &f)) {
		if (slice_eq_nocase(f.name, "From")) {
			header_take(&facts.from, f.value, a);
		} else if (slice_eq_nocase(f.name, "Subject")) {
			header_take(&facts.subject, f.value, a);
		} else if (slice_eq_nocase(f.name, "Message-ID")) {
			header_take(&facts.message_id, f.value, a);
		} else if (slice_eq_nocase(f.name, "Date")) {
			if (!facts.sent.known)
				(void)field_date(f.value, &facts.sent);
			header_take(&facts.date, f.value, a);
		} else if (slice_eq_nocase(f.name, "Received") && !received.known) {
			(void)header_received(f.value, &received); /* the newest stands first */
		}
	}
	if (!facts.sent.known)
		facts.sent = received;
	const char **texts[] = { &facts.from, &facts.date, &facts.subject, &facts.message_id };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (*texts[i] == NULL)
			*texts[i] = "";
	}
	*ret = facts;
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
	value = field_trim(value);
	return slice_starts_nocase(value, "Retrieval using the IMAP4 protocol failed for the") ||
	       slice_starts_nocase(value, "Retrieval using the POP3 protocol failed for the");
}

static bool
notice_says(struct slice body)
{
	for (size_t i = 0; i < COUNT_OF(notice_sentences); i++) {
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
	body = field_trim(body);
	bool begins = slice_starts_nocase(body, notice_sentences[0]) ||
		      slice_starts_nocase(body, notice_sentences[1]);
	return begins && (slice_has_nocase(body, notice_sentences[2]) ||
			     slice_has_nocase(body, notice_sentences[3]));
}

bool
header_boundary(struct slice header, char ret[BOUNDARY_MAX + 1])
{
	struct field f;
	bool found = false;

	if (header.len > HEADER_MAX)
		header.len = HEADER_MAX;
	while (!found && field_next(&header, &f)) {
		if (!slice_eq_nocase(f.name, "Content-Type"))
			continue;
		struct params p;
		struct buf b;

		params_read(f.value, &p);
		buf_init(&b, PARAM_VALUE_MAX);
		found = slice_starts_nocase(p.value, "multipart/") &&
			params_octets(&p, "boundary", BOUNDARY_MAX, &b) &&
			memchr(b.data, '\0', b.len) == NULL;
		if (found)
			memcpy(ret, b.data, b.len + 1);
		buf_done(&b);
	}
	return found;
}

bool
header_is_placeholder(struct slice header)
{
	struct field f;

	if (header.len > HEADER_MAX)
		header.len = HEADER_MAX;
	while (field_next(&header, &f))
		if (slice_eq_nocase(f.name, "Subject"))
			return notice_subject(f.value);
	return false;
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
	while (field_next(&rest, &f)) {
		if (slice_eq_nocase(f.name, "From"))
			from = slice_has_nocase(f.value, "Microsoft Exchange");
		if (!slice_eq_nocase(f.name, "Subject"))
			continue;
		subject = notice_subject(f.value);
		/* All mail comes by here. */
		if (!subject)
			break;
	}
	bool found = subject ? from || notice_says(rest) : notice_alone(whole);
	if (found && ret_which != NULL)
		*ret_which = "notice of Exchange that it could not convert the message";
	return found;
}
