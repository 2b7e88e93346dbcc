/* APPENDs on their way. Groups stand in a list in the order in which they were begun; answers find
 * theirs by tag. A group is sent in one piece, so that no command stays open while the source is
 * slow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/imap_sink.h"

enum { GROUP_ARENA = 4 * 1024 * 1024, SET_TEXT = 6000 };

/* ---- groups ---- */

static struct group *
group_new(struct sink *s, enum group_state state)
{
	struct group *g = mem_new(sizeof(*g));

	g->state = state;
	arena_init(&g->arena, GROUP_ARENA);
	*s->end = g;
	s->end = &g->next;
	return g;
}

static void
group_free(struct group *g)
{
	arena_done(&g->arena);
	free(g);
}

void
dest_drop_groups(struct sink *s)
{
	while (s->first != NULL) {
		struct group *g = s->first;

		s->first = g->next;
		group_free(g);
	}
	s->end = &s->first;
	s->n_sent = s->n_stored = 0;
	s->sent_octets = 0;
	buf_reset(&s->wire);
}

static struct group *
group_filling(const struct sink *s)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == GROUP_FILLING)
			return g;
	return NULL;
}

/* Texts of a message of `now` into the group. */
static int
flight_add(struct sink *s, struct folder_at *at, struct group *g, struct flight **ret,
    struct err *err)
{
	struct flight *f = &g->flight[g->n];

	*f = (struct flight){
		.kind = OUTCOME_CAREFUL, .left = "", .keywords = "", .given = s->given
	};
	if (!msg_copy(&s->now, &g->arena, &f->msg) ||
	    (at != NULL && !dest_flags(at, &f->msg.flags, &g->arena, &f->sent, &f->left)))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit into memory",
		    s->now.uid);
	g->n++;
	*ret = f;
	return 0;
}

struct group *
dest_result(struct sink *s, enum outcome_kind kind)
{
	struct group *g = group_new(s, GROUP_DONE);
	struct err ignored = { 0 };
	struct flight *f;

	if (flight_add(s, NULL, g, &f, &ignored) < 0) {
		f = &g->flight[0];
		*f = (struct flight){ .msg = s->now, .left = "", .keywords = "" };
		f->msg.flags.keywords = "";
		f->msg.raw_date = f->msg.reason = NULL;
		g->n = 1;
	}
	f->kind = kind;
	return g;
}

/* ---- flags ---- */

static bool
is_atom(struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return word.len > 0;
}

static bool
has_word(struct slice list, struct slice word)
{
	for (size_t at = 0; at < list.len;) {
		const char *blank = memchr(list.data + at, ' ', list.len - at);
		size_t len = blank ? (size_t)(blank - list.data) - at : list.len - at;

		if (len == word.len && strncasecmp(list.data + at, word.data, len) == 0)
			return true;
		at += len + 1;
	}
	return false;
}

/* The next word of a list with blanks between; false: none. */
static bool
next_word(const char **at, struct slice *ret)
{
	size_t len = strcspn(*at, " ");

	if (len == 0)
		return false;
	*ret = (struct slice){ *at, len };
	*at += len;
	if (**at == ' ')
		++*at;
	return true;
}

bool
dest_flags(const struct folder_at *at, const struct flags *f, struct arena *a, struct flags *ret,
    const char **ret_left)
{
	struct buf sent, left;
	struct slice word;
	const char *p = f->keywords;
	bool fits = true;

	*ret = (struct flags){ .system = f->system & FLAGS_STORED, .keywords = "" };
	*ret_left = "";
	if (*p == '\0')
		return true;
	buf_init(&sent, LEX_STRING_MAX);
	buf_init(&left, LEX_STRING_MAX);
	while (next_word(&p, &word)) {
		bool good = is_atom(word) && word.len <= 200 &&
			    (!at->perm_known || at->perm_any || has_word(buf_slice(&at->perm), word));
		struct buf *to = good ? &sent : &left;

		fits = fits && (to->len == 0 || buf_add_byte(to, ' ')) &&
		       buf_add(to, word.data, word.len);
	}
	if (sent.len > 0)
		ret->keywords = arena_copy(a, buf_slice(&sent));
	if (left.len > 0)
		*ret_left = arena_copy(a, buf_slice(&left));
	buf_done(&sent);
	buf_done(&left);
	return fits && ret->keywords != NULL && *ret_left != NULL;
}

