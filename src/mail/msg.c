/* Metadata of one message, and pages of them. A page is one allocation of fixed size with an
 * arena for its text, so that walking a folder of a million messages takes the memory of one
 * page. */
#include "mail/msg.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PAGE_TEXT_MAX = 8 * 1024 * 1024 };

static const char *const verdict_names[VERDICTS] = {
	[VERDICT_NONE] = "none",
	[VERDICT_STORED] = "stored",
	[VERDICT_EXCLUDED] = "excluded",
	[VERDICT_GONE] = "gone",
	[VERDICT_PHANTOM] = "phantom",
	[VERDICT_RECONSTRUCTED] = "reconstructed",
	[VERDICT_HEADER_ONLY] = "header-only",
	[VERDICT_PLACEHOLDER] = "placeholder",
	[VERDICT_REFUSED] = "refused",
	[VERDICT_FAILED] = "failed",
};

const char *
verdict_name(enum verdict v)
{
	return (unsigned)v < VERDICTS ? verdict_names[v] : "unknown";
}

bool
verdict_good(enum verdict v)
{
	return v == VERDICT_STORED || v == VERDICT_EXCLUDED || v == VERDICT_GONE ||
	    v == VERDICT_PHANTOM;
}

bool
verdict_has_file(enum verdict v)
{
	return v == VERDICT_STORED || v == VERDICT_RECONSTRUCTED || v == VERDICT_HEADER_ONLY ||
	    v == VERDICT_PLACEHOLDER;
}

bool
msg_lost(const struct msg *m)
{
	static const uint8_t none[SHA256_LEN];

	return m->verdict == VERDICT_FAILED && memcmp(m->sha256, none, SHA256_LEN) != 0;
}

struct msg_page *
msg_page_new(void)
{
	struct msg_page *p = mem_resize(NULL, 1, sizeof *p);

	p->len = 0;
	arena_init(&p->arena, PAGE_TEXT_MAX);
	return p;
}

void
msg_page_free(struct msg_page *p)
{
	if (p == NULL)
		return;
	arena_done(&p->arena);
	free(p);
}

void
msg_page_reset(struct msg_page *p)
{
	p->len = 0;
	arena_reset(&p->arena);
}

void
msg_page_swap(struct msg_page *a, struct msg_page *b)
{
	size_t len = a->len, max = len > b->len ? len : b->len;
	struct arena arena = a->arena;

	/* A page has room for 2048, and most hold a few. */
	for (size_t i = 0; i < max; i++) {
		struct msg m = a->msg[i];

		a->msg[i] = b->msg[i];
		b->msg[i] = m;
	}
	a->len = b->len;
	a->arena = b->arena;
	b->len = len;
	b->arena = arena;
}

/* Copy *text into a; NULL stays NULL. */
static bool
msg_copy_text(const char **text, struct arena *a)
{
	if (*text == NULL)
		return true;
	*text = arena_copy(a, slice_str(*text));
	return *text != NULL;
}

void
msg_take_place(struct msg *stored, const struct msg *m)
{
	stored->uid = m->uid;
	stored->date = m->date;
	stored->raw_date = m->raw_date;
	stored->modseq = m->modseq;
	stored->gm_msgid = m->gm_msgid;
	stored->gm_thrid = m->gm_thrid;
}

bool
msg_copy(const struct msg *from, struct arena *a, struct msg *ret)
{
	struct msg m = *from;

	if (m.flags.keywords == NULL || *m.flags.keywords == '\0')
		m.flags.keywords = "";
	else if (!msg_copy_text(&m.flags.keywords, a))
		return false;
	if (!msg_copy_text(&m.flags.labels, a) || !msg_copy_text(&m.raw_date, a) || !msg_copy_text(&m.reason, a))
		return false;
	*ret = m;
	return true;
}
