/* See mbox_from.h. The sender may hold blanks, so the date is looked for behind the first word that
 * is a day of the week and has a date behind it. */
#include "store/mbox/mbox_from.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { WORDS_MAX = 32 };

/* ---- the date ---- */

static size_t
from_words(struct slice s, struct slice word[WORDS_MAX])
{
	size_t n = 0;

	while (s.len > 0 && n < WORDS_MAX) {
		size_t len = 0;

		while (
		    len < s.len && s.data[len] != ' ' && s.data[len] != '\t' && s.data[len] != '\r')
			len++;
		if (len > 0)
			word[n++] = (struct slice){ s.data, len };
		len += len < s.len;
		s.data += len;
		s.len -= len;
	}
	return n;
}

/* Number of a three-letter name in a row of them; -1: none. */
static int
from_name(struct slice word, const char *names)
{
	if (word.len == 4 && word.data[3] == ',')
		word.len = 3;
	for (int i = 0; word.len == 3 && names[3 * i] != '\0'; i++) {
		const char three[4] = { names[3 * i], names[3 * i + 1], names[3 * i + 2], '\0' };

		if (slice_eq_nocase(word, three))
			return i;
	}
	return -1;
}

/* A zone in minutes, added to *io; false: the word is none. */
static bool
from_zone(struct slice word, int *io)
{
	static const struct {
		const char *name;
		int min;
	} zones[] = { { "GMT", 0 }, { "UT", 0 }, { "UTC", 0 }, { "Z", 0 }, { "EST", -300 },
		{ "EDT", -240 }, { "CST", -360 }, { "CDT", -300 }, { "MST", -420 }, { "MDT", -360 },
		{ "PST", -480 }, { "PDT", -420 }, { "MET", 60 }, { "CET", 60 }, { "MEST", 120 },
		{ "CEST", 120 }, { "BST", 60 }, { "WET", 0 }, { "WEST", 60 }, { "EET", 120 },
		{ "EEST", 180 }, { "JST", 540 }, { "DST", 60 } };
	uint64_t n;

	for (size_t i = 0; i < COUNT_OF(zones); i++) {
		if (slice_eq_nocase(word, zones[i].name)) {
			*io += zones[i].min;
			return true;
		}
	}
	if (word.len != 5 || (word.data[0] != '+' && word.data[0] != '-') ||
	    !slice_u64((struct slice){ word.data + 1, 4 }, 2359, &n) || n % 100 > 59)
		return false;
	int min = (int)(n / 100 * 60 + n % 100);
	*io += word.data[0] == '-' ? -min : min;
	return true;
}

struct from_parts {
	struct slice day, month, clock, year;
	int zone_min;
};

static bool
from_year(struct slice word)
{
	uint64_t n;

	return word.len == 4 && slice_u64(word, 9999, &n);
}

/* Words behind the day of the week: "Jan  1 00:00:00 2024", the zone before or behind the year. */
static bool
from_asctime(const struct slice *w, size_t n, struct from_parts *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	size_t at = 3;

	if (n < 4 || from_name(w[0], months) < 0)
		return false;
	*p = (struct from_parts){ .month = w[0], .day = w[1], .clock = w[2] };
	while (at < n && !from_year(w[at]) && from_zone(w[at], &p->zone_min))
		at++;
	if (at == n || !from_year(w[at]))
		return false;
	p->year = w[at++];
	while (at < n && from_zone(w[at], &p->zone_min))
		at++;
	return true;
}

/* "1 Jan 2024 00:00:00 +0000" */
static bool
from_rfc822(const struct slice *w, size_t n, struct from_parts *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (n < 4 || from_name(w[1], months) < 0 || !from_year(w[2]))
		return false;
	*p = (struct from_parts){ .day = w[0], .month = w[1], .year = w[2], .clock = w[3] };
	if (n > 4)
		(void)from_zone(w[4], &p->zone_min);
	return true;
}

static bool
from_parts_date(const struct from_parts *p, struct date *ret)
{
	static const char digits[] = "0123456789:";
	char text[64];
	size_t colons = 0;

	if (p->day.len > 2 || p->clock.len < 4 || p->clock.len > 8)
		return false;
	for (size_t i = 0; i < p->clock.len; i++) {
		if (memchr(digits, p->clock.data[i], sizeof digits - 1) == NULL)
			return false;
		colons += p->clock.data[i] == ':';
	}
	int zone = p->zone_min < 0 ? -p->zone_min : p->zone_min;
	(void)snprintf(text, sizeof text, "%.*s-%.*s-%.*s %.*s%s %c%02d%02d", SLICE_ARG(p->day), 3,
	    p->month.data, SLICE_ARG(p->year), SLICE_ARG(p->clock), colons == 1 ? ":00" : "",
	    p->zone_min < 0 ? '-' : '+', zone / 60, zone % 60);
	return colons > 0 && date_parse(slice_str(text), ret);
}