/* ---- what the server has taken ---- */

static bool
keyword_accepted(const struct sink *s, struct slice word)
{
	for (size_t i = 0; i < s->n_accepted; i++)
		if (slice_eq(word, s->accepted[i]))
			return true;
	return false;
}

bool
dest_may_now(const struct sink *s, const struct folder_at *at, const struct flags *f,
    const struct date *d, uint64_t octets)
{
	struct slice word;
	const char *p = f->keywords;

	if (!s->now_any && !(s->now_small && octets <= LITERAL_MINUS_MAX))
		return false;
	/* Servers refuse dates that are out of the ordinary. */
	if (d->known && !dest_date_plain(d))
		return false;
	if (!at->accepted || (f->system & FLAGS_STORED & ~s->accepted_system) != 0 ||
	    !(d->known ? s->accepted_date : s->accepted_dateless))
		return false;
	while (next_word(&p, &word))
		if (!keyword_accepted(s, word))
			return false;
	return true;
}

static void
accept(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d)
{
	struct slice word;
	const char *p = f->keywords;

	at->accepted = true;
	s->accepted_system |= f->system & FLAGS_STORED;
	if (!d->known)
		s->accepted_dateless = true;
	else if (dest_date_plain(d))
		s->accepted_date = true;
	while (next_word(&p, &word)) {
		if (keyword_accepted(s, word) || s->n_accepted == KEYWORDS_MAX)
			continue;
		s->accepted =
		    mem_resize(s->accepted, s->n_accepted + 1, sizeof(*s->accepted));
		s->accepted[s->n_accepted] = mem_resize(NULL, word.len + 1, 1);
		memcpy(s->accepted[s->n_accepted], word.data, word.len);
		s->accepted[s->n_accepted++][word.len] = '\0';
	}
}

/* ---- answers ---- */

static struct group *
group_of_tag(const struct sink *s, enum group_state state, uint32_t tag)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == state && g->tag == tag)
			return g;
	return NULL;
}

static void
group_done(struct group *g, enum outcome_kind kind)
{
	for (size_t i = 0; i < g->n; i++)
		g->flight[i].kind = kind;
	g->state = GROUP_DONE;
}

/* UIDs in the order of the messages (RFC 4315 3); anything odd is as if they had not been told. */
static void
take_uids(struct sink *s, struct group *g, const struct resp *r)
{
	struct folder_at *at = s->at;
	struct uidset set;
	uint32_t validity, uid = 0;

	uidset_init(&set);
	if (append_uids(r, &validity, &set) && validity == at->uidvalidity &&
	    uidset_count(&set) == g->n) {
		for (size_t i = 0; i < g->n; i++) {
			uid = uidset_after(&set, uid);
			if (uidset_has(&at->claimed, uid))
				break;
			g->flight[i].msg.dest_uid = uid;
		}
		for (size_t i = 0; i < g->n && g->flight[i].msg.dest_uid != 0; i++)
			dest_claim(at, g->flight[i].msg.dest_uid);
		if (uid >= at->uidnext)
			at->uidnext = uid + 1;
	}
	uidset_done(&set);
}

/* A non-synchronising literal that was not taken may be executed as commands: nothing more goes to
 * this session (rules.md 2.1). */
static int
bad_literal(struct sink *s, struct err *err)
{
	s->now_any = s->now_small = s->multi = false;
	dest_note(s, EV_REFUSED, 0, "APPEND", s->s->reply, true,
	    "a literal that was sent without waiting was refused: the connection is closed, and "
	    "this run waits before each literal");
	return err_set(err, ERR_CUT,
	    "the server refused a literal that was on its way; the connection was closed");
}

