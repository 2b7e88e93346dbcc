/* The IMAP source: its session, and how a folder is opened.
 *
 * On the wire: EXAMINE, SEARCH and the first listing in one flight; then page n + 2 of the listing
 * is asked for behind the bodies of page n, so that neither waits for the other. Data are
 * attributed by UID, never by the command that is due: Dovecot holds back tagged answers while it
 * has further commands to work on, and sends their data first. */
#include "store/from_imap/source_imap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imap/quota.h"

/* ---- session ---- */

struct ladder
source_ladder(const struct source *s)
{
	return (struct ladder){ .level = s->s->level,
		.quirks = s->s->quirks,
		.no_source_writes = s->at.no_source_writes,
		.refused = s->facts.refused_forms };
}

/* Notes of the session become the source's, with the folder they belong to. */
void
source_take_notes(struct source *s)
{
	if (s->s != NULL)
		notes_move(&s->notes, &s->s->notes, s->folder);
}

int
source_session(struct source *s, struct err *err)
{
	if (s->s != NULL)
		return 0;
	s->resync = false;
	if ((sess_ahead_there(s->at.ahead) ? sess_ahead_take(s->at.ahead, &s->s, err)
					   : sess_open(&s->s, s->at.server, s->stop, err)) == 0 &&
	    source_enable(s, err) == 0)
		return 0;
	source_take_notes(s);
	sess_close(&s->s);
	return -1;
}

static void
folder_forget(struct source *s)
{
	source_windows_free(s);
	source_doubts_free(s);
	source_mime_free(s);
	uidset_clear(&s->map);
	uidset_clear(&s->searched);
	uidset_clear(&s->fetched);
	uidset_clear(&s->found);
	uidset_clear(&s->late);
	uidset_clear(&s->absent);
	s->search_odd = s->search_known = s->listed_at_once = s->pages_done = s->holes_settled = s->bodies_asked =
	    false;
	s->singles = s->facts.quirks & LEARNT_SINGLES;
	s->look_refused = false;
	s->partial = s->flagless = 0;
	s->passes = 0;
	s->doubts_over = false;
	s->phantoms = 0;
	s->holes = 0;
	s->page_from = 1;
	s->asks = s->ended = 0;
	s->owed = s->rest_asked = s->noop_sent = s->noop_done = s->trying = s->alone =
	    s->meta_known = false;
	s->now = (struct reading){ 0 };
	source_changes_forget(s);
	s->held = s->numbers_wrong = false;
	s->at_uid = s->try_uid = s->tried = 0;
	for (size_t i = 0; i < 2; i++) {
		s->page_asked[i] = s->page_ready[i] = s->page_again[i] = false;
		msg_page_reset(s->page[i]);
	}
	free(s->folder);
	s->folder = NULL;
}

static int
source_imap_open(
    struct source **ret, const struct source_place *at, struct cancel *stop, struct err *err)
{
	struct source *s = mem_new(sizeof(*s));

	s->at = *at;
	s->facts = at->facts;
	if (s->facts.quirks & LEARNT_SINGLES)
		s->facts.quirks &= ~(uint32_t)LEARNT_LISTINGS;
	s->stop = stop;
	s->narrow = at->narrow ? WINDOW_MSGS : 0;
	pace_init(&s->pace, at->server->timeout_ms);
	s->once = FORM_NONE;
	/* The state may be damaged. */
	if (s->facts.works_form < FORM_NONE || s->facts.works_form >= FORMS)
		s->facts.works_form = FORM_NONE;
	/* What works was refused for a message, not by the server. */
	if (s->facts.works_form != FORM_NONE)
		s->facts.refused_forms &= ~(1u << s->facts.works_form);
	s->end = &s->first;
	notes_init(&s->notes);
	arena_init(&s->meta_arena, LEX_STRING_MAX);
	buf_init(&s->lost_header, LEX_STRING_MAX);
	s->page[0] = msg_page_new();
	s->page[1] = msg_page_new();
	*ret = s;
	/* The half-built source is the caller's to close: its notes may tell why it failed. */
	return source_session(s, err);
}

