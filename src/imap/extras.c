#include "imap/extras.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

unsigned
extras_offered(const struct caps *c)
{
	unsigned what = caps_has(c, CAP_ACL) ? EXTRA_ACL : 0;

	if (caps_has(c, CAP_METADATA))
		what |= EXTRA_METADATA | EXTRA_SERVER;
	if (caps_has(c, CAP_QUOTA))
		what |= EXTRA_QUOTA;
	if (caps_has(c, CAP_METADATA_SERVER))
		what |= EXTRA_SERVER;
	return what;
}

/* ---- reading ---- */

static int
keep_pairs(const struct resp *r, struct arena *a, struct pair ***end, struct err *err)
{
	for (const struct pair *p = r->pair; p != NULL; p = p->next) {
		struct pair *copy = arena_take(a, sizeof(*copy));
		char *name = arena_copy(a, p->name);
		char *value = p->value.data != NULL ? arena_copy(a, p->value) : NULL;

		if (copy == NULL || name == NULL || (value == NULL && p->value.data != NULL))
			return err_set(err, ERR_FOLDER,
			    "access rights or annotations of more than %d octets", EXTRAS_MAX);
		*copy = (struct pair){ .name = { name, p->name.len },
			.value = { value, p->value.len } };
		**end = copy;
		*end = &copy->next;
	}
	return 0;
}

/* Up to the tagged answer, which is s->last then. */
static int
take_pairs(struct sess *s, uint32_t tag, enum resp_kind kind, struct arena *a, struct pair **ret,
    struct err *err)
{
	struct pair **end = ret;
	struct err full = { 0 };

	*ret = NULL;
	do {
		if (sess_next(s, &s->last, NULL, err) < 0 || sess_drop(s, &s->last, err) < 0)
			return -1;
		if (s->last.kind == kind && full.kind == ERR_NONE)
			(void)!keep_pairs(&s->last, a, &end, &full);
	} while (s->last.kind != RESP_TAGGED || s->last.tag != tag);
	if (full.kind == ERR_NONE)
		return 0;
	*err = full;
	return -1;
}

static int
ask_pairs(struct sess *s, const char *verb, struct slice folder, const char *rest,
    enum resp_kind kind, struct arena *a, struct pair **ret, struct err *err)
{
	uint32_t tag;

	if (sess_send_named(s, 0, &tag, verb, folder, rest, err) < 0)
		return -1;
	return take_pairs(s, tag, kind, a, ret, err);
}

static void
note_refused(struct sess *s, struct slice folder, const char *command, const char *what)
{
	char name[512];
	struct event e = { .no = EV_EXTRAS_REFUSED,
		.level = LEVEL_WARNING,
		.command = command,
		.folder = name,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(folder));
	notes_add(&s->notes, &e, true, "the server does not tell the %s", what);
}

/* In /private and /shared: what is the server's own business, here or there. */
static bool
is_servers_own(struct slice entry)
{
	static const char *const own[] = { "/vendor/cmu/cyrus-imapd/", "/vendor/vendor.dovecot/" };
	const char *slash = entry.len > 1 ? memchr(entry.data + 1, '/', entry.len - 1) : NULL;

	if (slash == NULL || slash[1] == '\0')
		return true;

	struct slice below = { slash, entry.len - (size_t)(slash - entry.data) };

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (slice_starts_nocase(below, own[i]))
			return true;
	return slice_eq_nocase(entry, "/private/specialuse") ||
	       !(slice_starts_nocase(entry, "/private/") || slice_starts_nocase(entry, "/shared/"));
}

static void
drop_servers_own(struct pair **at)
{
	while (*at != NULL) {
		if ((*at)->value.data == NULL || is_servers_own((*at)->name))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
}

/* The options of GETMETADATA stand before the folder in the grammar of RFC 5464, and behind it in its
 * examples: servers follow one or the other. */
static int
get_metadata(struct sess *s, struct slice folder, struct arena *a, struct extras *x, struct err *err)
{
	static const char *const verb[] = { "GETMETADATA (DEPTH infinity)", "GETMETADATA" };
	static const char *const rest[] = { "(/private /shared)",
		"(DEPTH infinity) (/private /shared)" };
	bool again;

	do {
		unsigned form = s->metadata_options_late;

		if (ask_pairs(s, verb[form], folder, rest[form], RESP_METADATA, a, &x->metadata,
			err) < 0)
			return -1;
		again = s->last.state == STATE_BAD && form == 0;
		s->metadata_options_late |= again;
	} while (again);
	if (s->last.state == STATE_OK)
		x->have |= EXTRA_METADATA;
	else
		note_refused(s, folder, "GETMETADATA", "annotations");
	drop_servers_own(&x->metadata);
	return 0;
}

int
extras_get(struct sess *s, struct slice folder, unsigned what, struct arena *a, struct extras *ret,
    struct err *err)
{
	*ret = (struct extras){ .login = s->at->login };
	rights_side(&s->caps, &ret->rights);
	if (what & EXTRA_ACL) {
		if (ask_pairs(s, "GETACL", folder, "", RESP_ACL, a, &ret->acl, err) < 0)
			return -1;
		if (s->last.state == STATE_OK)
			ret->have |= EXTRA_ACL;
		else
			note_refused(s, folder, "GETACL", "access rights");
	}
	return what & EXTRA_METADATA ? get_metadata(s, folder, a, ret, err) : 0;
}

int
extras_my_rights(struct sess *s, struct slice folder, uint32_t *ret, struct err *err)
{
	struct arena a;
	struct pair *mine;
	int rc;

	arena_init(&a, EXTRAS_MAX);
	rc = ask_pairs(s, "MYRIGHTS", folder, "", RESP_MYRIGHTS, &a, &mine, err);
	if (rc == 0)
		*ret = mine != NULL && s->last.state == STATE_OK ? rights_read(mine->value) : 0;
	arena_done(&a);
	return rc;
}

/* ---- setting ---- */

int
extras_set_acl(struct sess *s, struct slice folder, struct slice who, char sign, uint32_t rights,
    struct err *err)
{
	char text[RIGHTS_TEXT_MAX + 1] = { sign };

	rights_text(rights, text + 1);
	return sess_run_words(s,
	    (struct cmd_word[]){ { .text = slice_str("SETACL"), .raw = true },
		{ .text = folder },
		{ .text = who },
		{ .text = slice_str(text), .raw = true } },
	    4, err);
}

int
extras_set_metadata(struct sess *s, struct slice folder, struct slice entry, struct slice value,
    struct err *err)
{
	return sess_run_words(s,
	    (struct cmd_word[]){ { .text = slice_str("SETMETADATA"), .raw = true },
		{ .text = folder },
		{ .text = slice_str("("), .raw = true },
		{ .text = entry, .joined = true },
		{ .text = value },
		{ .text = slice_str(")"), .raw = true, .joined = true } },
	    6, err);
}
