/* Folders on a server: making those that are missing, and subscribing. Commands go ahead of their answers, so
 * that thousands of folders take no round trip each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/names.h"
#include "store/to_imap/imap_sink.h"

enum {
	QUOTA_LITTLE = 1024 * 1024,
	WAVE_MAX = 32, /* commands without an answer */
	RESERVED_MAX = 8 /* names for which no other one was taken: the server refuses more than names */
};

/* ---- commands on many folders ---- */

/* `answered`: of the folder of the source with number `at`; the answer's line is in the session's reply. */
struct wave {
	struct sink *s;
	const char *verb;
	void (*answered)(struct sink *s, size_t at, const struct resp *r);
	struct {
		uint32_t tag;
		size_t at;
	} asked[WAVE_MAX];
	size_t n;
};

/* *ret_mine: it is that of one of them. */
static int
wave_answer(struct wave *w, const struct resp *r, bool *ret_mine, struct err *err)
{
	for (size_t k = 0; k < w->n; k++) {
		size_t at = w->asked[k].at;

		if (w->asked[k].tag != r->tag)
			continue;
		if (sess_must_wait(r)) {
			char doing[64];

			snprintf(doing, sizeof(doing), "%s on the destination", w->verb);
			sess_refused(w->s->s, r, doing, err);
			return dest_failed(w->s, err);
		}
		memmove(&w->asked[k], &w->asked[k + 1], (--w->n - k) * sizeof(w->asked[0]));
		w->answered(w->s, at, r);
		*ret_mine = true;
		return 0;
	}
	*ret_mine = false;
	return 0;
}

/* Take answers until at most `left` are missing. */
static int
wave_land(struct wave *w, size_t left, struct err *err)
{
	while (w->n > left) {
		struct resp r;
		struct asked a;
		bool mine = false;

		if (dest_pump(w->s, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_TAGGED && wave_answer(w, &r, &mine, err) < 0)
			return -1;
		if (!mine && sess_drop(w->s->s, &r, err) < 0)
			return dest_failed(w->s, err);
	}
	return 0;
}

static int
wave_send(struct wave *w, size_t at, const char *rest, struct err *err)
{
	struct sink *s = w->s;
	struct slice name = slice_str(s->mapped[at].name);
	uint32_t tag;

	/* A literal waits for the server, and nothing may be unanswered then. */
	bool room = sess_name_is_plain(name) && sess_room(s->s, name.len * 2 + 100);

	if (wave_land(w, room ? WAVE_MAX - 1 : 0, err) < 0)
		return -1;
	if (sess_send_named(s->s, DEST_OTHER, &tag, w->verb, name, rest, err) < 0)
		return dest_failed(s, err);
	w->asked[w->n].tag = tag;
	w->asked[w->n++].at = at;
	return 0;
}

/* ---- making ---- */

static bool
is_listed(const struct sink *s, const char *name)
{
	for (size_t i = 0; i < s->list.len; i++) {
		const struct folder *f = &s->list.folder[i];

		if (f->name.len == strlen(name) && !(f->attrs & FOLDER_NOSELECT) &&
		    memcmp(f->name.data, name, f->name.len) == 0)
			return true;
	}
	return false;
}

/* It needs not be made. */
static bool
is_there(const struct sink *s, size_t at)
{
	return is_listed(s, s->mapped[at].name) || slice_eq_nocase(slice_str(s->mapped[at].name), "INBOX");
}

/* The one use that CREATE may ask for (RFC 6154 3). */
static const char *
use_to_make(const struct sink *s, const struct folder *f)
{
	static const char *const uses[] = { "\\Archive", "\\Drafts", "\\Junk", "\\Sent",
		"\\Trash" };

	if (f->special_use == NULL || !caps_has(&s->s->caps, CAP_CREATE_SPECIAL_USE))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(uses); i++) {
		bool taken = false;

		if (strcasecmp(f->special_use, uses[i]) != 0)
			continue;
		for (size_t k = 0; k < s->list.len; k++)
			taken |= s->list.folder[k].special_use != NULL &&
				 strcasecmp(s->list.folder[k].special_use, uses[i]) == 0;
		return taken ? NULL : uses[i];
	}
	return NULL;
}

