/* See row_feed.h. */
#include "store/row_feed.h"

#include "base/mem.h"

static void
page_free(struct msg_page **p)
{
	msg_page_free(*p);
}

int
row_feed_stored(
    struct uidmap *have, const struct row_feed *rows, struct cancel *stop, struct err *err)
{
	AUTO(page_free) struct msg_page *page = msg_page_new();
	uint32_t after = 0;

	for (;;) {
		if (cancel_raised(stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		msg_page_reset(page);
		if (rows->next(rows->arg, after, page, err) < 0)
			return -1;
		if (page->len == 0)
			return 0;
		for (size_t i = 0; i < page->len; i++) {
			if (verdict_has_file(page->msg[i].verdict) || msg_lost(&page->msg[i]))
				(void)uidmap_add(have, page->msg[i].uid);
		}
		after = page->msg[page->len - 1].uid;
	}
}
