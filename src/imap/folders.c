/* The first flight after login: who the server is, which namespaces it has, which folders with
 * which counts. One round trip where the server can (LIST-EXTENDED, LIST-STATUS), the older ways
 * where it cannot or says BAD. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imap/unlisted.h"

enum { ASK_ID = 1, ASK_NAMESPACE, ASK_LIST, ASK_LSUB, ASK_STATUS, ASK_MAILBOXID };

/* ---- what comes back ---- */

static int
keep_namespaces(struct sess *s, const struct ns_entry *from, struct err *err)
{
	struct ns_entry **end = &s->ns;

	s->ns = NULL;
	s->ns_known = true;
	for (; from != NULL; from = from->next) {
		struct ns_entry *e = arena_take(&s->ns_arena, sizeof(*e));
		char *prefix = e ? arena_copy(&s->ns_arena, from->prefix) : NULL;

		if (prefix == NULL)
			return err_set(err, ERR_PROTOCOL, "the server names too many namespaces");
		*e = *from;
		e->prefix.data = prefix;
		e->next = NULL;
		*end = e;
		end = &e->next;
	}
	return 0;
}

static void
keep_product(struct sess *s, const struct resp *r)
{
	struct slice name = { 0 }, version = { 0 };

	for (size_t i = 0; i + 1 < r->words; i += 2) {
		if (slice_eq_nocase(r->word[i], "name"))
			name = r->word[i + 1];
		else if (slice_eq_nocase(r->word[i], "version"))
			version = r->word[i + 1];
	}
	if (name.data == NULL)
		return;

	struct buf text;

	buf_init(&text, 256);
	buf_printf(&text, "%.*s%s%.*s", SLICE_ARG(name), version.data ? " " : "", (int)version.len,
	    version.data ? version.data : "");
	free(s->product);
	s->product = mem_copy_str(text.data ? text.data : "");
	buf_done(&text);
}

struct flight {
	struct folder_list *list;
	struct folder_list lsub, counts; /* matched by name once the list is in order */
	struct arena *arena;
	bool list_refused, status_refused;
	struct err refusal; /* of LIST, with its raw answer; LSUB may have been answered since */
	char *reply;
};

static int
list_take(struct sess *s, struct folder_list *l, struct arena *a, const struct folder *f, struct err *err)
{
	/* LIST "" "" style root entries have no name. */
	if (f->name.len == 0)
		return 0;
	sess_progress(s);
	return folder_list_add(l, a, f, err);
}

static int
take_one(struct sess *s, struct flight *f, const struct resp *r, struct err *err)
{
	switch (r->kind) {
	case RESP_ID:
		keep_product(s, r);
		return 0;
	case RESP_NAMESPACE:
		return keep_namespaces(s, r->ns, err);
	case RESP_LIST:
		return list_take(s, f->list, f->arena, &r->folder, err);
	case RESP_LSUB:
		return list_take(s, &f->lsub, f->arena, &r->folder, err);
	case RESP_COUNTS:
		return list_take(s, &f->counts, f->arena, &r->folder, err);
	default:
		return 0;
	}
}

/* A refused command of the flight that has another way. Passing: it is asked for again in the next run; else it is
 * a fact about the server, told once. */
static void
note_refused(struct sess *s, const struct asked *a, bool passing, const char *instead)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.command = a->text,
		.passing = passing,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	notes_add(&s->notes, &e, true, "the server refused %s; %s", a->text, instead);
}

/* The LIST that was refused. Without another way (NULL) the error that follows is told. */
static void
note_list_refused(struct sess *s, const struct flight *f, bool passing, const char *instead)
{
	struct event e = { .no = EV_REFUSED,
		.level = instead != NULL ? LEVEL_WARNING : LEVEL_ERROR,
		.command = s->last_refused,
		.file_only = instead == NULL,
		.passing = passing,
		.reply = slice_str(f->reply) };

	notes_add(&s->notes, &e, instead != NULL, "the server refused %s; %s", s->last_refused,
	    instead != NULL ? instead : "its folders are not known");
}

static void
lsub_refused(struct sess *s, struct flight *f, const struct asked *a)
{
	f->list->lsub_refused = true;
	if (!s->lsub_refused)
		note_refused(s, a, true, "which folders are subscribed is not known");
	s->lsub_refused = true;
}

