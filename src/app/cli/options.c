#include "app/cli/option_value.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/values.h"
#include "base/clock.h"
#include "base/mem.h"
#include "imap/url.h"
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

enum option_from
option_level(const struct options *o, const void *field)
{
	enum option_from level = FROM_DEFAULT;

	/* Several options may set one field. */
	for (size_t i = 0; i < option_count; i++)
		if ((const char *)o + option_table[i].offset == (const char *)field && o->from[i] > level)
			level = (enum option_from)o->from[i];
	return level;
}

bool
option_given(const struct options *o, const void *field)
{
	return option_level(o, field) != FROM_DEFAULT;
}

bool
option_said(const struct options *o, const void *field)
{
	return option_level(o, field) == FROM_COMMAND;
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

static int
options_word(struct options *o, const char *word, struct err *err)
{
	const struct command *c = o->command;

	if (o->n_words == c->max_words)
		return err_set(err, ERR_USAGE,
		    "imex %s: '%s' is one word too many; usage: imex %s %s", c->name, word, c->name,
		    c->args);
	if (imap_url_tells_password(word))
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
options_between(const struct options *o, struct err *err)
{
	if (o->since.given && o->before.given && when_epoch(&o->since) >= when_epoch(&o->before))
		return err_set(err, ERR_USAGE,
		    "--since is not before --before: no message can be between them");
	if (o->max_size > 0 && o->min_size > o->max_size)
		return err_set(err, ERR_USAGE,
		    "--min-size is larger than --max-size: no message can be between them");
	return 0;
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
	if (options_between(o, err) < 0)
		return -1;
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