static void
source_imap_close(struct source **sp)
{
	struct source *s = *sp;

	if (s == NULL)
		return;
	folder_forget(s);
	sess_close(&s->s);
	for (size_t i = 0; i < s->n_refusals; i++) {
		free(s->refusal[i].command);
		free(s->refusal[i].reply);
		free(s->refusal[i].folder);
	}
	free(s->doubt);
	uidset_done(&s->map);
	uidset_done(&s->searched);
	uidset_done(&s->fetched);
	uidset_done(&s->found);
	uidset_done(&s->late);
	uidset_done(&s->absent);
	uidset_done(&s->changes.vanished);
	msg_page_free(s->page[0]);
	msg_page_free(s->page[1]);
	notes_done(&s->notes);
	arena_done(&s->meta_arena);
	buf_done(&s->lost_header);
	free(s);
	*sp = NULL;
}

static struct notes *
source_imap_notes(struct source *s)
{
	source_take_notes(s);
	return &s->notes;
}

/* What the session found out while it listed the folders. */
static void
facts_from_session(struct source *s)
{
	if (quirk_in(s->s->seen, QUIRK_NO_LIST_RETURN))
		s->facts.quirks |= LEARNT_NO_LIST_RETURN;
	if (quirk_in(s->s->seen, QUIRK_NO_STATUS))
		s->facts.quirks |= LEARNT_NO_STATUS;
}

static void
facts_to_session(const struct source *s)
{
	if (s->facts.quirks & LEARNT_NO_LIST_RETURN)
		quirk_add(&s->s->seen, QUIRK_NO_LIST_RETURN);
	if (s->facts.quirks & LEARNT_NO_STATUS)
		quirk_add(&s->s->seen, QUIRK_NO_STATUS);
}

static const struct server_facts *
source_imap_facts(struct source *s)
{
	if (s->s != NULL && s->s->product != NULL)
		snprintf(s->facts.product, sizeof(s->facts.product), "%s", s->s->product);
	return &s->facts;
}

static int
source_imap_folders(struct source *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	if (source_session(s, err) < 0)
		return -1;
	source_level_recall(s);
	facts_to_session(s);

	int rc = source_list_folders(s, a, ret, err);

	facts_from_session(s);
	if (rc == 0)
		source_level_learn(s);
	return rc;
}

static int
source_imap_ids(
    struct source *s, struct folder *const *folder, size_t n, struct arena *a, struct err *err)
{
	if (source_session(s, err) < 0)
		return -1;
	return sess_mailbox_ids(s->s, folder, n, a, err);
}

/* ---- enter ---- */

static void
head_take(struct source *s, const struct resp *r)
{
	if (r->code == CODE_UIDNEXT && r->code_num <= UINT32_MAX)
		s->head.uidnext = (uint32_t)r->code_num;
	else if (r->code == CODE_UIDVALIDITY && r->code_num <= UINT32_MAX)
		s->head.uidvalidity = (uint32_t)r->code_num;
	else if (r->code == CODE_HIGHESTMODSEQ)
		s->head.highestmodseq = r->code_num;
	else if (r->code == CODE_READ_ONLY)
		s->head.read_only = true;
	else if (r->code == CODE_MAILBOXID)
		snprintf(s->head.mailbox_id, sizeof(s->head.mailbox_id), "%.*s", SLICE_ARG(r->code_text));
}

static void
flight_begin(struct sess *x)
{
	x->open = false;
	x->held_uidvalidity = 0;
	x->grew = false;
	x->exists = 0;
	x->expunged = 0;
}

/* The error that follows tells the terminal; the answer in full is in the event log. */
static void
examine_refused(struct sess *x, const struct resp *r, const struct asked *a, struct err *err)
{
	const struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.command = a->text,
		.file_only = true,
		.reply = sess_reply(x),
		.reply_bytes = x->reply_octets };

	if (sess_refused(x, r, "EXAMINE", err) < 0 && err->kind != ERR_THROTTLED)
		notes_add(&x->notes, &e, false, "the server refused to open the folder");
}