static int
group_refused(struct sink *s, struct group *g, const struct resp *r, struct err *err)
{
	struct folder_at *at = s->at;

	if (r->state == STATE_BAD && g->now)
		return bad_literal(s, err);
	dest_note(s, EV_REFUSED, g->n == 1 ? g->flight[0].msg.uid : 0, "APPEND", s->s->reply, true,
	    g->n == 1 ? "APPEND was refused" : "APPEND of several messages was refused: they go one by one");
	group_done(g, OUTCOME_CAREFUL);
	if (g->n > 1 && ++s->groups_refused >= 2)
		s->multi = false;
	switch (append_fault(r)) {
	case APPEND_QUOTA:
		snprintf(at->full, sizeof(at->full), "%.*s", (int)sizeof(at->full) - 1, s->s->reply);
		break;
	case APPEND_LATER:
		if (s->later.kind == ERR_NONE)
			sess_refused(s->s, r, "APPEND", &s->later);
		s->later.kind = ERR_THROTTLED;
		break;
	default:
		break;
	}
	return 0;
}

static int
group_answered(struct sink *s, struct group *g, const struct resp *r, struct err *err)
{
	s->n_sent--;
	s->sent_octets -= g->octets;
	if (r->state != STATE_OK)
		return group_refused(s, g, r, err);
	s->groups_refused = 0;
	g->state = GROUP_STORED;
	s->n_stored += g->n;
	s->at->added += (uint32_t)g->n;
	take_uids(s, g, r);
	return 0;
}

static void
read_back_take(struct sink *s, const struct fetch_data *d)
{
	for (struct group *g = s->first; g != NULL && d->uid != 0; g = g->next) {
		size_t lo = 0, hi = g->n;

		if (g->state != GROUP_ASKED || d->uid < g->flight[0].msg.dest_uid ||
		    d->uid > g->flight[g->n - 1].msg.dest_uid)
			continue;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (g->flight[mid].msg.dest_uid < d->uid)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < g->n && g->flight[lo].msg.dest_uid == d->uid)
			dest_seen(&g->flight[lo], &g->arena, d);
	}
}

static int
read_back_answered(struct sink *s, uint32_t tag, struct err *err)
{
	struct group *g;

	/* What did not come is looked for with care: the answer's state says no more. */
	while ((g = group_of_tag(s, GROUP_ASKED, tag)) != NULL) {
		g->state = GROUP_DONE;
		for (size_t i = 0; i < g->n; i++) {
			if (dest_mend_flags(s, g, &g->flight[i], err) < 0)
				return -1;
			dest_judge(s, g, &g->flight[i]);
		}
	}
	return 0;
}

int
dest_pump(struct sink *s, struct resp *r, struct asked *a, struct err *err)
{
	struct group *g;

	*a = (struct asked){ 0 };
	if (sess_next(s->s, r, a, err) < 0)
		return dest_failed(s, err);
	s->used_ms = clock_mono_ms();
	if (r->kind == RESP_FETCH && r->fetch.uid != 0 && !r->more)
		read_back_take(s, &r->fetch);
	if (r->kind != RESP_TAGGED)
		return 0;
	if (a->kind == DEST_APPEND && (g = group_of_tag(s, GROUP_SENT, a->tag)) != NULL)
		return group_answered(s, g, r, err) < 0 ? dest_failed(s, err) : 0;
	if (a->kind == DEST_READ)
		return read_back_answered(s, a->tag, err);
	return 0;
}

int
dest_wait(struct sink *s, uint32_t tag, struct resp *r, struct err *err)
{
	struct asked a;

	for (;;) {
		if (dest_pump(s, r, &a, err) < 0)
			return -1;
		if (r->kind == RESP_TAGGED && r->tag == tag)
			return 0;
		if (sess_drop(s->s, r, err) < 0)
			return dest_failed(s, err);
	}
}