static bool
is_no_matter_of_names(enum resp_code code)
{
	return code == CODE_NOPERM || code == CODE_OVERQUOTA || code == CODE_LIMIT || code == CODE_UNAVAILABLE ||
	       code == CODE_SERVERBUG || code == CODE_INUSE || code == CODE_CONTACTADMIN;
}

/* What was refused is told when the folder is not listed: it may be there already. */
static void
create_answered(struct sink *s, size_t at, const struct resp *r)
{
	bool done = r->state == STATE_OK || r->code == CODE_ALREADYEXISTS;

	if (r->state == STATE_OK)
		dest_note(s, EV_DEST_MADE, 0, NULL, NULL, false, "the folder '%s' was made",
		    s->mapped[at].name);
	s->made[at] |= r->state == STATE_OK;
	s->refused[at] = done ? NULL : arena_copy(&s->names, slice_str(s->s->reply));
	s->denied[at] = !done && is_no_matter_of_names(r->code);
}

static void
note_refused(struct sink *s, size_t at)
{
	if (s->refused[at] != NULL)
		dest_note(s, EV_REFUSED, 0, "CREATE", s->refused[at], true,
		    "the folder '%s' could not be made", s->mapped[at].name);
}

static struct wave
creating(struct sink *s)
{
	return (struct wave){ .s = s, .verb = "CREATE", .answered = create_answered };
}

/* Those that are missing. What is refused with its use is asked for without: `plain`. */
static int
create_missing(struct sink *s, const struct folder *const *wanted, size_t n, bool plain, size_t *ret_asked,
    struct err *err)
{
	struct wave w = creating(s);
	char rest[64];

	*ret_asked = 0;
	for (size_t k = 0; k < n; k++) {
		size_t i = dest_source_index(s, wanted[k]->name);

		if (i == s->n_source || is_there(s, i))
			continue;

		const char *use = use_to_make(s, wanted[k]);

		if (plain && (use == NULL || s->refused[i] == NULL))
			continue;
		if (use == NULL || plain)
			rest[0] = '\0';
		else
			snprintf(rest, sizeof(rest), "(USE (%s))", use);
		if (wave_send(&w, i, rest, err) < 0)
			return -1;
		(*ret_asked)++;
	}
	return wave_land(&w, 0, err);
}

int
dest_list_again(struct sink *s, struct err *err)
{
	folder_list_done(&s->list);
	s->list = (struct folder_list){ 0 };
	if (sess_folders(s->s, false, &s->names, &s->list, err) < 0)
		return dest_failed(s, err);
	return 0;
}

/* *io NULL: another folder of the source has it. */
static int
name_is_free(const struct sink *s, const char **io)
{
	for (size_t k = 0; *io != NULL && k < s->n_source; k++)
		if (strcasecmp(s->mapped[k].name, *io) == 0)
			*io = NULL;
	return 0;
}

/* The name was refused, or is not what the server lists: beside the folder that it cannot lie below; or the same in
 * plainer characters; of plain ones it is a name that the server keeps for itself (quirks row 17), and a longer one is
 * free. NULL: there is none. */
static int
other_name(struct sink *s, size_t i, bool reserved, const char **ret, const char **ret_why, struct err *err)
{
	const struct mapping_side side = { .folder = s->list.folder,
		.n = s->list.len,
		.delim = s->delim,
		.prefix = s->prefix };
	const char *name = s->mapped[i].name;

	*ret_why = "the server has no folders below the one that this belongs to";
	if (mapping_beside(&side, name, &s->names, ret, err) < 0)
		return -1;
	if (*ret != NULL)
		return name_is_free(s, ret);
	*ret_why = "the server refuses the name";
	if (mapping_stricter(&side, name, &s->names, ret, err) < 0)
		return -1;
	if (*ret == NULL && reserved && strlen(name) < MAPPED_NAME_MAX &&
	    (*ret = arena_printf(&s->names, "%s_", name)) == NULL)
		return err_set(err, ERR_PROTOCOL, "folder names are longer than fit into memory");
	return name_is_free(s, ret);
}

