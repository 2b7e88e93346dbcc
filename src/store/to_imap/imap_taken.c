/* What a server can keep and has taken so far: which flags go with a message, and whether it may go
 * without waiting (rules.md 2.1). */
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

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

struct flags
dest_goes(const struct sink *s, const struct flags *f)
{
	struct flags goes = *f;

	if (quirk_in(s->s->quirks, QUIRK_FLAGGED_LATER))
		goes.system &= (uint8_t)~FLAG_FLAGGED;
	return goes;
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

void
dest_accept(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d)
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
