/* Access rights and annotations of folders, and the quota, on their way to a server. What is there already is not
 * sent; nothing is taken away. Rights are added ("+lrs"), so that nobody has fewer than before; what
 * would lock the own login out is not sent, or taken back at once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/to_imap/imap_sink.h"

struct extras_at {
	struct sink *s;
	struct slice folder;
	const struct extras *have; /* of the source */
	struct extras there;
	unsigned rights, annotations; /* set */
};

unsigned
dest_extras_offered(const struct sink *s)
{
	return extras_offered(&s->s->caps);
}

static void
note_refused(struct extras_at *x, const char *command, const char *reply, const char *why)
{
	dest_note(x->s, EV_EXTRAS_REFUSED, 0, command, reply, true, "'%.*s': %s",
	    SLICE_ARG(x->folder), why);
}

/* ---- access rights ---- */

struct grant {
	struct slice who; /* with '-' when it denies */
	uint32_t rights;
	bool negative;
	char command[400];
};

static bool
same_identifier(const struct extras_at *x, struct slice a, struct slice b)
{
	return slice_same(a, b) ||
	       (rights_own(a, x->there.login) && rights_own(b, x->there.login));
}

static uint32_t
rights_there(const struct extras_at *x, struct slice who)
{
	uint32_t r = 0;

	for (const struct pair *p = x->there.acl; p != NULL; p = p->next)
		if (same_identifier(x, p->name, who))
			r |= rights_read(p->value);
	return rights_real(r, &x->there.rights);
}

/* Who is meant there. False: it must not be sent. */
static bool
translate(struct extras_at *x, const struct pair *p, struct grant *g)
{
	struct slice id = p->name;
	bool own;
	uint32_t lost;
	char text[RIGHTS_TEXT_MAX], why[160];

	g->negative = id.len > 1 && id.data[0] == '-';
	if (g->negative)
		id = (struct slice){ id.data + 1, id.len - 1 };
	own = rights_own(id, x->have->login);
	g->who = own && !g->negative ? slice_str(x->there.login) : p->name;
	g->rights = rights_translate(rights_read(p->value), &x->have->rights, &x->there.rights,
	    g->negative, &lost);
	if (g->negative) {
		lost |= g->rights & RIGHT('a');
		g->rights &= ~RIGHT('a');
	}
	rights_text(g->rights, text);
	snprintf(g->command, sizeof(g->command), "SETACL %.*s +%s", SLICE_ARG(g->who), text);
	if (g->negative &&
	    (own || rights_own(id, x->there.login) || slice_eq(id, "anyone") ||
		slice_eq(id, "authenticated"))) {
		note_refused(x, g->command, NULL,
		    "this denial is not copied: it could lock the account's own login out");
		return false;
	}
	rights_text(lost, text);
	snprintf(why, sizeof(why), "the rights '%s' cannot be copied", text);
	if (lost != 0 && !own)
		note_refused(x, g->command, NULL, why);
	return g->rights != 0;
}

/* A group that is denied something may be one that the own login belongs to. */
static int
take_back(struct extras_at *x, struct grant *g, uint32_t before, struct err *err)
{
	struct sess *s = x->s->s;
	uint32_t now;

	if (extras_my_rights(s, x->folder, &now, err) < 0)
		return -1;
	if ((before & ~now) == 0)
		return 0;
	if (extras_set_acl(s, x->folder, g->who, '-', g->rights, err) < 0)
		return -1;
	x->rights--;
	note_refused(x, g->command, NULL,
	    "this denial was taken back: the account's own login lost rights by it");
	return 0;
}

static int
set_grant(struct extras_at *x, const struct pair *p, struct err *err)
{
	struct sess *s = x->s->s;
	struct grant g;
	uint32_t before = 0;

	if (!translate(x, p, &g))
		return 0;
	g.rights &= ~rights_there(x, g.who);
	if (g.rights == 0)
		return 0;
	if ((g.negative && extras_my_rights(s, x->folder, &before, err) < 0) ||
	    extras_set_acl(s, x->folder, g.who, '+', g.rights, err) < 0)
		return -1;
	if (s->last.state != STATE_OK) {
		note_refused(x, g.command, s->reply, "the server refuses these access rights");
		return 0;
	}
	x->rights++;
	return g.negative ? take_back(x, &g, before, err) : 0;
}

