/* One copy on the target against its row: what the listing tells, and its octets. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "engine/verify_dest.h"

static int
row_of(struct dest_verify *d, const struct copy *c, struct arena *a, struct msg *ret,
    bool *ret_there, struct err *err)
{
	dest_show(d, c->rec);
	return state_message(d->v.job->state, d->v.now->id, c->uid, a, ret, ret_there, err);
}

static bool
keyword_in(struct slice word, const char *keywords)
{
	for (const char *p = keywords; *p != '\0';) {
		size_t len = strcspn(p, " ");

		/* Servers keep the spelling that they saw first. */
		if (len == word.len && strncasecmp(p, word.data, len) == 0)
			return true;
		p += len;
		p += strspn(p, " ");
	}
	return false;
}

/* All keywords of the row; what the server adds by itself does not count. */
static bool
keywords_kept(const struct flags *row, const struct flags *now)
{
	for (const char *p = row->keywords; *p != '\0';) {
		size_t len = strcspn(p, " ");

		if (!keyword_in((struct slice){ p, len }, now->keywords))
			return false;
		p += len;
		p += strspn(p, " ");
	}
	return true;
}

static int
warning_order(const void *a, const void *b)
{
	const struct warning *x = a, *y = b;
	int rc = strcmp(x->folder, y->folder);

	if (rc == 0 && x->uid != y->uid)
		rc = x->uid < y->uid ? -1 : 1;
	return rc != 0 ? rc : x->event - y->event;
}

void
warnings_sort(struct warning *w, size_t n)
{
	if (n > 0)
		qsort(w, n, sizeof(*w), warning_order);
}