static int
create_alone(struct sink *s, size_t i, struct err *err)
{
	struct wave w = creating(s);

	return wave_send(&w, i, "", err) < 0 ? -1 : wave_land(&w, 0, err);
}

/* Mail is not to lie under another name because of a moment's trouble: the same name is asked for once more. */
static int
create_other(struct sink *s, size_t i, struct err *err)
{
	const char *was = s->mapped[i].name, *other, *why;
	bool reserved = s->refused[i] != NULL && !s->denied[i] && s->reserved < RESERVED_MAX;

	if (other_name(s, i, reserved, &other, &why, err) < 0)
		return -1;
	if (other == NULL)
		return 0;
	if (s->refused[i] != NULL) {
		if (create_alone(s, i, err) < 0)
			return -1;
		if (s->refused[i] == NULL)
			return 0;
	}
	s->mapped[i].name = other;
	/* A run that was killed may have made it, and not every server says ALREADYEXISTS. */
	if (is_listed(s, other))
		s->refused[i] = NULL;
	else if (create_alone(s, i, err) < 0)
		return -1;
	note_refused(s, i);
	if (s->refused[i] != NULL) {
		s->reserved++;
		s->mapped[i].name = was;
		return 0;
	}
	s->mapped[i].how = MAPPED_REPLACED;
	s->mapped[i].why = why;
	return 0;
}

/* A server that changes the case of names: what it lists is used (servers.md 2.10). */
static bool
take_listed(struct sink *s, size_t i)
{
	for (size_t k = 0; k < s->list.len; k++) {
		const struct folder *f = &s->list.folder[k];
		bool taken = f->attrs & FOLDER_NOSELECT;

		if (!name_twins(f->name, slice_str(s->mapped[i].name)))
			continue;
		for (size_t m = 0; m < s->n_source; m++)
			taken |= m != i && strlen(s->mapped[m].name) == f->name.len &&
				 memcmp(s->mapped[m].name, f->name.data, f->name.len) == 0;
		if (taken)
			continue;

		const char *name = arena_copy(&s->names, f->name);

		if (name == NULL)
			return false;
		s->mapped[i].name = name;
		s->mapped[i].how = MAPPED_REPLACED;
		s->mapped[i].why = "the server changed the case of the name";
		return true;
	}
	return false;
}

int
dest_quota(struct sink *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err)
{
	if (!s->quota_asked && quota_get(s->s, &s->quota, err) < 0)
		return dest_failed(s, err);
	s->quota_asked = true;
	*ret_used = s->quota.used;
	*ret_limit = s->quota.limit;
	return 0;
}

/* Before the first run: mail that is there already, and room that will not do. */
static int
say_what_is_there(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	uint64_t there = 0, bytes = 0, used, limit;
	bool known = true;

	for (size_t k = 0; k < n; k++) {
		size_t i = dest_source_index(s, wanted[k]->name);

		bytes += wanted[k]->counts.bytes;
		known &= wanted[k]->counts.bytes_known;
		for (size_t j = 0; i < s->n_source && j < s->list.len; j++)
			if (slice_eq(s->list.folder[j].name, s->mapped[i].name))
				there += s->list.folder[j].counts.messages;
	}
	if (s->n_known == 0 && there > 0)
		dest_note(s, EV_DEST_NOT_EMPTY, 0, NULL, NULL, false,
		    "the folders of the destination that mail goes to hold %" PRIu64
		    " messages already; what is the same is not copied again",
		    there);
	/* Later it may be full of what is stored; what is new then is compared with the room there is, page by page. */
	if (s->n_known > 0)
		return 0;
	if (dest_quota(s, &used, &limit, err) < 0)
		return -1;
	if (limit == 0 || (limit > used && limit - used >= (known ? bytes : QUOTA_LITTLE)))
		return 0;
	dest_note(s, EV_DEST_QUOTA, 0, NULL, NULL, true,
	    "the quota of the destination is %" PRIu64 " octets, %" PRIu64
	    " of them are used: the mail may not fit",
	    limit, used);
	return 0;
}