/* EXAMINE and what rides behind it, up to the answer of the last. */
static int
read_flight(struct source *s, bool *ret_opened, struct err *err)
{
	struct sess *x = s->s;
	bool opened = true, given = false;

	while (x->n_asked > 0) {
		struct resp r;
		struct asked a;

		if (sess_next(x, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_STATUS)
			head_take(s, &r);
		if (r.kind == RESP_FETCH) {
			if (r.more ? source_skip_fetch(s, &r, err) < 0
				   : opened && source_take_listing(s, &r, err) < 0)
				return -1;
		}
		if (r.kind == RESP_SEARCH && x->asked[0].kind == ASKED_SEARCH) {
			given = true;
			if (!source_take_search(s))
				return err_set(
				    err, ERR_PROTOCOL, "the folder has more UIDs than fit");
		}
		if (r.kind != RESP_TAGGED)
			continue;
		if (a.kind == ASKED_EXAMINE) {
			head_take(s, &r);
			opened = r.state == STATE_OK;
			x->open = opened;
			x->held_uidvalidity = s->head.uidvalidity;
			s->head.exists = x->exists;
			if (!opened)
				examine_refused(x, &r, &a, err);
		} else if (opened && a.kind == ASKED_SEARCH &&
			   source_search_answered(s, &r, &a, &given, err) < 0) {
			return -1;
		} else if (opened && a.kind == ASKED_PAGE &&
			   source_page_answered(s, &r, &a, err) < 0) {
			return -1;
		}
	}
	*ret_opened = opened;
	return 0;
}

static int
folder_refused(struct source *s, struct err *err)
{
	/* Its data were dropped; what is selected now differs from server to server (rules.md 1.5).
	 */
	source_take_notes(s);
	sess_close(&s->s);
	if (err->kind != ERR_THROTTLED) {
		err->kind = ERR_FOLDER;
		err->scope = SCOPE_FOLDER;
		err->retry = RETRY_LATER;
	}
	return -1;
}

/* Without SEARCH the UIDs of a large folder come from a listing of nothing else. */
static int
read_uids(struct source *s, struct err *err)
{
	uint32_t tag;
	struct resp r;

	if (sess_send(s->s, ASKED_UIDS, &tag, err, "UID FETCH 1:* (UID)") < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0)
			return -1;
		if (r.kind == RESP_FETCH) {
			if (r.more ? source_skip_fetch(s, &r, err) < 0
				   : source_take_listing(s, &r, err) < 0)
				return -1;
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	uidset_sort(&s->searched);
	return 0;
}

static int
start_listing(struct source *s, const struct since *since, struct err *err)
{
	/* An empty folder needs no search to be known. */
	s->search_known |= s->s->exists == 0;
	if (!s->search_known && !s->listed_at_once && read_uids(s, err) < 0)
		return -1;
	/* The sequence map: what SEARCH says, or else the listing. */
	(void)uidset_join(&s->searched, &s->map);
	uidset_sort(&s->map);
	s->u0 = s->head.uidnext;
	if (s->u0 == 0)
		s->u0 = uidset_last(&s->map) == UINT32_MAX ? UINT32_MAX : uidset_last(&s->map) + 1;
	s->s->map = &s->map;
	if (s->listed_at_once) {
		s->pages_done = true;
		return 0;
	}
	if (since != NULL)
		source_changes_begin(s, since);
	if (s->changes.on)
		return 0;
	if (source_ask_next_page(s, err) < 0)
		return -1;
	return source_ask_next_page(s, err);
}

/* A folder that was given up may have left commands unanswered; their data are not the next one's.
 */
static int
drop_answers(struct source *s, struct err *err)
{
	while (s->s->n_asked > 0) {
		struct resp r;

		if (sess_next(s->s, &r, NULL, err) < 0 || sess_drop(s->s, &r, err) < 0)
			return -1;
	}
	return 0;
}

static int
folder_begin(struct source *s, const struct folder *f, struct err *err)
{
	/* A sink has given a folder up in the middle of a body, whose octets must not be read as answers. */
	if (s->now.active) {
		source_take_notes(s);
		sess_close(&s->s);
	}
	folder_forget(s);
	s->folder = strndup(f->name.data, f->name.len);
	s->head = (struct folder_head){ 0 };
	return source_session(s, err) < 0 ? -1 : drop_answers(s, err);
}

static int
source_imap_enter(struct source *s, const struct folder *f, const struct since *since,
    struct folder_head *ret, struct err *err)
{
	bool counted = f->attrs & FOLDER_COUNTED, opened = true;
	bool search =
	    !(s->facts.quirks & LEARNT_NO_SEARCH) && !(counted && f->counts.messages == 0);

	if (folder_begin(s, f, err) < 0 || sess_folder_sayable(f, err) < 0)
		return -1;
	source_listing_begin(s);
	if (s->s->numbered)
		return source_enter_numbered(s, f, ret, err) < 0 ? folder_refused(s, err) : 0;
	if (sess_tell_id_before(s->s, f->name, err) < 0 ||
	    sess_send_named(s->s, ASKED_EXAMINE, NULL, "EXAMINE", f->name, "", err) < 0)
		return -1;
	flight_begin(s->s);
	/* The user's search comes before the listing, which so has all that it could find. Behind a
	 * name of kilobytes nothing rides. */
	if ((s->at.search != NULL || !sess_room(s->s, RIDERS_OCTETS)) && read_flight(s, &opened, err) < 0)
		return -1;
	if (s->at.search != NULL && opened && source_search(s, err) < 0)
		return -1;
	if (!opened)
		return folder_refused(s, err);
	if (search && source_send_search(s, err) < 0)
		return -1;
	if (since == NULL && counted && f->counts.messages > 0 && f->counts.messages <= s->most * 3 / 4) {
		s->listed_at_once = true;
		if (source_ask_page(s, 1, UINT32_MAX, err) < 0)
			return -1;
	}
	if (read_flight(s, &opened, err) < 0)
		return -1;
	if (!opened)
		return folder_refused(s, err);
	/* More than the page holds arrived since STATUS, or the form was refused: list it in pages
	 * after all. */
	if (s->listed_at_once && (s->s->exists > s->most || s->page_again[0])) {
		s->listed_at_once = false;
		s->page_asked[0] = s->page_again[0] = false;
		uidset_clear(&s->fetched);
	}
	if (counted && f->counts.messages > s->s->exists + s->s->expunged)
		source_note_status(s);
	if (start_listing(s, since, err) < 0)
		return -1;
	*ret = s->head;
	ret->since = s->changes.on;
	if (ret->uidnext == 0)
		ret->uidnext = s->u0;
	return 0;
}

int
source_open_searched(struct source *s, struct err *err)
{
	struct slice name = slice_str(s->folder);
	bool opened = true;

	if (sess_tell_id_before(s->s, name, err) < 0 ||
	    sess_send_named(s->s, ASKED_EXAMINE, NULL, "EXAMINE", name, "", err) < 0)
		return -1;
	flight_begin(s->s);
	if (!sess_room(s->s, RIDERS_OCTETS) && read_flight(s, &opened, err) < 0)
		return -1;
	if (opened && (source_send_search(s, err) < 0 || read_flight(s, &opened, err) < 0))
		return -1;
	return opened ? 0 : folder_refused(s, err);
}

/* The map is made of SEARCH alone: it tells numbers that come without a UID, and which UIDs are
 * neighbours. */
static int
source_imap_visit(struct source *s, const struct folder *f, uint32_t uidvalidity, struct err *err)
{
	if (folder_begin(s, f, err) < 0)
		return -1;
	if (s->s->numbered || (s->facts.quirks & LEARNT_NO_SEARCH))
		return err_set(err, ERR_FOLDER, "the server has no UIDs, or cannot search");
	if (source_open_searched(s, err) < 0)
		return -1;
	if (s->head.uidvalidity != uidvalidity || !s->search_known)
		return err_set(err, ERR_FOLDER, "the folder is another one, or cannot be searched");
	if (!uidset_copy(&s->searched, &s->map))
		return err_set(err, ERR_PROTOCOL, "the folder has more UIDs than fit");
	uidset_sort(&s->map);
	s->s->map = &s->map;
	s->pages_done = true;
	return 0;
}

static int
source_imap_pay(
    struct source *s, const struct debt *d, struct debt_result *ret, struct err *err)
{
	struct debt mine = *d;

	if (source_session(s, err) < 0)
		return -1;
	mine.items = source_listing_items(s);
	mine.no_examine = s->facts.quirks & LEARNT_NO_EXAMINE;
	return debt_pay(s->at.server, s->stop, &mine, ret, err);
}

static int
source_imap_ask_rest(struct source *s, struct err *err)
{
	(void)err;
	s->rest_asked = true;
	s->asks++;
	return 0;
}

/* The message whose body is under way, or the one that is due: a connection may end before its
 * first octet. */
uint32_t
source_imap_reading(const struct source *s)
{
	int kind = s->s != NULL && s->s->n_asked > 0 ? s->s->asked[0].kind : 0;

	if (s->at_uid != 0)
		return s->at_uid;
	if (kind == ASKED_TRY)
		return s->try_uid;
	if (kind == ASKED_ALONE)
		return s->doubt[s->doubt_at].uid;

	const struct window *w = kind == ASKED_WINDOW ? source_window_of_tag(s, s->s->asked[0].tag) : NULL;

	/* Of many that were asked for together, and none came, it may be any. */
	if (w != NULL && w->n > 1 && w->left == w->n)
		return 0;
	for (size_t i = 0; w != NULL && i < w->n; i++)
		if (!w->want[i].done)
			return w->want[i].uid;
	return 0;
}

static unsigned
source_imap_extras_offered(const struct source *s)
{
	return s->s != NULL ? extras_offered(&s->s->caps) : 0;
}

static int
source_imap_extras(struct source *s, const struct folder *f, unsigned what, struct arena *a,
    struct extras *ret, struct err *err)
{
	if (source_session(s, err) < 0 || drop_answers(s, err) < 0)
		return -1;
	return extras_get(s->s, f != NULL ? f->name : (struct slice){ "", 0 }, what, a, ret, err);
}

static int
source_imap_quota(struct source *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err)
{
	struct quota q;

	if (source_session(s, err) < 0 || drop_answers(s, err) < 0 || quota_get(s->s, &q, err) < 0)
		return -1;
	*ret_used = q.used;
	*ret_limit = q.limit;
	return 0;
}

static int
source_imap_keep(struct source *s, struct err *err)
{
	return s->s != NULL && sess_is_quiet(s->s) ? sess_run(s->s, err, "NOOP") : 0;
}

static int64_t
source_imap_rtt_us(const struct source *s)
{
	return s->s ? s->s->rtt_us : 0;
}

const struct source_ops source_imap = {
	.name = "imap",
	.traits = SOURCE_UIDS | SOURCE_LIVE,
	.open = source_imap_open,
	.folders = source_imap_folders,
	.ids = source_imap_ids,
	.enter = source_imap_enter,
	.visit = source_imap_visit,
	.numbered = source_imap_numbered,
	.number = source_imap_number,
	.changes = source_imap_changes,
	.relist = source_imap_relist,
	.heads = source_imap_heads,
	.leaves_out = source_imap_leaves_out,
	.list = source_imap_list,
	.ask = source_imap_ask,
	.lost_header = source_imap_lost_header,
	.ask_rest = source_imap_ask_rest,
	.next = source_imap_next,
	.read = source_imap_read,
	.settle = source_imap_settle,
	.leave = source_imap_leave,
	.pay = source_imap_pay,
	.quota = source_imap_quota,
	.extras_offered = source_imap_extras_offered,
	.extras = source_imap_extras,
	.notes = source_imap_notes,
	.facts = source_imap_facts,
	.keep = source_imap_keep,
	.reading = source_imap_reading,
	.listing = source_imap_listing,
	.rtt_us = source_imap_rtt_us,
	.close = source_imap_close,
};