/* ---- sending ---- */

static int
append_line(struct sink *s, const struct folder_at *at, const struct flags *f,
    const struct date *d, uint64_t octets, bool now, uint32_t *ret_tag, struct err *err)
{
	struct buf name, line;
	int rc;

	buf_init(&name, LEX_STRING_MAX);
	buf_init(&line, LEX_STRING_MAX * 2);
	sess_quote(slice_str(at->name), &name);
	append_message(&line, f, d, octets, now);
	if (name.full || line.full)
		rc = err_set(err, ERR_MESSAGE, "name or keywords are longer than a command may be");
	else
		rc = sess_send(
		    s->s, DEST_APPEND, ret_tag, err, "APPEND %s %s", name.data, line.data);
	buf_done(&name);
	buf_done(&line);
	return rc;
}

static int
send_spool(struct sink *s, struct spool *body, struct err *err)
{
	uint64_t at = 0;

	for (;;) {
		struct slice part;

		if (spool_read(body, at, 128 * 1024, &part, err) < 0)
			return -1;
		if (part.len == 0)
			return 0;
		if (stream_write(s->s->in, part.data, part.len, err) < 0)
			return -1;
		at += part.len;
	}
}

/* 1: the literal may go; 0: refused, *r is the tagged answer. */
static int
wait_for_go(struct sink *s, uint32_t tag, struct resp *r, struct err *err)
{
	struct asked a;

	for (;;) {
		if (dest_pump(s, r, &a, err) < 0)
			return -1;
		if (r->kind == RESP_CONTINUE)
			return 1;
		if (r->kind == RESP_TAGGED && r->tag == tag)
			return 0;
		if (sess_drop(s->s, r, err) < 0)
			return dest_failed(s, err);
	}
}

/* A command that could not be written to its end leaves the server in the middle of it. */
static int
append_whole(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d,
    struct spool *body, struct resp *ret, struct err *err)
{
	uint32_t tag;
	int go;

	if (append_line(s, at, f, d, spool_len(body), false, &tag, err) < 0)
		return err->kind == ERR_MESSAGE ? -1 : dest_failed(s, err);
	go = wait_for_go(s, tag, ret, err);
	if (go <= 0)
		return go;
	if (send_spool(s, body, err) < 0 || stream_write(s->s->in, "\r\n", 2, err) < 0) {
		if (err->scope != SCOPE_SESSION)
			s->broken = true; /* the spool failed */
		return dest_failed(s, err);
	}
	return dest_wait(s, tag, ret, err);
}

int
dest_append(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d,
    struct spool *octets, struct resp *ret, uint32_t *ret_uid, struct err *err)
{
	struct uidset set;
	uint32_t validity;

	*ret_uid = 0;
	if (append_whole(s, at, f, d, octets, ret, err) < 0)
		return -1;
	if (ret->state != STATE_OK)
		return 0;
	accept(s, at, f, d);
	at->added++;
	uidset_init(&set);
	if (append_uids(ret, &validity, &set) && validity == at->uidvalidity &&
	    uidset_count(&set) == 1 && !uidset_has(&at->claimed, uidset_last(&set))) {
		*ret_uid = uidset_last(&set);
		dest_claim(at, *ret_uid);
		if (*ret_uid >= at->uidnext)
			at->uidnext = *ret_uid + 1;
	}
	uidset_done(&set);
	return 0;
}

/* Room for one more command: answers are taken until there is. */
static int
make_room(struct sink *s, struct err *err)
{
	struct resp r;
	struct asked a;

	while (s->n_sent >= GROUPS_SENT_MAX || s->sent_octets > SENT_OCTETS_MAX ||
	       !sess_room(s->s, 1024)) {
		if (dest_pump(s, &r, &a, err) < 0)
			return -1;
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	}
	return 0;
}

