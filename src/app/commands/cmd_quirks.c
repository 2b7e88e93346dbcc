/* imex quirks: the table of src/imap/quirks.def for people, for programs, and as docs/servers.md. */
#include <string.h>
#include <unistd.h>

#include "app/cli/command.h"
#include "app/cli/options.h"
#include "app/cli/out.h"
#include "base/json.h"
#include "imap/quirk.h"

static const char *
kind_words(enum quirk_kind k)
{
	switch (k) {
	case QUIRK_IS_MATCHED:
		return "known by words of the greeting, the answer to ID, or the host's name";
	case QUIRK_IS_KEPT:
		return "learnt while a run goes on, and kept in the state for all accounts of the server";
	case QUIRK_IS_SEEN:
		return "seen, and treated where it occurs";
	default:
		return "a precaution with every server";
	}
}

/* Words divided by `from` with something else between. */
static void
put_parts(struct buf *b, const char *words, const char *from, const char *between)
{
	for (const char *at = words; *at != '\0';) {
		size_t len = strcspn(at, from);

		buf_add(b, at, len);
		at += len + (at[len] != '\0');
		if (*at != '\0')
			buf_add_str(b, between);
	}
}

/* ---- for people ---- */

static void
list_one(const struct quirk_entry *e, struct out *o)
{
	out_printf(o, "%-23s %-8s ", e->name, quirk_kind_name(e->kind));
	out_wrapped(o, e->does, 33, 33);
}

static void
whole_line(struct out *o, const char *label, const char *text)
{
	out_printf(o, "%-11s", label);
	out_wrapped(o, text, 11, 11);
}

static void
whole_text(const struct quirk_entry *e, struct out *o)
{
	struct buf text;

	buf_init(&text, 4096);
	whole_line(o, "Name", e->name);
	whole_line(o, "Kind", kind_words(e->kind));
	put_parts(&text, e->sign, e->kind == QUIRK_IS_MATCHED ? "|" : "", ", ");
	whole_line(o, e->kind == QUIRK_IS_MATCHED ? "Words" : "Sign", text.data);
	whole_line(o, "Behaviour", e->does);
	whole_line(o, "Why", e->why);
	if (*e->rows != '\0') {
		buf_reset(&text);
		put_parts(&text, e->rows, " ", ", ");
		buf_add_str(&text, " of docs/quirks.md 3.3");
		whole_line(o, "Rows", text.data);
	}
	whole_line(o, "Scene", e->scene);
	buf_done(&text);
}

/* ---- for programs ---- */

static void
json_words(struct buf *b, const char *key, const char *words, const char *between)
{
	json_open_array(b, key);
	for (const char *at = words; *at != '\0';) {
		size_t len = strcspn(at, between);

		json_put_text(b, NULL, (struct slice){ at, len });
		at += len + (at[len] != '\0');
	}
	json_close_array(b);
}

static void
json_one(const struct quirk_entry *e, struct buf *b)
{
	json_open(b, NULL);
	json_put_str(b, "name", e->name);
	json_put_str(b, "kind", quirk_kind_name(e->kind));
	if (e->kind == QUIRK_IS_MATCHED)
		json_words(b, "match", e->sign, "|");
	else
		json_put_str(b, "sign", e->sign);
	json_put_str(b, "behaviour", e->does);
	json_put_str(b, "why", e->why);
	json_words(b, "rows", e->rows, " ");
	json_put_str(b, "scene", e->scene);
	json_close(b);
}

/* ---- docs/servers.md ---- */

static const char markdown_head[] =
    "# Servers: what imex does for them\n\n"
    "This page is made by `imex quirks --format markdown` from `src/imap/quirks.def`; do not edit it.\n"
    "What real servers were seen to answer is in [servers-seen.md](servers-seen.md), what others report of them in\n"
    "[quirks.md](quirks.md). imex never asks what product a server is, only how it behaves; the names in the first\n"
    "table are the exception. `imex check` tells what it finds at a server.\n";

static void
markdown_one(const struct quirk_entry *e, struct buf *b)
{
	buf_printf(b, "\n### %s\n\n", e->name);
	if (e->kind == QUIRK_IS_MATCHED) {
		buf_add_str(b, "* Known by: `");
		put_parts(b, e->sign, "|", "`, `");
		buf_add_str(b, "`\n");
	} else {
		buf_printf(b, "* Sign: %s\n", e->sign);
	}
	buf_printf(b, "* imex %s\n* Why: %s\n* Proved by `%s`", e->does, e->why, e->scene);
	if (*e->rows != '\0') {
		buf_printf(b, "; row%s ", strchr(e->rows, ' ') != NULL ? "s" : "");
		put_parts(b, e->rows, " ", ", ");
		buf_add_str(b, " of quirks.md 3.3");
	}
	buf_add_byte(b, '\n');
}

static void
markdown(struct buf *b)
{
	static const char *const title[] = { "Known by name", "Learnt for the server",
		"Seen where it occurs", "Precautions" };

	buf_add_str(b, markdown_head);
	for (int k = QUIRK_IS_MATCHED; k <= QUIRK_IS_ALWAYS; k++) {
		buf_printf(b, "\n## %s\n\nEach is %s.\n", title[k], kind_words((enum quirk_kind)k));
		for (unsigned q = 0; q < QUIRKS; q++)
			if ((int)quirk_get((enum quirk)q)->kind == k)
				markdown_one(quirk_get((enum quirk)q), b);
	}
}

static void
whole_table(enum quirks_format form, struct out *o)
{
	if (form == QUIRKS_MARKDOWN) {
		markdown(&o->buf);
		return;
	}
	if (form == QUIRKS_JSON)
		json_open_array(&o->buf, NULL);
	for (unsigned q = 0; q < QUIRKS; q++) {
		if (form == QUIRKS_JSON)
			json_one(quirk_get((enum quirk)q), &o->buf);
		else
			list_one(quirk_get((enum quirk)q), o);
	}
	if (form == QUIRKS_JSON) {
		json_close_array(&o->buf);
		buf_add_byte(&o->buf, '\n');
	}
}

static int
one_entry(const char *name, enum quirks_format form, struct out *o, struct err *err)
{
	const struct quirk_entry *e = quirk_find(name);

	if (e == NULL)
		return err_set(err, ERR_USAGE,
		    "there is no quirk '%s'; imex quirks lists their names", name);
	if (form == QUIRKS_TEXT) {
		whole_text(e, o);
	} else if (form == QUIRKS_JSON) {
		json_one(e, &o->buf);
		buf_add_byte(&o->buf, '\n');
	} else {
		markdown_one(e, &o->buf);
	}
	return 0;
}

int
cmd_quirks(struct options *o, struct err *err)
{
	enum quirks_format form = o->json ? QUIRKS_JSON : (enum quirks_format)o->quirks_format;
	struct out out;
	int rc = 0;

	out_open(&out, STDOUT_FILENO);
	if (o->n_words > 0)
		rc = one_entry(o->word[0], form, &out, err);
	else
		whole_table(form, &out);
	if (rc < 0) {
		struct err ignored;

		(void)!out_close(&out, &ignored);
		return -1;
	}
	return out_close(&out, err);
}