/* Without ID nothing is lacking: its refusal is nobody's concern. */
static int
take_answer(struct sess *s, struct flight *f, const struct resp *r, const struct asked *a, struct err *err)
{
	if (r->state == STATE_OK || a->kind == ASK_ID)
		return 0;
	if (sess_must_wait(r))
		return sess_refused(s, r, a->text, err);
	if (a->kind == ASK_LIST) {
		f->list_refused = true;
		sess_refused(s, r, "the server refuses to list its folders", &f->refusal);
		free(f->reply);
		f->reply = mem_copy_str(s->reply);
	}
	if (a->kind == ASK_LSUB)
		lsub_refused(s, f, a);
	if (a->kind == ASK_NAMESPACE) {
		s->ns_known = true;
		note_refused(s, a, true, "folders of other people and shared ones cannot be told from one's own");
	}
	if (a->kind == ASK_STATUS && r->state == STATE_BAD && !f->status_refused) {
		f->status_refused = true;
		quirk_add(&s->seen, QUIRK_NO_STATUS);
		note_refused(s, a, false, "counts come from EXAMINE instead");
	}
	return 0;
}

/* Read until everything asked is answered. */
static int
land(struct sess *s, struct flight *f, struct err *err)
{
	while (s->n_asked > 0) {
		struct resp r;
		struct asked a;

		if (sess_next(s, &r, &a, err) < 0 || sess_drop(s, &r, err) < 0)
			return -1;
		if ((r.kind == RESP_TAGGED ? take_answer(s, f, &r, &a, err) : take_one(s, f, &r, err)) < 0)
			return -1;
		if (r.kind == RESP_TAGGED && a.kind == ASK_LIST && f->list_refused)
			snprintf(s->last_refused, sizeof(s->last_refused), "%s", a.text);
	}
	return 0;
}

/* ---- what is asked ---- */

static const char *
count_items(const struct sess *s, bool sizes)
{
	bool modseq = caps_has(&s->caps, CAP_CONDSTORE),
	     size = sizes && caps_has(&s->caps, CAP_STATUS_SIZE);

	if (modseq)
		return size ? "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE"
			    : "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ";
	return size ? "MESSAGES UIDNEXT UIDVALIDITY SIZE" : "MESSAGES UIDNEXT UIDVALIDITY";
}

static int
ask_list(struct sess *s, bool extended, bool sizes, struct err *err)
{
	if (!extended) {
		if (sess_send(s, ASK_LIST, NULL, err, "LIST \"\" \"*\"") < 0)
			return -1;
		return sess_send(s, ASK_LSUB, NULL, err, "LSUB \"\" \"*\"");
	}

	const char *special = caps_has(&s->caps, CAP_SPECIAL_USE) ? " SPECIAL-USE" : "";

	if (caps_has(&s->caps, CAP_LIST_STATUS))
		return sess_send(s, ASK_LIST, NULL, err,
		    "LIST \"\" \"*\" RETURN (SUBSCRIBED%s STATUS (%s))", special,
		    count_items(s, sizes));
	return sess_send(s, ASK_LIST, NULL, err, "LIST \"\" \"*\" RETURN (SUBSCRIBED%s)", special);
}

static int
ask_first_flight(struct sess *s, bool extended, bool sizes, struct err *err)
{
	if (sess_tell_id(s, ASK_ID, err) < 0)
		return -1;
	if (caps_has(&s->caps, CAP_NAMESPACE) && !s->ns_known &&
	    sess_send(s, ASK_NAMESPACE, NULL, err, "NAMESPACE") < 0)
		return -1;
	return ask_list(s, extended, sizes, err);
}

static void
apply_lsub(struct flight *f)
{
	for (size_t i = 0; i < f->lsub.len; i++) {
		struct folder *there = folder_list_find(f->list, f->lsub.folder[i].name);

		/* \Noselect here says that only a child is subscribed (RFC 3501 6.3.9). */
		if (there != NULL && !(f->lsub.folder[i].attrs & FOLDER_NOSELECT))
			there->attrs |= FOLDER_SUBSCRIBED;
	}
}