static void
group_sent(struct sink *s, struct group *g, uint32_t tag)
{
	g->tag = tag;
	g->state = GROUP_SENT;
	s->n_sent++;
	s->sent_octets += g->octets;
	s->used_ms = clock_mono_ms();
}

int
dest_send_group(struct sink *s, struct err *err)
{
	struct group *g = group_filling(s);
	uint32_t tag;

	if (g == NULL)
		return 0;
	if (make_room(s, err) < 0)
		return -1;
	/* Sent from here on, whatever fails: it may have gone out. */
	g->now = true;

	struct flight *f = &g->flight[0];
	int rc = append_line(s, s->at, &f->sent, &f->given, f->octets, true, &tag, err);

	group_sent(s, g, rc == 0 ? tag : 0);
	if (rc < 0 || stream_write(s->s->in, s->wire.data, s->wire.len, err) < 0 ||
	    stream_write(s->s->in, "\r\n", 2, err) < 0 || stream_flush(s->s->in, err) < 0) {
		s->broken = true;
		return dest_failed(s, err);
	}
	buf_reset(&s->wire);
	return 0;
}

/* The first use of a folder, a flag, a form of date waits for the server (rules.md 2.1). */
static int
add_alone(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g;
	struct flight *f;
	struct resp r = { 0 };
	uint32_t uid;

	if (dest_send_group(s, err) < 0 || make_room(s, err) < 0)
		return -1;
	g = group_new(s, GROUP_SENT);
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = g->octets = spool_len(s->body);
	s->n_sent++;
	s->sent_octets += g->octets;
	/* No tag: the answer is taken here. */
	if (dest_append(s, at, &f->sent, &f->given, s->body, &r, &uid, err) < 0)
		return -1;
	s->n_sent--;
	s->sent_octets -= g->octets;
	if (r.state != STATE_OK)
		return group_refused(s, g, &r, err);
	g->state = GROUP_STORED;
	s->n_stored++;
	f->msg.dest_uid = uid;
	return 0;
}

int
dest_add_small(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = group_filling(s);
	uint64_t octets = spool_len(s->body);
	struct flight *f;
	struct flags sent;
	const char *left;
	size_t max = s->multi ? APPEND_GROUP_MAX : 1;

	if (!dest_flags(at, &s->now.flags, &s->now_arena, &sent, &left))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit", s->now.uid);
	if (octets > SMALL_MAX || !dest_may_now(s, at, &sent, &s->given, octets))
		return add_alone(s, at, err);
	if (g != NULL && g->octets + octets > GROUP_OCTETS) {
		if (dest_send_group(s, err) < 0)
			return -1;
		g = NULL;
	}
	if (g == NULL) {
		g = group_new(s, GROUP_FILLING);
		buf_reset(&s->wire);
	}
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = octets;
	g->octets += octets;
	if (g->n > 1) {
		buf_add_byte(&s->wire, ' ');
		append_message(&s->wire, &f->sent, &f->given, octets, true);
		buf_add_str(&s->wire, "\r\n");
	}

	struct slice body = spool_memory(s->body);

	if (!buf_add(&s->wire, body.data, body.len) || s->wire.full)
		return err_set(err, ERR_FULL, "no memory for a group of messages");
	return g->n >= max ? dest_send_group(s, err) : 0;
}

/* ---- large messages ---- */

int
dest_stream_start(struct sink *s, struct folder_at *at, uint64_t octets, struct err *err)
{
	struct group *g;
	struct flight *f;
	struct resp r;
	uint32_t tag;

	if (dest_send_group(s, err) < 0 || make_room(s, err) < 0)
		return -1;
	g = group_new(s, GROUP_SENT);
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = g->octets = octets;
	g->now = dest_may_now(s, at, &f->sent, &f->given, octets);
	s->streams = true;
	s->announced = octets;
	s->written = 0;
	group_sent(s, g, 0);
	if (append_line(s, at, &f->sent, &f->given, octets, g->now, &tag, err) < 0)
		return dest_failed(s, err);
	g->tag = tag;
	if (g->now)
		return 0;
	int go = wait_for_go(s, tag, &r, err);

	s->swallow = go == 0;
	return go < 0 ? -1 : 0;
}

