/* A folder on the server under another name. RENAME takes along what lies below it (RFC 3501 6.3.5), but not on
 * every server, and leaves subscriptions where they are. What was done is seen in the listing, not in the answer: an OK
 * may be wrong, and after a lost connection there is none. */
#include <string.h>

#include "mail/names.h"
#include "store/to_imap/imap_sink.h"

static const struct folder *
listed(const struct sink *s, const char *name)
{
	for (size_t i = 0; i < s->list.len; i++) {
		const struct folder *f = &s->list.folder[i];

		if (!(f->attrs & FOLDER_NOSELECT) && slice_eq(f->name, name))
			return f;
	}
	return NULL;
}

/* Also one that cannot be opened, or whose name differs in case alone: many servers take it for the same. */
static bool
is_taken(const struct sink *s, const char *from, const char *to)
{
	for (size_t i = 0; i < s->list.len; i++) {
		struct slice name = s->list.folder[i].name;

		if (name_twins(name, slice_str(to)) && !slice_eq(name, from))
			return true;
	}
	return false;
}

/* Is it the folder that was filled under that name, or was it made anew since? */
static bool
is_filled(const struct sink *s, const struct folder *f, const char *path)
{
	const struct folder_rec *rec = NULL;
	struct dest_mark mark;

	for (size_t i = 0; i < s->n_known; i++)
		if (strcmp(s->known[i].path, path) == 0 && (rec == NULL || s->known[i].id > rec->id))
			rec = &s->known[i];
	if (rec == NULL)
		return false;
	dest_mark_read(rec->mark, &mark);
	return mark.uidvalidity != 0 && f->counts.uidvalidity == mark.uidvalidity &&
	       (f->counts.uidnext == 0 || f->counts.uidnext > dest_top(rec));
}

/* Somebody may have made another folder with the old name since. */
static bool
has_moved(const struct sink *s, const char *from, const char *to)
{
	const struct folder *old = listed(s, from), *new = listed(s, to);

	return new != NULL && (old == NULL || (is_filled(s, new, from) && !is_filled(s, old, from)));
}

/* ---- commands ---- */

/* *ret_reply: what a refusal says; NULL: it was answered OK. */
static int
command(struct sink *s, const char *verb, struct slice name, const char *to, const char **ret_reply,
    struct err *err)
{
	const struct cmd_word word[] = { { .text = slice_str(verb), .raw = true }, { .text = name },
		{ .text = slice_str(to != NULL ? to : "") } };

	*ret_reply = NULL;
	if (sess_run_words(s->s, word, to != NULL ? 3 : 2, err) < 0)
		return dest_failed(s, err);
	if (sess_must_wait(&s->s->last)) {
		sess_refused(s->s, &s->s->last, "RENAME on the destination", err);
		return dest_failed(s, err);
	}
	if (s->s->last.state != STATE_OK)
		*ret_reply = s->s->reply;
	return 0;
}

static bool
is_at_or_below(const struct sink *s, struct slice name, const char *top)
{
	size_t len = strlen(top);

	return name.len >= len && memcmp(name.data, top, len) == 0 &&
	       (name.len == len || (s->delim != '\0' && name.data[len] == s->delim));
}

/* The subscription of one folder goes where it went. */
static int
resubscribe(struct sink *s, struct slice old, const char *new, struct err *err)
{
	const struct folder *there = listed(s, new);
	const char *reply = NULL;

	if (there != NULL && !(there->attrs & FOLDER_SUBSCRIBED) &&
	    command(s, "SUBSCRIBE", slice_str(new), NULL, &reply, err) < 0)
		return -1;
	if (reply != NULL)
		dest_note(s, EV_REFUSED, 0, "SUBSCRIBE", reply, true, "'%s' could not be subscribed to", new);
	/* A server that has moved the subscription itself may refuse this. */
	return command(s, "UNSUBSCRIBE", old, NULL, &reply, err);
}

/* `before`: the listing in front of the RENAME. */
static int
move_subscriptions(struct sink *s, const struct folder_list *before, const char *from, const char *to,
    struct err *err)
{
	for (size_t i = 0; i < before->len; i++) {
		const struct folder *f = &before->folder[i];
		const char *name;

		if (!(f->attrs & FOLDER_SUBSCRIBED) || !is_at_or_below(s, f->name, from))
			continue;
		name = arena_printf(&s->names, "%s%.*s", to, (int)(f->name.len - strlen(from)),
		    f->name.data + strlen(from));
		if (name == NULL)
			return err_set(err, ERR_FOLDER, "a folder name is too long");
		/* One that was not moved along goes by itself. */
		if (listed(s, name) != NULL && resubscribe(s, f->name, name, err) < 0)
			return -1;
	}
	return 0;
}

static int
rename_one(struct sink *s, const char *from, const char *to, bool *ret_done, struct err *err)
{
	struct folder_list before = { 0 };
	const char *reply;
	int rc;

	/* Nobody knows what was done: the next connection lists anew. */
	if (command(s, "RENAME", slice_str(from), to, &reply, err) < 0) {
		folder_list_done(&s->list);
		s->list = (struct folder_list){ 0 };
		return -1;
	}
	/* A refusal may be of what lies below alone. */
	if (reply != NULL)
		dest_note(s, EV_REFUSED, 0, "RENAME", reply, false,
		    "to rename the folder '%s' to '%s' was refused", from, to);
	before = s->list;
	s->list = (struct folder_list){ 0 };
	rc = dest_list_again(s, err);
	/* A listing that lags behind, perhaps: it is looked for once more, on another connection. */
	if (rc == 0 && listed(s, from) == NULL && listed(s, to) == NULL) {
		s->broken = true;
		folder_list_done(&s->list);
		s->list = (struct folder_list){ 0 };
		rc = err_set(err, ERR_CUT, "destination: after RENAME '%s' is listed neither so nor as '%s'", from, to);
	}
	if (rc == 0 && (*ret_done = has_moved(s, from, to)))
		rc = move_subscriptions(s, &before, from, to, err);
	folder_list_done(&before);
	return rc;
}

int
dest_move_folder(struct sink *s, const char *from, const char *to, bool *ret_done, struct err *err)
{
	const struct folder *old = listed(s, from);
	const char *ignored;

	*ret_done = has_moved(s, from, to);
	if (*ret_done)
		return old == NULL ? command(s, "UNSUBSCRIBE", slice_str(from), NULL, &ignored, err) : 0;
	/* What has the old name now may be somebody else's. */
	if (old == NULL || !is_filled(s, old, from) || is_taken(s, from, to))
		return 0;
	return rename_one(s, from, to, ret_done, err);
}
