#include "app/options.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/hours.h"
#include "app/values.h"
#include "base/clock.h"
#include "base/mem.h"
#include "imap/search.h"
#include "mail/codepage.h"

void
options_init(struct options *o, const struct command *command)
{
	*o = (struct options){
		.command = command,
		.namespaces = NAMESPACE_PERSONAL,
		.timeout_ms = 60 * SEC,
		.doubt_wait_ms = 60 * SEC,
		.codepage = 1252,
		.jobs = 8,
		.per_host = 16,
		.tries = 5,
		.retry_delay_ms = 5 * SEC,
		.stop_if = 5,
		.watch_idle = 100,
		.watch_poll_ms = 60 * SEC,
	};
	arena_init(&o->arena, 1024 * 1024);
}

void
options_done(struct options *o)
{
	if (o)
		arena_done(&o->arena);
}

static void *
option_field(struct options *o, const struct option_row *row)
{
	return (char *)o + row->offset;
}

const struct option_row *
option_find(const char *name, unsigned command)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].commands & command) && strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	return NULL;
}

static const struct option_row *
option_letter(char letter, unsigned command)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].commands & command) && option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

const char *
option_nearest(const char *name, unsigned commands)
{
	struct nearest n;

	nearest_init(&n, name);
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].commands & commands)
			nearest_try(&n, option_table[i].name);
	return n.best;
}

bool
option_given(const struct options *o, const void *field)
{
	for (size_t i = 0; i < option_count; i++)
		if ((const char *)o + option_table[i].offset == (const char *)field &&
		    o->from[i] != FROM_DEFAULT)
			return true;
	return false;
}

bool
option_said(const struct options *o, const void *field)
{
	for (size_t i = 0; i < option_count; i++)
		if ((const char *)o + option_table[i].offset == (const char *)field &&
		    o->from[i] == FROM_COMMAND)
			return true;
	return false;
}

/* ---- values ---- */

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

static int
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

int
options_set(struct options *o, const struct option_row *row, enum option_from from,
    const char *value, struct err *err)
{
	uint8_t *have = &o->from[row - option_table];
	struct err why;

	assert(value || row->kind == OPT_FLAG || row->kind == OPT_COUNT || row->kind == OPT_EVERY);
	if (*have > from)
		return 0;
	if (*have < from && row->kind == OPT_LIST)
		((struct text_list *)option_field(o, row))->len = 0;
	if (option_store(o, row, value, &why) < 0)
		return err_set(err, ERR_USAGE, "--%s: '%s' is not accepted; %s", row->name, value,
		    why.text);
	*have = (uint8_t)from;
	return 0;
}

int
options_try(struct options *scratch, const struct option_row *row, const char *value,
    struct err *err)
{
	arena_reset(&scratch->arena);
	if (row->kind == OPT_LIST)
		((struct text_list *)option_field(scratch, row))->len = 0;
	return option_store(scratch, row, value, err);
}

/* ---- the command line ---- */

static int
options_unknown(const struct options *o, const char *dashes, const char *name, struct err *err)
{
	const char *own = o->command->name;

	if (*dashes && dashes[1] && option_find(name, CMD_ALL))
		return err_set(err, ERR_USAGE,
		    "imex %s has no option --%s; 'imex %s --help' lists what it has", own, name,
		    own);
	if (!dashes[1])
		return err_set(err, ERR_USAGE,
		    "unknown option '-%s'; 'imex %s --help' lists what it has", name, own);
	return err_set(err, ERR_USAGE, "unknown option '--%s'; did you mean '--%s'?", name,
	    option_nearest(name, o->command->bit));
}

/* --name, --name=value or --name value; *i moves on when the next word was the value. */
static int
options_long(struct options *o, int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i] + 2, *equal = strchr(word, '=');
	size_t len = equal ? (size_t)(equal - word) : strlen(word);
	char name[64];

	snprintf(
	    name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), word);
	const struct option_row *row = option_find(name, o->command->bit);

	if (!row)
		return options_unknown(o, "--", name, err);
	if (equal || !row->arg || row->kind == OPT_EVERY)
		return options_set(o, row, FROM_COMMAND, equal ? equal + 1 : NULL, err);
	if (*i + 1 >= argc)
		return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", name, name, row->arg);
	return options_set(o, row, FROM_COMMAND, argv[++*i], err);
}