static void
apply_counts(struct flight *f)
{
	for (size_t i = 0; i < f->counts.len; i++) {
		struct folder *from = &f->counts.folder[i], *to = folder_list_find(f->list, from->name);

		if (to == NULL)
			continue;
		to->counts = from->counts;
		to->attrs |= from->attrs & FOLDER_COUNTED;
	}
}

/* RFC 3501 7.2.2: INBOX is always there; some servers leave it, or the selected folder, out of
 * LIST. */
static int
ensure_inbox(struct sess *s, struct flight *f, struct err *err)
{
	struct folder inbox = { .name = slice_str("INBOX"), .delim = f->list->delim };

	for (size_t i = 0; i < f->list->len; i++)
		if (folder_is_inbox(f->list->folder[i].name))
			return 0;
	quirk_add(&s->seen, QUIRK_NO_INBOX);
	return folder_list_add(f->list, f->arena, &inbox, err);
}

/* Does `name` lie in the namespace, or is it its root without the delimiter? */
static bool
in_namespace(struct slice name, const struct ns_entry *e)
{
	size_t len = e->prefix.len;

	if (len > 0 && e->delim && e->prefix.data[len - 1] == e->delim && name.len == len - 1)
		len--;
	return name.len >= len && memcmp(name.data, e->prefix.data, len) == 0;
}

/* Whose folder it is; `own` is the first personal prefix, the same for all. */
static void
place_in_namespace(const struct sess *s, struct slice own, struct folder *f)
{
	const struct ns_entry *best = NULL;

	for (const struct ns_entry *e = s->ns; e != NULL; e = e->next)
		if (in_namespace(f->name, e) && (best == NULL || e->prefix.len > best->prefix.len))
			best = e;
	f->prefix = own;
	if (best != NULL && !folder_is_inbox(f->name))
		f->attrs |= best->kind;
}

static int
place_all(const struct sess *s, struct folder_list *list, struct arena *a, struct err *err)
{
	const struct ns_entry *first = s->ns;
	struct slice own = { "", 0 };

	while (first != NULL && first->kind != 0)
		first = first->next;
	if (first != NULL) {
		/* The list outlives the session. */
		own.data = arena_copy(a, first->prefix);
		own.len = first->prefix.len;
		if (own.data == NULL)
			return err_set(err, ERR_PROTOCOL, "the server lists longer names than fit");
	}
	for (size_t i = 0; i < list->len; i++)
		place_in_namespace(s, own, &list->folder[i]);
	return 0;
}

/* STATUS for every folder where LIST did not bring the counts, as many in flight as may be. */
static int
ask_counts(struct sess *s, struct flight *f, bool sizes, struct err *err)
{
	char items[80];

	snprintf(items, sizeof(items), "(%s)", count_items(s, sizes));
	for (size_t i = 0; i < f->list->len && !f->status_refused; i++) {
		struct folder *one = &f->list->folder[i];

		/* Names that need a literal are counted by EXAMINE: a literal would stop the
		 * flight. */
		if (one->attrs & (FOLDER_NOSELECT | FOLDER_COUNTED) ||
		    !sess_name_is_plain(one->name))
			continue;
		/* The first goes alone: a server that does not know STATUS is asked once. */
		if ((!sess_room(s, one->name.len * 2 + 100) || i == 1) && land(s, f, err) < 0)
			return -1;
		if (f->status_refused)
			break;
		if (sess_send_named(s, ASK_STATUS, NULL, "STATUS", one->name, items, err) < 0)
			return -1;
	}
	return land(s, f, err);
}

/* One that is not counted may have. */
static bool
has_mail(const struct folder_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (!(l->folder[i].attrs & FOLDER_COUNTED) || l->folder[i].counts.messages > 0)
			return true;
	return false;
}

/* One broken mount point can empty the whole answer, or make it a refusal (quirks row 29). */
static int
list_by_level(struct sess *s, struct flight *f, struct err *err)
{
	quirk_add(&s->seen, QUIRK_LIST_EMPTY);
	if (unlisted_by_level(s, f->list, f->arena, err) < 0)
		return -1;
	if (f->list_refused)
		note_list_refused(s, f, true, f->list->len > 0 ? "folders were asked for level by level" : NULL);
	if (!f->list_refused || f->list->len > 0)
		return 0;
	*err = f->refusal;
	if (err->kind != ERR_THROTTLED)
		err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER, err->retry = RETRY_LATER;
	return -1;
}

