#include "imap/debt.h"

#include <string.h>

enum { SET_OCTETS = 900 };

void
debt_result_done(struct debt_result *r)
{
	uidset_done(&r->paid);
	uidset_done(&r->unpaid);
}

/* UIDs of `asked` that are \Seen now into seen, all that answered into there. */
static int
read_flags(struct sess *s, const struct uidset *asked, struct uidset *seen, struct uidset *there,
    struct err *err)
{
	struct buf set;
	size_t at = 0;
	int rc = -1;

	buf_init(&set, SET_OCTETS + 32);
	while (at < asked->len) {
		uint32_t tag;
		struct resp r;

		buf_reset(&set);
		at += uidset_text(asked, at, SET_OCTETS, &set);
		/* RFC 1730 servers give the UID unasked, and some refuse it as an item. */
		if (sess_send_set(s, 0, &tag, "FETCH", set.data,
			s->level >= LEVEL_IMAP4 ? "(FLAGS)" : "(UID FLAGS)", err) < 0)
			goto out;
		do {
			if (sess_next(s, &r, NULL, err) < 0 || sess_drop(s, &r, err) < 0)
				goto out;
			if (r.kind != RESP_FETCH || r.fetch.uid == 0 || !r.fetch.has_flags ||
			    !uidset_has(asked, r.fetch.uid))
				continue;
			uidset_add(there, r.fetch.uid, r.fetch.uid);
			if (r.fetch.flags.system & FLAG_SEEN)
				uidset_add(seen, r.fetch.uid, r.fetch.uid);
		} while (r.kind != RESP_TAGGED || r.tag != tag);
		if (r.state != STATE_OK) {
			sess_refused(s, &r, "reading flags", err);
			goto out;
		}
	}
	uidset_sort(seen);
	uidset_sort(there);
	rc = 0;
out:
	buf_done(&set);
	return rc;
}

/* What is not told may be gone, or its line was lost: then \Seen would stay. It is owed on where something could
 * not be read, or the books of a server without UIDs still have it. */
static int
look_again(struct sess *s, const struct uidset *asked, struct uidset *seen, struct uidset *there,
    struct debt_result *ret, struct err *err)
{
	struct uidset missing = { 0 };
	int rc = 0;

	uidset_minus(asked, there, &missing);
	if (missing.len > 0)
		rc = read_flags(s, &missing, seen, there, err);
	uidset_clear(&missing);
	uidset_minus(asked, there, &missing);
	for (uint32_t uid = 0; (uid = uidset_after(&missing, uid)) != 0;)
		if (s->numbered ? number_there(s, uid) : s->garbage > 0)
			uidset_add(&ret->unpaid, uid, uid);
	uidset_sort(&ret->unpaid);
	if (ret->unpaid.len > 0)
		snprintf(ret->reply, sizeof(ret->reply), "the server does not tell their flags");
	uidset_done(&missing);
	return rc;
}

static int
take_seen_away(struct sess *s, const struct uidset *seen, struct debt_result *ret, struct err *err)
{
	struct buf set;
	struct resp r = { 0 };
	uint32_t tag;
	size_t at = 0;
	int rc = 0;

	buf_init(&set, SET_OCTETS + 32);
	while (rc == 0 && at < seen->len) {
		buf_reset(&set);
		at += uidset_text(seen, at, SET_OCTETS, &set);
		rc = sess_send_set(s, 0, &tag, "STORE", set.data, "-FLAGS (\\Seen)", err);
		while (rc == 0 && (rc = sess_next(s, &r, NULL, err)) == 0 &&
		       (r.kind != RESP_TAGGED || r.tag != tag))
			rc = sess_drop(s, &r, err);
		/* A refusal is seen again when the flags are read back. */
		if (rc == 0 && r.state != STATE_OK)
			snprintf(ret->reply, sizeof(ret->reply), "%.*s",
			    (int)sizeof(ret->reply) - 1, s->reply);
	}
	buf_done(&set);
	return rc;
}

/* In the folder that has just been opened, who is who: by the headers of those that are owed. */
static int
number_owed(struct sess *s, const struct debt *d, struct err *err)
{
	struct numbering n = { 0 };
	int rc;

	if (!s->numbered)
		return 0;
	if (d->numbering == NULL || !numbering_copy(d->numbering, &n))
		rc = err_set(err, ERR_PROTOCOL, "the server has no UIDs any more");
	else
		rc = sess_number(s, d->items, d->owed, &n, err);
	numbering_done(&n);
	return rc;
}

static int
restore(struct sess *s, const struct debt *d, const struct uidset *seen, struct debt_result *ret,
    struct err *err)
{
	struct uidset still = { 0 }, there = { 0 };
	struct folder_head head;
	struct err select_err = { 0 };
	int rc = -1;

	if (sess_select(s, d->folder, &select_err) < 0) {
		if (select_err.scope >= SCOPE_SESSION) {
			*err = select_err;
			goto out;
		}
		snprintf(
		    ret->reply, sizeof(ret->reply), "%.*s", (int)sizeof(ret->reply) - 1, s->reply);
		rc = uidset_copy(seen, &ret->unpaid)
			 ? 0
			 : err_set(err, ERR_PROTOCOL, "too many flags to restore");
		goto out;
	}
	if (number_owed(s, d, err) < 0 || take_seen_away(s, seen, ret, err) < 0 || read_flags(s, seen, &still, &there, err) < 0)
		goto out;
	/* Of one that is not told any more nobody knows; the next payment finds it gone, or as it is. */
	uidset_copy(&still, &ret->unpaid);
	uidset_minus(seen, &there, &ret->unpaid);
	uidset_sort(&ret->unpaid);
	rc = sess_examine(s, d->folder, &head, err);
out:
	uidset_done(&still);
	uidset_done(&there);
	return rc;
}

int
debt_pay(const struct endpoint *at, struct cancel *stop, const struct debt *d,
    struct debt_result *ret, struct err *err)
{
	uint32_t uidvalidity = d->uidvalidity;
	struct uidset seen = { 0 }, there = { 0 };
	struct folder_head head;
	struct sess *s = NULL;
	int rc = -1;

	*ret = (struct debt_result){ .look = ret->look };
	if (sess_open(&s, at, stop, err) < 0)
		goto out;
	s->no_examine = d->no_examine;
	if (sess_examine(s, d->folder, &head, err) < 0)
		goto out;
	if (uidvalidity != 0 && head.uidvalidity != 0 && head.uidvalidity != uidvalidity) {
		/* Other messages now: nothing of ours is left to put back. */
		rc = uidset_copy(d->owed, &ret->paid) ? 0 : err_set(err, ERR_PROTOCOL, "too many flags to restore");
		goto out;
	}
	if (number_owed(s, d, err) < 0 || read_flags(s, d->owed, &seen, &there, err) < 0 ||
	    look_again(s, d->owed, &seen, &there, ret, err) < 0)
		goto out;
	ret->seen = uidset_count(&seen);
	if (ret->look && ret->seen > 0) {
		rc = 0;
		goto out;
	}
	if (seen.len > 0 && restore(s, d, &seen, ret, err) < 0)
		goto out;
	uidset_minus(d->owed, &ret->unpaid, &ret->paid);
	rc = 0;
out:
	sess_close(&s);
	uidset_done(&seen);
	uidset_done(&there);
	return rc;
}