/* ---- annotations ---- */

static bool
is_there(const struct extras_at *x, const struct pair *p)
{
	for (const struct pair *q = x->there.metadata; q != NULL; q = q->next)
		if (slice_eq_nocase(q->name, p->name.data) && slice_same(q->value, p->value))
			return true;
	return false;
}

static int
set_annotation(struct extras_at *x, const struct pair *p, struct err *err)
{
	struct sess *s = x->s->s;
	char command[400];

	if (is_there(x, p))
		return 0;
	snprintf(command, sizeof(command), "SETMETADATA (%.*s)", SLICE_ARG(p->name));
	if (extras_set_metadata(s, x->folder, p->name, p->value, err) < 0)
		return -1;
	if (s->last.state == STATE_OK)
		x->annotations++;
	else
		note_refused(x, command, s->reply, "the server refuses this annotation");
	return 0;
}

/* ---- one folder ---- */

static int
set_all(struct extras_at *x, struct err *err)
{
	unsigned both = x->have->have & x->there.have;

	for (const struct pair *p = x->have->acl; both & EXTRA_ACL && p != NULL; p = p->next)
		if (set_grant(x, p, err) < 0)
			return -1;
	for (const struct pair *p = x->have->metadata; both & EXTRA_METADATA && p != NULL;
	     p = p->next)
		if (set_annotation(x, p, err) < 0)
			return -1;
	return 0;
}

int
dest_extras(struct sink *s, const struct folder *f, const struct extras *have, struct err *err)
{
	struct extras_at x = { .s = s, .have = have, .folder = { "", 0 } };
	struct arena a;

	if (f != NULL) {
		x.folder = slice_str(dest_name(s, f));
		if (x.folder.len == 0)
			return 0;
	}
	arena_init(&a, EXTRAS_MAX);

	int rc = extras_get(s->s, x.folder, have->have, &a, &x.there, err);

	if (rc == 0)
		rc = set_all(&x, err);
	arena_done(&a);
	if (rc == 0 && x.rights + x.annotations > 0)
		dest_note(s, EV_EXTRAS_SET, 0, NULL, NULL, false,
		    "'%.*s': access rights of %u identifiers and %u annotations were set",
		    SLICE_ARG(x.folder), x.rights, x.annotations);
	return rc < 0 ? dest_failed(s, err) : 0;
}

/* ---- quota ---- */

static const char *
quota_hindrance(const struct sink *s, uint64_t limit)
{
	if (!quota_may_set(&s->s->caps))
		return "the server lets nobody set it (no QUOTASET)";
	if (s->quota.partial)
		return "there are other limits beside it, which would be lost";
	if (limit < s->quota.used)
		return "more than that is used there already";
	return NULL;
}

/* A server that tells no limit has none, or none that could be compared: it is let alone. */
int
dest_raise_quota(struct sink *s, uint64_t limit, struct err *err)
{
	uint64_t used, was;
	const char *why;

	if (dest_quota(s, &used, &was, err) < 0)
		return -1;
	if (was == 0 || was == limit)
		return 0;
	why = quota_hindrance(s, limit);
	if (why == NULL && quota_set(s->s, &s->quota, limit, err) < 0)
		return dest_failed(s, err);
	if (why == NULL && s->s->last.state == STATE_OK) {
		s->quota.limit = limit;
		dest_note(s, EV_EXTRAS_SET, 0, NULL, NULL, false,
		    "the quota was set from %" PRIu64 " to %" PRIu64 " octets, as on the source", was,
		    limit);
		return 0;
	}
	dest_note(s, EV_EXTRAS_REFUSED, 0, "SETQUOTA", why == NULL ? s->s->reply : NULL, true,
	    "the quota stays at %" PRIu64 " octets, on the source it is %" PRIu64 ": %s", was, limit,
	    why != NULL ? why : "the server refuses another one");
	return 0;
}
