#include "app/cli/option_value.h"

#include <inttypes.h>
#include <string.h>

#include "app/cli/hours.h"
#include "app/cli/values.h"
#include "base/clock.h"
#include "imap/search.h"
#include "imap/url.h"

void *
option_field(struct options *o, const struct option_row *row)
{
	return (char *)o + row->offset;
}

/* What is accepted; the value itself may be a secret that stands in the wrong place. */
static int
option_bad(const char *accepted, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s", accepted);
}

static int
option_set_choice(void *field, const struct option_row *row, const char *value, struct err *err)
{
	int i = value_choice(value, row->choices);
	char accepted[128];

	if (i < 0) {
		snprintf(accepted, sizeof(accepted), "the values are %s", row->choices);
		return option_bad(accepted, err);
	}
	*(int *)field = i;
	return 0;
}

static int
option_set_bits(void *field, const struct option_row *row, const char *value, struct err *err)
{
	unsigned bits = 0;
	char word[32];

	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		int i;

		snprintf(word, sizeof(word), "%.*s",
		    (int)(len < sizeof(word) ? len : sizeof(word) - 1), at);
		i = value_choice(word, row->choices);
		if (i < 0) {
			char accepted[128];

			snprintf(accepted, sizeof(accepted),
			    "the values are %s, with commas between", row->choices);
			return option_bad(accepted, err);
		}
		bits |= 1u << i;
		at += len;
		if (*at == '\0')
			break;
	}
	*(unsigned *)field = bits | NAMESPACE_PERSONAL;
	return 0;
}

static int
option_set_duration(void *field, const struct option_row *row, const char *value, struct err *err)
{
	int64_t ms;

	if (!value_duration(value, &ms))
		return option_bad("a number with ms, s, m, h or d is, as 90s", err);
	if (ms < row->min || ms > row->max) {
		char least[32], accepted[80];

		snprintf(least, sizeof(least), "%" PRId64 "%s",
		    row->min % SEC == 0 ? row->min / SEC : row->min, row->min % SEC == 0 ? "s" : "ms");
		snprintf(accepted, sizeof(accepted), "it goes from %s to %" PRId64 "d", least,
		    row->max / SEC / 86400);
		return option_bad(accepted, err);
	}
	*(int64_t *)field = ms;
	return 0;
}

static int
option_set_every(void *field, const struct option_row *row, const char *value, struct err *err)
{
	if (value)
		return option_set_duration(field, row, value, err);
	*(int64_t *)field = EVERY_MS;
	return 0;
}

static int
option_set_date(void *field, const char *value, struct err *err)
{
	if (!when_parse(value, field))
		return option_bad(
		    "a date as 2003-11-07, 2003-11-07T14:18:49 (with Z or +02:00 behind it, or as "
		    "the clocks of --timezone show it) or 20031107141849 is",
		    err);
	return 0;
}

static int
option_set_until(struct when *w, const char *value, struct err *err)
{
	if (!when_parse_until(value, w))
		return option_bad("a time of the day as 06:00, or 2026-11-28T06:00", err);
	return 0;
}

static int
option_set_number(void *field, const struct option_row *row, const char *value, struct err *err)
{
	uint64_t n;

	if (!value_number(value, (uint64_t)row->max, &n) || n < (uint64_t)row->min) {
		char accepted[80];

		snprintf(accepted, sizeof(accepted), "a number from %" PRId64 " to %" PRId64 " is",
		    row->min, row->max);
		return option_bad(accepted, err);
	}
	*(unsigned *)field = (unsigned)n;
	return 0;
}

static int
option_set_size(void *field, const struct option_row *row, const char *value, struct err *err)
{
	uint64_t n;

	if (!value_size(value, &n) || n < (uint64_t)row->min)
		return option_bad("a size as 500k, 45M or 2G is", err);
	*(uint64_t *)field = n;
	return 0;
}

static int
option_set_mode(void *field, const char *value, struct err *err)
{
	return value_mode(value, field)
		   ? 0
		   : option_bad("permissions of files in octal, which let the owner read and write "
				"(600 to 777), are",
			 err);
}

static int
option_set_percent(void *field, const char *value, struct err *err)
{
	return value_percent(value, field) ? 0 : option_bad("1% to 100% are", err);
}

static bool
is_place(const char *value)
{
	const char *host, *port;
	struct err ignored;
	struct arena a;

	arena_init(&a, 64 * 1024);
	bool is = imap_place_parse(value, true, &a, &host, &port, &ignored) == 0;
	arena_done(&a);
	return is;
}

