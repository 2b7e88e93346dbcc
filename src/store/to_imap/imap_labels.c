/* Labels of Gmail on a server that has them (X-GM-EXT-1). Most labels are folders there, as on the source, and come with
 * the copy in that folder: they are left alone, since a message that a label puts into another folder would be nobody's
 * copy. What is left has no folder: labels that the source does not show to IMAP, and those of its own (mail/flags.h).
 * They are set when a copy that imex has put there is read back, and read back themselves. None is ever taken away: that
 * would remove the message from a folder. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/flags.h"
#include "store/to_imap/imap_sink.h"

enum { LABEL_NOS_MAX = 3 }; /* NO may speak of one message, or one name; after so many it does not */

static bool
is_folder(const struct sink *s, struct slice label)
{
	for (size_t i = 0; i < s->n_source; i++)
		if (label_is_folder(label, s->source[i].name, s->source[i].special_use))
			return true;
	return false;
}

static bool
is_wanted(const struct sink *s, const char *was, struct slice label)
{
	return label_is_given(label) && !label_in(was, label) && !is_folder(s, label);
}

/* Its place in the list, where it has one by now; NULL: there is no room. */
static struct label_refused *
refused_place(struct sink *s, struct slice label)
{
	for (size_t i = 0; i < LABELS_REFUSED_MAX; i++)
		if (s->label_refused[i].name == NULL || slice_eq(label, s->label_refused[i].name))
			return &s->label_refused[i];
	return NULL;
}

/* NO to this name again and again, whatever the message: it is not asked any more. */
static bool
is_refused(struct sink *s, struct slice label)
{
	const struct label_refused *r = refused_place(s, label);

	return r != NULL && r->name != NULL && r->nos >= LABEL_NOS_MAX;
}

static void
count_no(struct sink *s, struct slice label, bool taken)
{
	struct label_refused *r = refused_place(s, label);

	if (r == NULL || (taken && r->name == NULL))
		return;
	if (r->name == NULL) {
		r->name = mem_new(label.len + 1);
		memcpy(r->name, label.data, label.len);
	}
	r->nos = taken ? 0 : r->nos + 1;
}

void
dest_labels_done(struct sink *s)
{
	for (size_t i = 0; i < LABELS_REFUSED_MAX; i++)
		free(s->label_refused[i].name);
}

static int
store(struct sink *s, uint32_t uid, struct slice label, bool *ret_taken, struct err *err)
{
	struct buf text;
	struct resp r;
	uint32_t tag;
	int rc;

	*ret_taken = false;
	/* No label of Gmail needs a literal. */
	if (label.len > CMD_QUOTED_MAX || !sess_name_is_plain(label) || is_refused(s, label))
		return 0;
	buf_init(&text, LEX_STRING_MAX);
	if (label.data[0] == '\\')
		buf_add(&text, label.data, label.len);
	else
		sess_quote(label, &text);
	rc = sess_send(s->s, DEST_OTHER, &tag, err, "UID STORE %u +X-GM-LABELS (%s)", uid, text.data);
	buf_done(&text);
	if (rc < 0)
		return dest_failed(s, err);
	if (dest_wait(s, tag, &r, err) < 0)
		return -1;
	if (sess_must_wait(&r)) {
		sess_refused(s->s, &r, "setting labels on the destination", err);
		return dest_failed(s, err);
	}
	*ret_taken = r.state == STATE_OK;
	s->labels_taken |= *ret_taken;
	count_no(s, label, *ret_taken);
	if (s->labels_taken || (r.state == STATE_NO && ++s->label_nos < LABEL_NOS_MAX))
		return 0;
	if (!atomic_exchange(s->to->labels_refused, true))
		dest_note(s, EV_REFUSED, 0, "UID STORE", s->s->reply, true,
		    "the destination refuses labels, though it offers them (X-GM-EXT-1): those that no folder stands for are not set");
	return 0;
}

static void
add_missing(const struct sink *s, const char *labels, const char *was, const char *there, struct buf *left)
{
	struct slice label;

	buf_reset(left);
	while (label_next(&labels, &label))
		if (is_wanted(s, was, label) && !label_in(there, label))
			buf_printf(left, "%s%.*s", left->len > 0 ? ", " : "", SLICE_ARG(label));
}

/* Which of them the server does not show. */
static int
read_again(struct sink *s, uint32_t uid, const char *labels, const char *was, struct buf *left, struct err *err)
{
	struct resp r = { 0 };
	struct asked asked;
	uint32_t tag;

	add_missing(s, labels, was, "", left);
	if (sess_send(s->s, DEST_OTHER, &tag, err, "UID FETCH %u (UID X-GM-LABELS)", uid) < 0)
		return dest_failed(s, err);
	do {
		if (dest_pump(s, &r, &asked, err) < 0)
			return -1;
		if (r.kind == RESP_FETCH && r.fetch.uid == uid && r.fetch.flags.labels != NULL)
			add_missing(s, labels, was, r.fetch.flags.labels, left);
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

int
dest_set_labels(struct sink *s, uint32_t uid, const char *labels, const char *was, struct buf *left, struct err *err)
{
	const char *at = labels;
	struct slice label;
	bool taken, any = false;

	buf_reset(left);
	if (labels == NULL || !caps_has(&s->s->caps, CAP_GMAIL))
		return 0;
	if (was == NULL)
		was = "";
	while (!atomic_load(s->to->labels_refused) && label_next(&at, &label)) {
		if (!is_wanted(s, was, label))
			continue;
		if (store(s, uid, label, &taken, err) < 0)
			return -1;
		any = true;
	}
	return any && !atomic_load(s->to->labels_refused) ? read_again(s, uid, labels, was, left, err) : 0;
}
