/* The session with the server that mail goes to: opened, given up, and replaced in the middle of a folder. */
#include "store/to_imap/imap_sink.h"

void
dest_keep_notes(struct sink *s)
{
	notes_move(&s->notes, &s->s->notes, NULL);
}

void
dest_drop_session(struct sink *s)
{
	if (s->s != NULL) {
		dest_keep_notes(s);
		if (s->broken || s->streams)
			s->s->said_bye = true;
		sess_close(&s->s);
	}
	dest_drop_groups(s);
	s->at = NULL;
	s->streams = s->swallow = s->begun = false;
	s->care = CARE_NONE;
	s->later = (struct err){ 0 };
}

static void
learn_caps(struct sink *s)
{
	const struct caps *c = &s->s->caps;
	bool rev2 = caps_has(c, CAP_IMAP4REV2);

	s->uidplus = caps_has(c, CAP_UIDPLUS) || rev2;
	s->now_any = caps_has(c, CAP_LITERAL_PLUS);
	s->now_small = caps_has(c, CAP_LITERAL_MINUS) || rev2;
	s->multi = caps_has(c, CAP_MULTIAPPEND) && s->now_any;
	s->limit = append_limit(c);
	s->limit_by_folder = append_limit_by_folder(c);
}

static int
open_session(struct sink *s, struct err *err)
{
	if (sess_open(&s->s, s->to->server, s->stop, err) == 0) {
		learn_caps(s);
		stream_set_grace(s->s->in, GRACE_MS);
		return 0;
	}
	if (s->s != NULL)
		dest_keep_notes(s);
	sess_close(&s->s);
	return err_wrap(err, "destination");
}

int
dest_select_again(struct sink *s, struct err *err)
{
	const uint32_t validity = s->at->uidvalidity, uidnext = s->at->uidnext;

	int rc = dest_select(s, s->at, err);

	/* Not every server tells it. */
	if (s->at->uidnext < uidnext)
		s->at->uidnext = uidnext;
	if (rc < 0)
		s->at->uidvalidity = validity;
	/* In the middle of messages a folder cannot fail by itself: the next session sees what is wrong with it. */
	if (rc < 0 && err->scope < SCOPE_SESSION && err->kind != ERR_THROTTLED) {
		const struct err why = *err;

		s->broken = true;
		return err_set(err, ERR_CUT, "destination: %s", why.text);
	}
	if (rc < 0 || s->at->uidvalidity == validity)
		return rc;
	s->broken = true;
	return err_set(err, ERR_CUT, "destination: the UIDVALIDITY of '%s' changed while it was open", s->at->name);
}

static int
open_again(struct sink *s, struct err *err)
{
	const struct event e = { .no = EV_DISCONNECTED, .level = LEVEL_INFO, .folder = s->at->name };
	const bool now_any = s->now_any, now_small = s->now_small, multi = s->multi;

	notes_add(&s->notes, &e, false, SESS_WORN);
	dest_keep_notes(s);
	s->s->see_it_closed = true;
	sess_close(&s->s);
	if (open_session(s, err) < 0)
		return sess_refused_again(err);
	/* What was found out stays so. */
	s->now_any &= now_any;
	s->now_small &= now_small;
	s->multi &= multi;
	return dest_select_again(s, err);
}

int
dest_fresh(struct sink *s, struct err *err)
{
	if (s->s->bads < SESS_BADS_MAX || s->at == NULL)
		return 0;
	while (s->s->n_asked > 0)
		if (dest_take(s, err) < 0)
			return -1;
	if (open_again(s, err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

int
dest_connect(struct sink *s, struct err *err)
{
	/* What it refused stays refused; in this run. */
	bool wary = s->broken && !s->multi && !s->now_any && s->list.folder != NULL;

	dest_drop_session(s);
	s->broken = true;
	if (open_session(s, err) < 0)
		return -1;
	if (wary)
		s->now_any = s->now_small = s->multi = false;
	if (s->list.folder == NULL) {
		if (sess_folders(s->s, false, &s->names, &s->list, err) < 0)
			return err_wrap(err, "destination");
		s->delim = s->list.delim;
		if (s->list.len > 0)
			s->prefix = s->list.folder[0].prefix;
	}
	s->broken = false;
	return 0;
}
