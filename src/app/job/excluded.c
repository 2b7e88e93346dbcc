#include "app/job/excluded.h"

#include <stdio.h>
#include <string.h>

static struct exclusion *
excluded_item(struct excluded *x, const char *reason)
{
	char cut[EXCLUDED_REASON_MAX];

	snprintf(cut, sizeof(cut), "%s", reason && *reason ? reason : "not selected");
	for (size_t i = 0; i < x->len; i++)
		if (strcmp(x->item[i].reason, cut) == 0)
			return &x->item[i];
	if (x->len == EXCLUDED_REASONS_MAX) {
		struct exclusion *last = &x->item[x->len - 1];

		snprintf(last->reason, sizeof(last->reason), "further reasons");
		return last;
	}
	memcpy(x->item[x->len].reason, cut, sizeof(cut));
	return &x->item[x->len++];
}

static void
excluded_page(struct excluded *x, const struct msg_page *page)
{
	for (size_t i = 0; i < page->len; i++) {
		const struct msg *m = &page->msg[i];

		if (m->verdict != VERDICT_EXCLUDED || m->expunged)
			continue;

		struct exclusion *e = excluded_item(x, m->reason);

		e->count++;
		uidset_add(&e->uids, m->uid, m->uid);
	}
}

int
excluded_read(struct excluded *x, struct state *t, const struct folder_rec *f, struct err *err)
{
	struct msg_page *page;
	uint32_t after = 0;
	int rc = 0;

	*x = (struct excluded){ 0 };
	if (f->verdicts[VERDICT_EXCLUDED] == 0)
		return 0;
	page = msg_page_new();
	while ((rc = state_page(t, f->id, after, page, err)) == 0 && page->len > 0) {
		after = page->msg[page->len - 1].uid;
		excluded_page(x, page);
	}
	msg_page_free(page);
	if (rc < 0)
		excluded_done(x);
	return rc;
}

void
excluded_done(struct excluded *x)
{
	for (size_t i = 0; i < x->len; i++)
		uidset_done(&x->item[i].uids);
	x->len = 0;
}

void
excluded_uids(const struct exclusion *e, size_t max, struct buf *ret)
{
	if (uidset_text(&e->uids, 0, max, ret) < e->uids.len)
		buf_add_str(ret, ",...");
}

void
excluded_words(const struct excluded *x, struct buf *ret)
{
	for (size_t i = 0; i < x->len; i++)
		buf_printf(ret, "%s%llu: %s", i > 0 ? "; " : "",
		    (unsigned long long)x->item[i].count, x->item[i].reason);
}