bool
mbox_from_date(struct slice line, struct date *ret)
{
	struct slice word[WORDS_MAX];
	struct from_parts p;
	size_t n = from_words(line, word);

	for (size_t i = 1; i + 1 < n; i++) {
		if (from_name(word[i], "MonTueWedThuFriSatSun") < 0)
			continue;
		const struct slice *w = &word[i + 1];
		if (from_asctime(w, n - i - 1, &p) || from_rfc822(w, n - i - 1, &p)) {
			if (from_parts_date(&p, ret))
				return true;
		}
	}
	return false;
}

/* ---- header fields ---- */

static size_t
field_name_len(struct slice line)
{
	size_t len = 0;

	while (len < line.len && line.data[len] > ' ' && line.data[len] < 0x7f &&
	       line.data[len] != ':')
		len++;
	return len > 0 && len < line.len && line.data[len] == ':' ? len : 0;
}

bool
mbox_is_field(struct slice line)
{
	return field_name_len(line) > 0;
}

static struct slice
field_trim(struct slice s)
{
	while (s.len > 0 && (*s.data == ' ' || *s.data == '\t')) {
		s.data++;
		s.len--;
	}
	while (
	    s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL && s.data[s.len - 1] != '\0')
		s.len--;
	return s;
}

struct slice
mbox_field(struct slice line, const char *name)
{
	size_t len = strlen(name);

	if (!slice_starts_nocase(line, name) || line.len <= len || line.data[len] != ':')
		return (struct slice){ NULL, 0 };
	return field_trim((struct slice){ line.data + len + 1, line.len - len - 1 });
}

bool
mbox_base(struct slice value, uint32_t *ret_uidvalidity, uint32_t *ret_last)
{
	struct slice word[WORDS_MAX];
	uint64_t v, last;

	if (from_words(value, word) < 2 || !slice_u64(word[0], UINT32_MAX, &v) || v == 0 ||
	    !slice_u64(word[1], UINT32_MAX, &last))
		return false;
	*ret_uidvalidity = (uint32_t)v;
	*ret_last = (uint32_t)last;
	return true;
}

/* ---- flags ---- */

static uint8_t
status_flags(struct slice value)
{
	uint8_t system = 0;

	for (size_t i = 0; i < value.len; i++) {
		switch (value.data[i]) {
		case 'R':
			system |= FLAG_SEEN;
			break;
		case 'A':
			system |= FLAG_ANSWERED;
			break;
		case 'F':
			system |= FLAG_FLAGGED;
			break;
		case 'T':
			system |= FLAG_DRAFT;
			break;
		case 'D':
			system |= FLAG_DELETED;
			break;
		default: /* O: not recent */
			break;
		}
	}
	return system;
}

/* Hexadecimal; a message with bit 8 was deleted and waits for the folder to be compacted. */
static uint8_t
mozilla_flags(struct slice value)
{
	static const char digits[] = "0123456789abcdef";
	const char *at =
	    value.len > 0 ? memchr(digits, value.data[value.len - 1] | 0x20, 16) : NULL;
	unsigned low = at != NULL ? (unsigned)(at - digits) : 0;

	return (uint8_t)((low & 1 ? FLAG_SEEN : 0) | (low & 2 ? FLAG_ANSWERED : 0) |
			 (low & 4 ? FLAG_FLAGGED : 0) | (low & 8 ? FLAG_DELETED : 0));
}

static bool
keywords_add(struct slice value, struct flag_set *set)
{
	while (value.len > 0) {
		size_t len = 0;

		while (len < value.len && value.data[len] != ' ' && value.data[len] != '\t')
			len++;
		if (!flag_set_add(set, (struct slice){ value.data, len }))
			return false;
		len += len < value.len;
		value.data += len;
		value.len -= len;
	}
	return true;
}

static bool
flags_line(struct slice line, struct flag_set *set)
{
	struct slice v;

	if ((v = mbox_field(line, "Status")).data != NULL ||
	    (v = mbox_field(line, "X-Status")).data != NULL) {
		set->system |= status_flags(v);
	} else if ((v = mbox_field(line, "X-Mozilla-Status")).data != NULL) {
		set->system |= mozilla_flags(v);
	} else if ((v = mbox_field(line, "X-Keywords")).data != NULL ||
		   (v = mbox_field(line, "X-Mozilla-Keys")).data != NULL) {
		return keywords_add(v, set);
	}
	return true;
}

bool
mbox_flags(struct slice header, struct arena *a, struct flags *ret)
{
	struct flag_set set;

	flag_set_init(&set, a);
	while (header.len > 0) {
		const char *lf = memchr(header.data, '\n', header.len);
		size_t len = lf != NULL ? (size_t)(lf - header.data) : header.len;
		struct slice line = { header.data, len };

		if (len == 0 || slice_eq(line, "\r"))
			break;
		if (!flags_line(line, &set))
			return false;
		header.data += len + (lf != NULL);
		header.len -= len + (lf != NULL);
	}
	set.system &= FLAGS_STORED;
	return flag_set_end(&set, ret);
}