static int
folders_flight(struct sess *s, struct flight *f, bool want_sizes, struct err *err)
{
	bool extended = caps_has(&s->caps, CAP_LIST_EXTENDED) &&
			!quirk_in(s->seen, QUIRK_NO_LIST_RETURN);
	bool counted = extended && caps_has(&s->caps, CAP_LIST_STATUS), nothing;

	if (ask_first_flight(s, extended, want_sizes, err) < 0 || land(s, f, err) < 0)
		return -1;
	if (f->list_refused && extended) {
		note_list_refused(
		    s, f, f->refusal.kind == ERR_THROTTLED, "plain LIST and LSUB are used instead");
		/* "Later" says nothing of RETURN. */
		if (f->refusal.kind != ERR_THROTTLED)
			quirk_add(&s->seen, QUIRK_NO_LIST_RETURN);
		f->list_refused = counted = false;
		f->list->len = 0;
		if (ask_list(s, false, want_sizes, err) < 0 || land(s, f, err) < 0)
			return -1;
	}
	if ((f->list_refused || f->list->len == 0) && list_by_level(s, f, err) < 0)
		return -1;
	nothing = f->list->len == 0;
	if (ensure_inbox(s, f, err) < 0)
		return -1;
	folder_list_order(f->list);
	s->quirks = quirks_of(s->greeting, s->product, s->at->host);
	if (s->level != LEVEL_IMAP4 && !quirk_in(s->seen, QUIRK_NO_STATUS)) {
		if (unlisted_inbox(s, f->list, err) < 0 ||
		    unlisted_find(s, &f->lsub, f->list, f->arena, err) < 0)
			return -1;
		folder_list_order(f->list);
		/* A line of the list may have been lost. */
		if (unlisted_named(s, &f->counts, f->list, f->arena, err) < 0)
			return -1;
		folder_list_order(f->list);
		if (s->expected != NULL && unlisted_named(s, s->expected, f->list, f->arena, err) < 0)
			return -1;
		folder_list_order(f->list);
		if (unlisted_parents(s, f->list, f->arena, err) < 0)
			return -1;
		folder_list_order(f->list);
	}
	apply_lsub(f);
	if (!counted && s->level != LEVEL_IMAP4 && !quirk_in(s->seen, QUIRK_NO_STATUS) &&
	    ask_counts(s, f, want_sizes, err) < 0)
		return -1;
	apply_counts(f);
	f->list->silent = nothing && has_mail(f->list);
	return 0;
}

int
sess_folder_sayable(const struct folder *f, struct err *err)
{
	return f->attrs & FOLDER_UNSAYABLE
		   ? err_set(err, ERR_FOLDER, "the folder name has a NUL in it, which no IMAP command can carry")
		   : 0;
}

/* ---- servers without LIST ---- */

/* UW names subscribed folders "~/mail/x" that it lists as "mail/x". */
static struct slice
below_home(struct slice name)
{
	return name.len > 2 && memcmp(name.data, "~/", 2) == 0
		   ? (struct slice){ name.data + 2, name.len - 2 }
		   : name;
}

/* "FIND what": its answers are added to `to`. *ret_known: the server has that command. */
static int
find(struct sess *s, const char *what, struct folder_list *to, struct arena *a, bool *ret_known,
    struct err *err)
{
	uint32_t tag;
	struct resp r;
	struct asked asked;