static int
option_set_text(struct options *o, const struct option_row *row, const char *value, struct err *err)
{
	struct hours hours;
	const char *copy;

	if (row->kind == OPT_PIN && !value_pin(value))
		return option_bad("sha256: and 64 hex digits, or 44 of base64, are", err);
	if (row->kind == OPT_ZONE && !clock_zone_known(value))
		return option_bad("zones as Europe/Berlin, UTC or CET-1CEST,M3.5.0,M10.5.0/3 are", err);
	if (row->kind == OPT_HOURS && !hours_parse(value, &hours))
		return option_bad("two times of the day as 20-06 or 19:30-05:15 are", err);
	if (row->kind == OPT_ADDRESS && !value_address(value))
		return option_bad("an address as anna@example.org is", err);
	if (row->kind == OPT_LOCAL && !route_is_address(value))
		return option_bad("a local address as 192.0.2.7 or 2001:db8::7 is", err);
	if (row->offset == offsetof(struct options, resolve) && route_resolve_fault(value) != NULL)
		return option_bad(route_resolve_fault(value), err);
	if (row->offset == offsetof(struct options, source_host) && !is_place(value))
		return option_bad("HOST or HOST:PORT is, as mail.example.org:993", err);
	if (row->kind == OPT_SEARCH && search_key_fault(value) != NULL)
		return option_bad(search_key_fault(value), err);
	if (*value == '\0')
		return option_bad("it may not be empty", err);
	copy = arena_copy(&o->arena, slice_str(value));
	if (!copy)
		return option_bad("it is too much text", err);
	if (row->kind != OPT_LIST) {
		*(const char **)option_field(o, row) = copy;
		return 0;
	}
	struct text_list *list = option_field(o, row);

	if (list->len == LIST_MAX)
		return err_set(err, ERR_USAGE, "at most %d may be given", LIST_MAX);
	list->item[list->len++] = copy;
	return 0;
}

static int
option_set_flag(void *field, const char *value, struct err *err)
{
	if (!value)
		*(bool *)field = true;
	else if (!value_truth(value, field))
		return option_bad("yes and no are", err);
	return 0;
}

static int
option_set_count(void *field, const struct option_row *row, const char *value, struct err *err)
{
	unsigned *n = field;

	if (value)
		return option_set_number(field, row, value, err);
	if (*n < (unsigned)row->max)
		++*n;
	return 0;
}

int
option_store(struct options *o, const struct option_row *row, const char *value, struct err *err)
{
	void *field = option_field(o, row);

	switch (row->kind) {
	case OPT_FLAG:
		return option_set_flag(field, value, err);
	case OPT_COUNT:
		return option_set_count(field, row, value, err);
	case OPT_CHOICE:
		return option_set_choice(field, row, value, err);
	case OPT_SET:
		return option_set_bits(field, row, value, err);
	case OPT_DURATION:
		return option_set_duration(field, row, value, err);
	case OPT_EVERY:
		return option_set_every(field, row, value, err);
	case OPT_DATE:
		return option_set_date(field, value, err);
	case OPT_UNTIL:
		return option_set_until(field, value, err);
	case OPT_NUMBER:
		return option_set_number(field, row, value, err);
	case OPT_SIZE:
		return option_set_size(field, row, value, err);
	case OPT_PERCENT:
		return option_set_percent(field, value, err);
	case OPT_MODE:
		return option_set_mode(field, value, err);
	case OPT_TEXT:
	case OPT_ZONE:
	case OPT_HOURS:
	case OPT_ADDRESS:
	case OPT_LOCAL:
	case OPT_SEARCH:
	case OPT_FILE:
	case OPT_PIN:
	case OPT_LIST:
		return option_set_text(o, row, value, err);
	}
	return 0;
}

/* ---- back to text ---- */

static bool
option_text_bits(unsigned bits, const char *choices, struct buf *ret)
{
	for (const char *at = choices; bits; bits >>= 1) {
		size_t len = strcspn(at, "|");

		if (bits & 1)
			buf_printf(ret, "%s%.*s", ret->len ? "," : "", (int)len, at);
		at += len + (at[len] == '|');
	}
	return true;
}

static bool
option_text_choice(int index, const char *choices, struct buf *ret)
{
	const char *at = choices;

	for (; index > 0; index--)
		at += strcspn(at, "|") + 1;
	return buf_add(ret, at, strcspn(at, "|"));
}

bool
option_text(const struct options *o, const struct option_row *row, size_t index, struct buf *ret)
{
	const void *field = (const char *)o + row->offset;
	const struct text_list *list = field;

	if (row->kind == OPT_LIST)
		return index < list->len && buf_add_str(ret, list->item[index]);
	if (index > 0)
		return false;
	switch (row->kind) {
	case OPT_FLAG:
		return buf_add_str(ret, *(const bool *)field ? "yes" : "no");
	case OPT_CHOICE:
		return option_text_choice(*(const int *)field, row->choices, ret);
	case OPT_SET:
		return option_text_bits(*(const unsigned *)field, row->choices, ret);
	case OPT_DATE:
	case OPT_UNTIL:
		return when_text(field, ret);
	case OPT_DURATION:
	case OPT_EVERY:
		return buf_printf(ret, "%" PRId64 "ms", *(const int64_t *)field);
	case OPT_SIZE:
		return buf_printf(ret, "%" PRIu64, *(const uint64_t *)field);
	case OPT_MODE:
		return buf_printf(ret, "%03o", *(const unsigned *)field);
	case OPT_PERCENT:
	case OPT_NUMBER:
	case OPT_COUNT:
		return buf_printf(ret, "%u", *(const unsigned *)field);
	default:
		return *(const char *const *)field && buf_add_str(ret, *(const char *const *)field);
	}
}