int
dest_stream_end(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = s->first;

	s->streams = false;
	if (s->swallow) {
		s->swallow = false;
		return 0;
	}
	if (s->written != s->announced) {
		s->broken = true;
		err_set(err, ERR_CUT,
		    "UID %u has %llu octets, not the %llu that were announced: the connection to "
		    "the destination is dropped",
		    s->now.uid, (unsigned long long)s->written, (unsigned long long)s->announced);
		return dest_failed(s, err);
	}
	while (g->next != NULL)
		g = g->next;

	struct flight *f = &g->flight[0];
	struct resp r;

	memcpy(f->msg.sha256, s->now.sha256, SHA256_LEN);
	f->msg.wire_bytes = s->now.wire_bytes;
	f->msg.verdict = s->now.verdict;
	if (stream_write(s->s->in, "\r\n", 2, err) < 0)
		return dest_failed(s, err);
	if (g->now)
		return 0;
	if (dest_wait(s, g->tag, &r, err) < 0)
		return -1;
	if (r.state == STATE_OK)
		accept(s, at, &f->sent, &f->given);
	return 0;
}

/* ---- reading back ---- */

/* Servers without UIDPLUS: the UIDs that are new since, in order, are those of the messages in their
 * order, if sizes agree. */
struct fresh {
	uint32_t uid;
	uint64_t size;
};

static int
fresh_list(struct sink *s, struct fresh **ret, size_t *ret_n, struct err *err)
{
	struct folder_at *at = s->at;
	struct fresh *list = NULL;
	size_t n = 0, cap = 0;
	struct resp r = { 0 };
	struct asked a;
	uint32_t tag;

	*ret = NULL;
	*ret_n = 0;
	if (sess_send(s->s, DEST_OTHER, NULL, err, "NOOP") < 0 ||
	    sess_send(s->s, DEST_OTHER, &tag, err, "UID FETCH %u:* (UID RFC822.SIZE)",
		at->uidnext) < 0)
		return dest_failed(s, err);
	do {
		if (dest_pump(s, &r, &a, err) < 0 || sess_drop(s->s, &r, err) < 0) {
			free(list);
			return dest_failed(s, err);
		}
		if (r.kind != RESP_FETCH || r.fetch.uid < at->uidnext || !r.fetch.has_size ||
		    uidset_has(&at->claimed, r.fetch.uid) || n > 100000)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			list = mem_resize(list, cap, sizeof(*list));
		}
		list[n++] = (struct fresh){ r.fetch.uid, r.fetch.size };
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret = list;
	*ret_n = n;
	return 0;
}

static int
fresh_order(const void *a, const void *b)
{
	const struct fresh *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int
find_uids(struct sink *s, struct err *err)
{
	struct fresh *fresh;
	size_t n, at = 0, missing = 0;

	for (struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; g->state == GROUP_STORED && i < g->n; i++)
			missing += g->flight[i].msg.dest_uid == 0;
	if (missing == 0)
		return 0;
	if (fresh_list(s, &fresh, &n, err) < 0)
		return -1;
	if (n > 0)
		qsort(fresh, n, sizeof(*fresh), fresh_order);
	for (struct group *g = s->first; g != NULL; g = g->next) {
		for (size_t i = 0; g->state == GROUP_STORED && i < g->n; i++) {
			struct flight *f = &g->flight[i];
			size_t k = at;

			if (f->msg.dest_uid != 0)
				continue;
			/* As many as there are messages: the order alone tells them. */
			while (n != missing && k < n && fresh[k].size != f->octets)
				k++;
			if (k >= n)
				continue;
			f->msg.dest_uid = fresh[k].uid;
			dest_claim(s->at, fresh[k].uid);
			at = k + 1;
		}
	}
	if (n > 0 && fresh[n - 1].uid >= s->at->uidnext)
		s->at->uidnext = fresh[n - 1].uid + 1;
	free(fresh);
	return 0;
}

/* Is each flight's UID above the one before it? Reading back relies on that. */
static bool
in_order(const struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->flight[i].msg.dest_uid == 0 ||
		    (i > 0 && g->flight[i].msg.dest_uid <= g->flight[i - 1].msg.dest_uid))
			return false;
	return true;
}

