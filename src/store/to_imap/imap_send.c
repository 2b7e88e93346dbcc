/* APPENDs that go out (imap_groups.c has what comes back). A group is sent in one piece, so that no command
 * stays open while the source is slow; a message on its own waits for the server's go, or streams through. */
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

static int
append_line(struct sink *s, const struct folder_at *at, const struct flags *f,
    const struct date *d, uint64_t octets, bool now, uint32_t *ret_tag, struct err *err)
{
	const struct flags goes = dest_goes(s, f);
	struct buf name, line;
	int rc;

	buf_init(&name, LEX_STRING_MAX);
	buf_init(&line, LEX_STRING_MAX * 2);
	sess_quote(slice_str(at->name), &name);
	append_message(&line, &goes, d, octets, now);
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
	uidset_add(&at->went, s->now.uid, s->now.uid);
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

	*ret_uid = 0;
	if (append_whole(s, at, f, d, octets, ret, err) < 0)
		return -1;
	if (ret->state != STATE_OK)
		return 0;
	dest_accept(s, at, f, d);
	at->added++;
	uidset_init(&set);
	if (dest_uids_told(s, ret, 1, &set)) {
		*ret_uid = uidset_last(&set);
		dest_claim(at, *ret_uid);
	}
	uidset_done(&set);
	return 0;
}

int
dest_make_room(struct sink *s, struct err *err)
{
	while (s->n_sent >= GROUPS_SENT_MAX || s->sent_octets > SENT_OCTETS_MAX ||
	       !sess_room(s->s, 1024))
		if (dest_take(s, err) < 0)
			return -1;
	return 0;
}

static void
group_sent(struct sink *s, struct group *g, uint32_t tag)
{
	g->tag = tag;
	g->state = GROUP_SENT;
	s->n_sent++;
	s->sent_octets += g->octets;
}

int
dest_send_group(struct sink *s, struct err *err)
{
	struct group *g = dest_group_filling(s);
	uint32_t tag;

	if (g == NULL)
		return 0;
	if (dest_make_room(s, err) < 0)
		return -1;
	/* Sent from here on, whatever fails: it may have gone out. */
	g->now = true;
	for (size_t i = 0; i < g->n; i++)
		uidset_add(&s->at->went, g->flight[i].msg.uid, g->flight[i].msg.uid);

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

	if (dest_send_group(s, err) < 0 || dest_make_room(s, err) < 0)
		return -1;
	g = dest_group_new(s, GROUP_SENT);
	if (dest_flight_add(s, at, g, &f, err) < 0)
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
		return dest_group_refused(s, g, &r, err);
	g->state = GROUP_STORED;
	s->n_stored++;
	f->msg.dest_uid = uid;
	return 0;
}

int
dest_add_small(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_group_filling(s);
	uint64_t octets = spool_len(s->body);
	struct flight *f;
	struct flags sent;
	const char *left;
	size_t max = s->multi ? APPEND_GROUP_MAX : 1;

	if (dest_fresh(s, err) < 0)
		return -1;
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
		g = dest_group_new(s, GROUP_FILLING);
		buf_reset(&s->wire);
	}
	if (dest_flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = octets;
	g->octets += octets;
	if (g->n > 1) {
		const struct flags goes = dest_goes(s, &f->sent);

		buf_add_byte(&s->wire, ' ');
		append_message(&s->wire, &goes, &f->given, octets, true);
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

	if (dest_send_group(s, err) < 0 || dest_make_room(s, err) < 0 || dest_fresh(s, err) < 0)
		return -1;
	g = dest_group_new(s, GROUP_SENT);
	if (dest_flight_add(s, at, g, &f, err) < 0)
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

	int go = g->now ? 1 : wait_for_go(s, tag, &r, err);

	if (go > 0)
		uidset_add(&at->went, f->msg.uid, f->msg.uid);
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
	memcpy(f->msg.head, s->now.head, HEAD_LEN);
	f->msg.head_known = s->now.head_known;
	f->msg.wire_bytes = s->now.wire_bytes;
	f->msg.verdict = s->now.verdict;
	if (stream_write(s->s->in, "\r\n", 2, err) < 0)
		return dest_failed(s, err);
	if (g->now)
		return 0;
	if (dest_wait(s, g->tag, &r, err) < 0)
		return -1;
	if (r.state == STATE_OK)
		dest_accept(s, at, &f->sent, &f->given);
	return 0;
}