size_t
warnings_from(const struct warning *w, size_t n, const struct warning *key)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (warning_order(&w[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What the run has told about the message already and stands in its report; NULL: nothing. */
static const struct warning *
warned(const struct dest_verify *d, int event, uint32_t uid)
{
	struct warning key = { .event = event, .folder = d->v.display.data, .uid = uid };
	size_t i = warnings_from(d->warning, d->n_warnings, &key);

	return i < d->n_warnings && warning_order(&d->warning[i], &key) == 0 ? &d->warning[i]
									     : NULL;
}

static void
compare_flags(struct dest_verify *d, const struct msg *row, const struct msg *now)
{
	const char *why = !row->dest_own ? "; imex did not put it there"
			  : warned(d, EV_DEST_KEYWORDS, row->uid)
			      ? "; the server did not keep all of them"
			      : "";
	struct buf was, is;

	if (((row->flags.system ^ now->flags.system) & FLAGS_STORED) == 0 &&
	    keywords_kept(&row->flags, &now->flags))
		return;
	buf_init(&was, 4096);
	buf_init(&is, 4096);
	flags_text(&row->flags, &was);
	flags_text(&now->flags, &is);
	verify_differ(&d->v, DIFF_DEST_FLAGS, *why != '\0', row->uid,
	    "UID %u of '%s' has (%s), the source had (%s)%s", now->uid, d->shown.data,
	    is.data ? is.data : "", was.data ? was.data : "", why);
	buf_done(&was);
	buf_done(&is);
}

static bool
is_folder(const struct dest_verify *d, struct slice label)
{
	for (size_t i = 0; i < d->v.n_recs; i++)
		if (label_is_folder(label, slice_str(d->v.rec[i].name), d->v.rec[i].special_use))
			return true;
	return false;
}

/* Of Gmail, where both sides tell them: those that imex gives a copy. They may come and go without anybody's doing. */
static void
compare_labels(struct dest_verify *d, const struct msg *row, const struct msg *now)
{
	const char *at = row->flags.labels;
	struct slice label;
	struct buf left;

	if (!row->dest_own || at == NULL || now->flags.labels == NULL)
		return;
	buf_init(&left, LEX_STRING_MAX);
	while (label_next(&at, &label))
		if (label_is_given(label) && !is_folder(d, label) && !label_in(now->flags.labels, label))
			buf_printf(&left, "%s%.*s", left.len > 0 ? ", " : "", SLICE_ARG(label));
	if (left.len > 0)
		verify_differ(&d->v, DIFF_DEST_FLAGS, true, row->uid,
		    "UID %u of '%s' lacks labels that the source had (%s); the server may not have kept them", now->uid,
		    d->shown.data, left.data);
	buf_done(&left);
}

/* Instants that all servers can keep (rules.md 2.7). */
static bool
date_safe(const struct date *d)
{
	return d->known && d->epoch >= INT64_C(86400) && d->epoch < INT64_C(4291747200) &&
	       d->epoch <= clock_wall_ms() / SEC;
}

static void
compare_date(struct dest_verify *d, const struct msg *row, const struct msg *now)
{
	const char *why = !row->dest_own           ? "; imex did not put it there"
			  : !row->date.known       ? "; the source had none"
			  : !date_safe(&row->date) ? "; not every server can keep such a date"
			  : warned(d, EV_DEST_DATE, row->uid) ? "; the server did not keep it"
							      : "";
	char was[DATE_TEXT_MAX] = "none", is[DATE_TEXT_MAX] = "none";

	if (row->date.known == now->date.known && row->date.epoch == now->date.epoch)
		return;
	if (row->date.known)
		date_format(&row->date, was);
	if (now->date.known)
		date_format(&now->date, is);
	verify_differ(&d->v, DIFF_DEST_DATE, *why != '\0', row->uid,
	    "UID %u of '%s' has %s, the source had %s%s", now->uid, d->shown.data, is, was, why);
}

/* *ret_look: its octets are needed to say more. */
int
copy_listed(
    struct dest_verify *d, struct copy *c, const struct msg *now, bool *ret_look, struct err *err)
{
	struct arena a;
	struct msg row;
	bool there;
	int rc;

	arena_init(&a, 256 * 1024);
	rc = row_of(d, c, &a, &row, &there, err);
	if (rc == 0 && there) {
		d->v.counts->messages++;
		d->v.counts->bytes += row.wire_bytes;
		compare_flags(d, &row, now);
		compare_labels(d, &row, now);
		compare_date(d, &row, now);
		*ret_look = d->deep || !now->size_known || now->size != row.wire_bytes;
	}
	arena_done(&a);
	return rc;
}

/* ---- its octets ---- */

/* They are those that were sent, or were before the server did `how`. */
static void
octets_proved(struct dest_verify *d, const struct msg *row, uint32_t dest_uid, const char *how,
    const struct look *look)
{
	struct verify *v = &d->v;

	if (*how != '\0')
		verify_differ(v, DIFF_DEST_BYTES, true, row->uid,
		    "UID %u of '%s' is the same message in %" PRIu64 " octets, %" PRIu64
		    " were sent: %s",
		    dest_uid, d->shown.data, look->octets, row->wire_bytes, how);
	else if (!d->deep) /* why else was it looked at? */
		verify_differ(v, DIFF_DEST_SIZE, true, row->uid,
		    "UID %u of '%s': the server states another size than the %" PRIu64
		    " octets that it gives, which are those that were sent",
		    dest_uid, d->shown.data, look->octets);
}

static void
octets_differ(
    struct dest_verify *d, const struct msg *row, const struct copy *c, const struct look *look)
{
	const struct warning *w = warned(d, EV_DEST_REPAIRED, row->uid);
	struct verify *v = &d->v;
	char hex[SHA256_HEX];

	digest_hex(look->sha256, hex);
	if (w != NULL && strstr(w->text, hex) != NULL) {
		verify_differ(v, DIFF_DEST_BYTES, true, row->uid,
		    "UID %u of '%s' was repaired, since the server refused what was to be sent: %s",
		    c->dest_uid, d->shown.data, w->text);
		return;
	}
	if (v->suspects != NULL && !v->now->vanished && !row->expunged) {
		suspects_add(v->suspects, v->now->id, c->uid, c->dest_uid, look);
		return;
	}
	verify_differ(v, DIFF_DEST_BYTES, false, row->uid,
	    "UID %u of '%s': its %" PRIu64 " octets have another SHA-256 than the %" PRIu64
	    " that were sent%s",
	    c->dest_uid, d->shown.data, look->octets, row->wire_bytes,
	    v->suspects ? "; the source no longer has the message to compare with"
			: "; with SOURCE, verify tells whether it is the same message");
}

static int
octets_read(struct dest_verify *d, const struct msg *row, const struct copy *c, struct err *err)
{
	struct look look;
	const char *how;
	int rc;

	d->v.rewrite = d->rewrite;
	rc = verify_read(&d->v, &source_imap, d->target, true, &look, err);
	d->v.rewrite = NULL;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	how = rewrite_end(d->rewrite, row->sha256);
	if (how != NULL)
		octets_proved(d, row, c->dest_uid, how, &look);
	else
		octets_differ(d, row, c, &look);
	return 0;
}

int
copy_octets(struct dest_verify *d, const struct copy *c, const struct offer *o, struct err *err)
{
	bool body = o->verdict == VERDICT_NONE, there = false;
	struct arena a;
	struct msg row;
	int rc = 0;

	arena_init(&a, 256 * 1024);
	if (c != NULL)
		rc = row_of(d, c, &a, &row, &there, err);
	if (rc == 0 && there && body && o->good == VERDICT_STORED) {
		rc = octets_read(d, &row, c, err);
	} else if (rc == 0) {
		if (there)
			verify_differ(&d->v, DIFF_DEST_BYTES, body, row.uid,
			    "UID %u of '%s' could not be read: %s", o->uid, d->shown.data,
			    o->reason ? o->reason : "no form of asking leaves it unread");
		if (body)
			rc = verify_skip(&source_imap, d->target, err);
	}
	arena_done(&a);
	return rc;
}
