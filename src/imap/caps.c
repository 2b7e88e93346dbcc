#include "imap/caps.h"

#include <string.h>

#include "base/mem.h"

static const struct {
	const char *word, *use;
} known[] = {
#define CAP(name, word, use) { word, use },
#include "imap/caps.def"
#undef CAP
};

enum { CAPS_TEXT_MAX = 8192 };

void
caps_init(struct caps *c)
{
	*c = (struct caps){ 0 };
	buf_init(&c->text, CAPS_TEXT_MAX);
}

void
caps_done(struct caps *c)
{
	buf_done(&c->text);
}

void
caps_clear(struct caps *c)
{
	c->have = 0;
	c->known = false;
	buf_reset(&c->text);
}

void
caps_add(struct caps *c, struct slice word)
{
	c->known = true;
	for (size_t i = 0; i < CAPS; i++)
		if (slice_eq_nocase(word, known[i].word))
			c->have |= UINT64_C(1) << i;
	if (c->text.len + word.len + 2 < CAPS_TEXT_MAX) {
		if (c->text.len > 0)
			buf_add_byte(&c->text, ' ');
		buf_add(&c->text, word.data, word.len);
	}
}

void
caps_add_text(struct caps *c, struct slice words)
{
	while (words.len > 0) {
		const char *blank = memchr(words.data, ' ', words.len);
		size_t len = blank ? (size_t)(blank - words.data) : words.len;

		if (len > 0)
			caps_add(c, (struct slice){ words.data, len });
		if (len < words.len)
			len++;
		words.data += len;
		words.len -= len;
	}
}

/* What RFC 9051 appendix E took into IMAP4rev2: a server that speaks nothing else need not name it. */
static const enum cap built_in[] = { CAP_ESEARCH, CAP_IDLE, CAP_LIST_EXTENDED,
	CAP_LIST_STATUS, CAP_LITERAL_MINUS, CAP_NAMESPACE, CAP_SASL_IR, CAP_STATUS_SIZE, CAP_UIDPLUS,
	CAP_UNSELECT };

static bool
caps_named(const struct caps *c, enum cap which)
{
	return c->have >> which & 1;
}

bool
caps_has(const struct caps *c, enum cap which)
{
	if (caps_named(c, which) || !caps_named(c, CAP_IMAP4REV2) || caps_named(c, CAP_IMAP4REV1))
		return caps_named(c, which);
	for (size_t i = 0; i < COUNT_OF(built_in); i++)
		if (built_in[i] == which)
			return true;
	return false;
}

struct slice
caps_value(const struct caps *c, const char *prefix)
{
	for (const char *p = c->text.data; p != NULL && *p != '\0';) {
		struct slice word = { p, strcspn(p, " ") };

		if (slice_starts_nocase(word, prefix))
			return (struct slice){ p + strlen(prefix), word.len - strlen(prefix) };
		p += word.len + (p[word.len] == ' ');
	}
	return (struct slice){ 0 };
}

enum level
caps_level(const struct caps *c)
{
	if (!c->known)
		return LEVEL_UNKNOWN;
	if (caps_has(c, CAP_IMAP4REV1))
		return LEVEL_IMAP4REV1;
	if (caps_has(c, CAP_IMAP4REV2))
		return LEVEL_IMAP4REV2;
	return LEVEL_IMAP4;
}

const char *
level_name(enum level l)
{
	static const char *const name[] = { "unknown", "IMAP4rev2", "IMAP4rev1", "IMAP4 (RFC 1730)",
		"IMAP2bis", "IMAP2 (RFC 1176)", "IMAP2 (RFC 1064)" };

	return name[l];
}

bool
level_has_uids(enum level l)
{
	return l < LEVEL_IMAP2BIS;
}

void
caps_useful(const struct caps *c, bool present, struct buf *out)
{
	for (size_t i = 0; i < CAPS; i++)
		if (known[i].use != NULL && caps_has(c, (enum cap)i) == present)
			buf_printf(out, "%s%s", out->len ? " " : "", known[i].word);
}