	if (sess_send(s, ASK_LIST, &tag, err, "FIND %s *", what) < 0)
		return -1;
	do {
		if (sess_next(s, &r, &asked, err) < 0 || sess_drop(s, &r, err) < 0)
			return -1;
		r.folder.name = below_home(r.folder.name);
		if (r.kind == RESP_MAILBOX && r.folder.name.len > 0 &&
		    folder_list_add(to, a, &r.folder, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (sess_must_wait(&r))
		return sess_refused(s, &r, "FIND", err);
	*ret_known = r.state != STATE_BAD;
	if (r.state != STATE_NO)
		return 0;
	snprintf(s->last_refused, sizeof(s->last_refused), "%s", asked.text);
	note_list_refused(s, &(struct flight){ .reply = s->reply }, true, NULL);
	return err_set(err, ERR_FOLDER, "the server refuses to list its folders: %s", s->reply);
}

/* FIND tells no delimiter. Servers of that age are Unix programs that name files: where a name has
 * a "/" inside, that is it. */
static void
guess_delim(struct folder_list *l)
{
	for (size_t i = 0; i < l->len && l->delim == 0; i++) {
		struct slice name = l->folder[i].name;

		if (name.len > 2 && memchr(name.data + 1, '/', name.len - 2) != NULL)
			l->delim = '/';
	}
	for (size_t i = 0; i < l->len; i++)
		l->folder[i].delim = l->delim;
}

/* The level is found out on the way: what is answered by BAD is not there (docs/quirks.md 3.1). */
static int
find_all(struct sess *s, struct flight *f, struct err *err)
{
	bool all = false, some = false;

	if (s->level == LEVEL_IMAP2BIS &&
	    find(s, "ALL.MAILBOXES", f->list, f->arena, &all, err) < 0)
		return -1;
	if (!all && s->level == LEVEL_IMAP2BIS)
		s->level = LEVEL_IMAP2;
	if (s->level != LEVEL_IMAP2_FIRST &&
	    find(s, "MAILBOXES", all ? &f->lsub : f->list, f->arena, &some, err) < 0)
		return -1;
	if (!all && !some)
		s->level = LEVEL_IMAP2_FIRST;
	if (ensure_inbox(s, f, err) < 0)
		return -1;
	guess_delim(f->list);
	folder_list_order(f->list);
	apply_lsub(f);
	/* What FIND MAILBOXES lists is subscribed. */
	for (size_t i = 0; some && !all && i < f->list->len; i++)
		f->list->folder[i].attrs |= FOLDER_SUBSCRIBED;
	return 0;
}

int
sess_folders(
    struct sess *s, bool want_sizes, struct arena *a, struct folder_list *ret, struct err *err)
{
	struct folder_list list = { 0 };
	struct flight f = { .list = &list, .arena = a };
	unsigned unparsed = s->garbage_folders;
	int rc = s->numbered ? find_all(s, &f, err) : folders_flight(s, &f, want_sizes, err);

	list.unparsed = s->garbage_folders - unparsed;
	if (rc == 0)
		rc = folder_list_without_nul(&list, a, err);
	if (rc == 0)
		rc = place_all(s, &list, a, err);

	free(f.reply);
	folder_list_done(&f.lsub);
	folder_list_done(&f.counts);
	if (rc < 0) {
		folder_list_done(&list);
		return -1;
	}
	*ret = list;
	return 0;
}

/* What is refused, or told of another folder, leaves no id. */
static void
apply_ids(struct flight *f, struct folder *const *folder, size_t n)
{
	folder_list_order(&f->counts);
	for (size_t i = 0; i < n; i++) {
		struct folder *told = folder_list_find(&f->counts, folder[i]->name);

		folder[i]->mailbox_id = told != NULL ? told->mailbox_id : NULL;
	}
}

int
sess_mailbox_ids(
    struct sess *s, struct folder *const *folder, size_t n, struct arena *a, struct err *err)
{
	struct folder_list list = { 0 };
	struct flight f = { .list = &list, .arena = a };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n && caps_has(&s->caps, CAP_OBJECTID); i++) {
		struct slice name = folder[i]->name;

		/* As with counts: a literal would stop the flight. */
		if (!sess_name_is_plain(name) || folder[i]->attrs & FOLDER_UNSAYABLE)
			continue;
		if (!sess_room(s, name.len * 2 + 100))
			rc = land(s, &f, err);
		/* By itself: Cyrus 3.6 gives octets of its memory for an id that is asked for
		 * beside SIZE or UIDNEXT. */
		if (rc == 0)
			rc = sess_send_named(s, ASK_MAILBOXID, NULL, "STATUS", name, "(MAILBOXID)", err);
	}
	if (rc == 0)
		rc = land(s, &f, err);
	if (rc == 0)
		apply_ids(&f, folder, n);
	folder_list_done(&list);
	folder_list_done(&f.counts);
	folder_list_done(&f.lsub);
	return rc;
}