/* What was made is looked at: a server may have refused a name, or made another one of it. */
static int
mend_names(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	bool again = false;

	for (size_t k = 0; k < n; k++) {
		size_t i = dest_source_index(s, wanted[k]->name);

		if (i == s->n_source)
			continue;

		bool there = is_there(s, i);

		if (there)
			s->refused[i] = NULL;
		note_refused(s, i);
		if (there || take_listed(s, i))
			continue;
		if (create_other(s, i, err) < 0)
			return -1;
		again = true;
	}
	return again ? dest_list_again(s, err) : 0;
}

int
dest_prepare(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	size_t asked, anew;

	if (s->mapped == NULL) {
		*err = s->names_err;
		return -1;
	}
	if (create_missing(s, wanted, n, false, &asked, err) < 0 ||
	    (asked > 0 && create_missing(s, wanted, n, true, &anew, err) < 0) ||
	    say_what_is_there(s, wanted, n, err) < 0)
		return -1;
	if (asked == 0)
		return 0;
	return dest_list_again(s, err) < 0 ? -1 : mend_names(s, wanted, n, err);
}

/* One that is left over from a lost connection is ours, too: nobody else has such a name. */
int
dest_marker(struct sink *s, const char *name, bool make, bool *ret_done, struct err *err)
{
	const char *full = arena_printf(&s->names, "%.*s%s", SLICE_ARG(s->prefix), name);
	const struct cmd_word word[] = { { .text = slice_str(make ? "CREATE" : "DELETE"), .raw = true },
		{ .text = slice_str(full != NULL ? full : name) } };

	if (sess_run_words(s->s, word, COUNT_OF(word), err) < 0)
		return dest_failed(s, err);
	*ret_done = s->s->last.state == STATE_OK || (make && s->s->last.code == CODE_ALREADYEXISTS);
	if (!*ret_done && !make)
		dest_note(s, EV_REFUSED, 0, "DELETE", s->s->reply, true,
		    "the empty folder '%s', which was made to see whether source and destination are one account, could "
		    "not be removed",
		    word[1].text.data);
	return 0;
}

/* ---- subscribing ---- */

static void
subscribe_answered(struct sink *s, size_t at, const struct resp *r)
{
	if (r->state != STATE_OK)
		dest_note(s, EV_REFUSED, 0, "SUBSCRIBE", s->s->reply, true,
		    "'%s' could not be subscribed to", s->mapped[at].name);
}

static bool
is_subscribed(const struct sink *s, const char *name)
{
	for (size_t k = 0; k < s->list.len; k++)
		if (s->list.folder[k].attrs & FOLDER_SUBSCRIBED && slice_eq(s->list.folder[k].name, name))
			return true;
	return false;
}

int
dest_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	struct wave w = { .s = s, .verb = "SUBSCRIBE", .answered = subscribe_answered };

	for (size_t k = 0; k < len && s->mapped != NULL; k++) {
		size_t i = dest_source_index(s, list[k].name);

		/* Of folders that were left out there is nothing to subscribe to. */
		if (!(list[k].attrs & FOLDER_SUBSCRIBED) || i == s->n_source || s->refused[i] != NULL ||
		    is_subscribed(s, s->mapped[i].name) || !is_there(s, i))
			continue;
		if (wave_send(&w, i, "", err) < 0)
			return -1;
	}
	return wave_land(&w, 0, err);
}