static int
options_short(struct options *o, const char *letters, struct err *err)
{
	for (; *letters; letters++) {
		const struct option_row *row = option_letter(*letters, o->command->bit);

		if (!row)
			return options_unknown(o, "-", (const char[]){ *letters, 0 }, err);
		if (options_set(o, row, FROM_COMMAND, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* "imaps://anna:secret@host/", which other programs take: a name with a ':' is written with %3A
 * (RFC 5092), so this one would be kept and shown as a user. */
static bool
word_has_password(const char *word)
{
	const char *user = strstr(word, "://"), *at = strrchr(word, '@');

	return strncasecmp(word, "imap", 4) == 0 && user != NULL && at != NULL && at > user &&
	       memchr(user + 3, ':', (size_t)(at - user) - 3) != NULL;
}

static int
options_word(struct options *o, const char *word, struct err *err)
{
	const struct command *c = o->command;

	if (o->n_words == c->max_words)
		return err_set(err, ERR_USAGE,
		    "imex %s: '%s' is one word too many; usage: imex %s %s", c->name, word, c->name,
		    c->args);
	if (word_has_password(word))
		return err_set(err, ERR_USAGE,
		    "the user name in a URL has a ':'; a password has no place there, see "
		    "--password-file; a ':' of the name itself is written %%3A");
	o->word[o->n_words++] = word;
	return 0;
}

struct route
options_route(const struct options *o)
{
	bool six = o->ipv6 && (!o->ipv4 || option_said(o, &o->ipv6));

	return (struct route){ .bind = o->bind,
		.family = six ? ROUTE_IPV6 : o->ipv4 ? ROUTE_IPV4 : ROUTE_ANY,
		.resolve = o->resolve.item,
		.n_resolve = o->resolve.len };
}

int
options_check(const struct options *o, struct err *err)
{
	const struct command *c = o->command;

	if (o->help || o->version)
		return 0;
	if ((o->n_words < c->min_words && !o->users) || (c->bit == CMD_EXTRACT && !o->to && !o->dry_run) ||
	    (c->bit == CMD_CONVERT && !o->to))
		return err_set(
		    err, ERR_USAGE, "imex %s needs %s, as in: %s", c->name, c->args, c->example);
	/* The command line may contradict the config file. */
	if (o->ipv4 && o->ipv6 && option_said(o, &o->ipv4) == option_said(o, &o->ipv6))
		return err_set(
		    err, ERR_USAGE, "--ipv4 and --ipv6 exclude each other: each means that family alone");
	for (size_t i = 0; i < o->n_words; i++)
		if (*o->word[i] == '\0')
			return err_set(err, ERR_USAGE,
			    "imex %s: an empty word is not accepted; usage: imex %s %s", c->name,
			    c->name, c->args);
	return 0;
}

/* An option that the command line gives and that these formats alone have a use for. */
static int
option_is_for(const struct options *o, const void *field, const char *name, unsigned formats,
    const char *words, struct err *err)
{
	if (!option_said(o, field) || (formats & 1u << o->format))
		return 0;
	return err_set(err, ERR_USAGE, "--%s is for --format %s; the format is %s", name, words,
	    format_words[o->format]);
}

/* A number that cannot be used is told before anything is contacted. */
static int
options_codepage(const struct options *o, struct err *err)
{
	struct codepage *page = NULL;
	int rc = codepage_open(&page, o->codepage, err);

	codepage_close(&page);
	return rc < 0 ? err_wrap(err, "--codepage") : 0;
}

int
options_fit(const struct options *o, struct err *err)
{
	enum { MAILDIR = 1 << FORMAT_MAILDIR, MBOX = 1 << FORMAT_MBOX, EML = 1 << FORMAT_EML,
		EXCHANGE = 1 << FORMAT_EXCHANGE };
	const struct {
		const void *field;
		const char *name, *words;
		unsigned formats;
	} rows[] = {
		/* What keeps the octets of the wire has these ends. */
		{ &o->eol, "eol", "maildir and mbox",
		    o->eol == EOL_CRLF ? UINT_MAX : MAILDIR | MBOX },
		{ &o->mbox_status, "mbox-status", "mbox", MBOX },
		{ &o->windows_names, "windows-names", "mbox, eml and exchange", MBOX | EML | EXCHANGE },
		{ &o->full_source, "full-source", "exchange", EXCHANGE },
		{ &o->drafts_by_flag, "drafts-by-flag", "exchange", EXCHANGE },
		{ &o->smtp_address, "smtp-address", "exchange", EXCHANGE },
		/* A list of users has one, whatever it is made into. */
		{ &o->codepage, "codepage", "exchange",
		    o->users || o->command->bit == CMD_CONTROL ? UINT_MAX : EXCHANGE },
	};

	/* Wherever it was said: what it asks for cannot be done. */
	if (o->mirror && o->command->bit == CMD_EXTRACT && o->format != FORMAT_MAILDIR &&
	    o->format != FORMAT_EML)
		return err_set(err, ERR_USAGE,
		    "--mirror is for --format maildir and eml: single messages are not taken out of what "
		    "is stored as %s; without it what the source has deleted is kept and told in the report",
		    format_words[o->format]);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (option_is_for(o, rows[i].field, rows[i].name, rows[i].formats, rows[i].words,
			err) < 0)
			return -1;
	if (o->since.given && o->before.given && when_epoch(&o->since) >= when_epoch(&o->before))
		return err_set(err, ERR_USAGE,
		    "--since is not before --before: no message can be between them");
	if (o->max_size > 0 && o->min_size > o->max_size)
		return err_set(err, ERR_USAGE,
		    "--min-size is larger than --max-size: no message can be between them");
	return o->format == FORMAT_EXCHANGE ? options_codepage(o, err) : 0;
}

int
options_command_line(struct options *o, int argc, char **argv, struct err *err)
{
	bool only_words = false;

	for (int i = 0; i < argc && !o->help; i++) {
		const char *word = argv[i];
		int rc;

		if (only_words || word[0] != '-' || word[1] == '\0')
			rc = options_word(o, word, err);
		else if (strcmp(word, "--") == 0)
			rc = (only_words = true, 0);
		else if (word[1] == '-')
			rc = options_long(o, argc, argv, &i, err);
		else
			rc = options_short(o, word + 1, err);
		if (rc < 0)
			return -1;
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