/* Ask for all that is stored. Without UIDPLUS nothing may be on its way. */
static int
read_back(struct sink *s, struct err *err)
{
	struct uidset set;
	struct buf text;
	uint32_t tag = 0;
	size_t at = 0;
	int rc = 0;

	if (find_uids(s, err) < 0)
		return -1;
	uidset_init(&set);
	buf_init(&text, SET_TEXT + 64);
	for (struct group *g = s->first; g != NULL; g = g->next) {
		if (g->state != GROUP_STORED)
			continue;
		if (!in_order(g)) {
			for (size_t i = 0; i < g->n; i++)
				uidset_remove(&s->at->claimed, g->flight[i].msg.dest_uid);
			group_done(g, OUTCOME_CAREFUL);
			continue;
		}
		for (size_t i = 0; i < g->n; i++)
			uidset_add(&set, g->flight[i].msg.dest_uid, g->flight[i].msg.dest_uid);
		g->state = GROUP_ASKED;
		g->tag = 0; /* of the last command, below */
	}
	s->n_stored = 0;
	uidset_sort(&set);
	/* Some servers (Courier) show what was appended only after it. */
	if (set.len > 0) {
		rc = make_room(s, err);
		if (rc == 0 && sess_send(s->s, DEST_OTHER, NULL, err, "NOOP") < 0)
			rc = dest_failed(s, err);
	}
	while (rc == 0 && at < set.len) {
		buf_reset(&text);
		at += uidset_text(&set, at, 900, &text);
		rc = make_room(s, err);
		/* The last one tells that all have been answered. */
		if (rc == 0)
			rc = sess_send(s->s, at < set.len ? DEST_OTHER : DEST_READ, &tag, err,
			    "UID FETCH %s (UID FLAGS INTERNALDATE RFC822.SIZE)", text.data);
		if (rc < 0)
			rc = dest_failed(s, err);
	}
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == GROUP_ASKED && g->tag == 0)
			g->tag = tag;
	uidset_done(&set);
	buf_done(&text);
	return rc;
}

int
dest_advance(struct sink *s, bool *ret_idle, struct err *err)
{
	struct resp r;
	struct asked a;

	*ret_idle = false;
	if (group_filling(s) != NULL)
		return dest_send_group(s, err);
	if (s->n_stored > 0 && s->n_sent == 0)
		return read_back(s, err);
	if (s->s == NULL || s->s->n_asked == 0) {
		*ret_idle = true;
		return 0;
	}
	if (dest_pump(s, &r, &a, err) < 0)
		return -1;
	return sess_drop(s->s, &r, err) < 0 ? dest_failed(s, err) : 0;
}

/* Enough to be read back in one go? With UIDPLUS the wire need not stand still for it. */
int
dest_read_back_if_many(struct sink *s, struct err *err)
{
	struct resp r;
	struct asked a;

	if (s->n_stored < READ_BACK_MSGS)
		return 0;
	while (!s->uidplus && s->n_sent > 0) {
		if (dest_pump(s, &r, &a, err) < 0)
			return -1;
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	}
	return read_back(s, err);
}

int
dest_drain(struct sink *s, struct err *err)
{
	for (bool idle = false; !idle;)
		if (dest_advance(s, &idle, err) < 0)
			return -1;
	return 0;
}
