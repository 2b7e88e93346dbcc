/* See address.h. The field is unfolded, cut into its entries (a comma or semicolon outside quotes,
 * comments and angle brackets), and each entry is read alone, so that a broken one spoils no other.
 *
 * GMime's parser was not used: it leaves out what it cannot read, and recipients are what replies
 * depend on (exchange-migration, EM-09). */
#include "mail/address.h"

#include <string.h>

#include "mail/field.h"

enum { ADDRESSES_FIRST = 8, ADDRESS_OCTETS_MAX = 16 * 1024 * 1024 };

/* Where one entry ends, and the places in it that matter. */
struct entry {
	struct slice all;
	const char *open, *close; /* of <...>; NULL: there is none, or no end */
	const char *colon; /* of a group's name; NULL: none */
	char end; /* ',' ';' ':' or 0 */
};

/* Work buffers for one field. */
struct address_work {
	struct buf line, name, comment, address;
};

/* What is known to have no end in the text that is walked, so that it is not looked for again. */
struct unended {
	bool quote, comment;
};

/* Behind a quoted string or comment; one octet on where there is none, or it never ends. */
static const char *
entry_skip(const char *p, const char *end, struct unended *io)
{
	if ((*p != '"' || io->quote) && (*p != '(' || io->comment))
		return p + 1;
	char close = *p == '"' ? '"' : ')';
	int depth = 0;

	for (const char *at = p; at < end; at++) {
		if (*at == '\\') {
			at++;
		} else if (close == ')' && *at == '(') {
			depth++;
		} else if (*at == close && (close == ')' ? --depth == 0 : at > p)) {
			return at + 1;
		}
	}
	*(close == ')' ? &io->comment : &io->quote) = true;
	return p + 1;
}

/* In <...>: a comma ends the entry if the bracket is never closed, unless it stands in a route
 * ("<@a,@b:c@d>"). */
static bool
entry_ends_in_angle(const struct entry *e, const char *p)
{
	return *p == '<' || ((*p == ',' || *p == ';') && p > e->open + 1 && e->open[1] != '@');
}

static struct entry
entry_read(struct slice s, struct unended *io)
{
	struct entry e = { .all = s };
	const char *p = s.data, *end = s.data + s.len;
	bool in_angle = false, at = false;

	while (p < end) {
		const char *next = entry_skip(p, end, io);

		if (next > p + 1) {
			p = next;
			continue;
		}
		if (in_angle) {
			if (*p == '>') {
				e.close = p;
				in_angle = false;
			} else if (entry_ends_in_angle(&e, p)) {
				break;
			}
		} else if (*p == '<' && e.open == NULL) {
			e.open = p;
			in_angle = true;
		} else if (*p == ',' || *p == ';' || (*p == ':' && e.open == NULL && !at)) {
			break;
		}
		at = at || *p == '@';
		p++;
	}
	e.end = p < end && *p != '<' ? *p : '\0';
	e.all.len = (size_t)(p - s.data);
	if (e.end == '\0' && p < end) /* "<a@x <b@y>": a new one begins */
		e.end = ',';
	return e;
}

/* Text outside angle brackets: quotes taken off, comments put aside. */
static void
entry_phrase(struct slice s, struct buf *name, struct buf *comment)
{
	const char *p = s.data, *end = s.data + s.len;
	struct unended known = { .quote = false };

	while (p < end) {
		const char *next = entry_skip(p, end, &known);

		if (next == p + 1) {
			if (*p != ' ' || name->len == 0 || name->data[name->len - 1] != ' ')
				buf_add_byte(name, *p);
			p = next;
			continue;
		}
		struct buf *to = *p == '(' ? comment : name;
		if (to == comment && comment->len > 0)
			buf_add_byte(comment, ' ');
		for (p++; p < next - 1; p++) {
			if (*p == '\\' && p + 1 < next - 1)
				p++;
			buf_add_byte(to, *p);
		}
		p = next;
	}
}

static bool
address_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Does it look like local@domain, in one piece? Quotes may hold blanks; blanks around "@" and "."
 * are taken out ("joe @ example . com" of old). */
static bool
address_bare(struct slice s, struct buf *ret)
{
	bool quoted = false, at = false;

	s = field_trim(s);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (c == '"')
			quoted = !quoted;
		if (quoted && c == '\\' && i + 1 < s.len) {
			buf_add_byte(ret, c);
			c = s.data[++i];
		}
		if (!quoted && address_blank(c)) {
			char before = ret->len > 0 ? ret->data[ret->len - 1] : ' ';
			size_t j = i;

			while (j < s.len && address_blank(s.data[j]))
				j++;
			char after = j < s.len ? s.data[j] : ' ';
			if (strchr("@.", before) == NULL && strchr("@.", after) == NULL)
				return false;
			continue;
		}
		at = at || (!quoted && c == '@' && i > 0);
		buf_add_byte(ret, c);
	}
	return at && !quoted && ret->len > 0 && ret->data[ret->len - 1] != '@';
}

/* What stands in <...>: without a route and blanks at the ends. */
static void
address_in_angle(struct slice s, struct buf *ret)
{
	s = field_trim(s);
	if (s.len > 0 && *s.data == '@') {
		const char *colon = memchr(s.data, ':', s.len);

		if (colon != NULL)
			s = (struct slice){ colon + 1, (size_t)(s.data + s.len - colon - 1) };
	}
	if (!address_bare(s, ret)) {
		buf_reset(ret);
		buf_add(ret, s.data, s.len);
	}
}

/* Decoded, in the arena. */
static const char *
address_text(struct slice raw, struct arena *a)
{
	struct buf text;
	const char *copy;

	raw = field_trim(raw);
	if (field_is_plain(raw))
		return raw.len > 0 ? arena_copy(a, raw) : "";
	buf_init(&text, ADDRESS_OCTETS_MAX);
	field_text(raw, &text);
	copy = text.len > 0 ? arena_copy(a, buf_slice(&text)) : "";
	buf_done(&text);
	return copy;
}

static bool
addresses_add(struct addresses *io, struct arena *a, struct slice name, struct slice address)
{
	if (io->len == io->cap) {
		size_t cap = io->cap > 0 ? io->cap * 2 : ADDRESSES_FIRST;
		struct mail_address *more = arena_take(a, cap * sizeof(*more));

		if (more == NULL)
			return false;
		if (io->len > 0)
			memcpy(more, io->one, io->len * sizeof(*more));
		io->one = more;
		io->cap = cap;
	}
	struct mail_address *one = &io->one[io->len];
	one->name = address_text(name, a);
	one->address = address_text(address, a);
	if (one->name == NULL || one->address == NULL)
		return false;
	if (one->name[0] != '\0' || one->address[0] != '\0')
		io->len++;
	return true;
}

/* An entry with <...>: its name, else its comment. */
static bool
entry_add_angle(
    const struct entry *e, struct address_work *w, struct arena *a, struct addresses *io)
{
	const char *end = e->all.data + e->all.len, *close = e->close != NULL ? e->close : end;
	struct slice before = { e->all.data, (size_t)(e->open - e->all.data) };
	struct slice inside = { e->open + 1, (size_t)(close - e->open - 1) };

	entry_phrase(before, &w->name, &w->comment);
	if (e->close != NULL && e->close + 1 < end) {
		if (w->name.len > 0 && w->name.data[w->name.len - 1] != ' ')
			buf_add_byte(&w->name, ' ');
		entry_phrase((struct slice){ e->close + 1, (size_t)(end - e->close - 1) }, &w->name,
		    &w->comment);
	}
	address_in_angle(inside, &w->address);
	struct slice name = field_trim(buf_slice(&w->name));
	return addresses_add(
	    io, a, name.len > 0 ? name : buf_slice(&w->comment), buf_slice(&w->address));
}

/* "a@x", "a@x (Name)", or something else: then all of it is the name. */
static bool
entry_add_plain(
    const struct entry *e, struct address_work *w, struct arena *a, struct addresses *io)
{
	const char *p = e->all.data, *end = p + e->all.len;
	struct unended known = { .quote = false };

	while (p < end) {
		const char *next = entry_skip(p, end, &known);
		struct slice piece = { p, (size_t)(next - p) };

		if (*p == '(' && piece.len > 1)
			entry_phrase(piece, &w->address, &w->comment);
		else
			buf_add(&w->name, piece.data, piece.len);
		p = next;
	}
	if (address_bare(buf_slice(&w->name), &w->address))
		return addresses_add(io, a, buf_slice(&w->comment), buf_slice(&w->address));
	buf_reset(&w->name);
	buf_reset(&w->comment);
	entry_phrase(e->all, &w->name, &w->comment);
	struct slice name = field_trim(buf_slice(&w->name));
	buf_reset(&w->address);
	buf_add(&w->address, name.data, name.len);
	if (w->comment.len > 0)
		buf_printf(&w->address, "%s(%.*s)", name.len > 0 ? " " : "",
		    SLICE_ARG(buf_slice(&w->comment)));
	return addresses_add(io, a, buf_slice(&w->address), (struct slice){ "", 0 });
}

static bool
entry_add(const struct entry *e, struct address_work *w, struct arena *a, struct addresses *io)
{
	buf_reset(&w->name);
	buf_reset(&w->comment);
	buf_reset(&w->address);
	return e->open != NULL ? entry_add_angle(e, w, a, io) : entry_add_plain(e, w, a, io);
}

/* A group's name is told only when nobody is in it. */
static bool
addresses_walk(struct address_work *w, struct arena *a, struct addresses *io)
{
	struct slice rest = buf_slice(&w->line);
	struct entry group = { .end = '\0' };
	struct unended known = { .quote = false };
	bool in_group = false;
	size_t before = 0;

	while (rest.len > 0) {
		if (io->len + 1 >= ADDRESSES_MAX)
			return addresses_add(io, a, rest, (struct slice){ "", 0 });
		struct entry e = entry_read(rest, &known);
		size_t taken = e.all.len;
		bool marked = e.end != '\0' && taken < rest.len && rest.data[taken] == e.end;

		if (e.end == ':' && !in_group) {
			group = e;
			in_group = true;
			before = io->len;
		} else {
			if (!entry_add(&e, w, a, io))
				return false;
			if (in_group && e.end != ',' && e.end != ':') {
				if (io->len == before && !entry_add(&group, w, a, io))
					return false;
				in_group = false;
			}
		}
		taken += marked;
		rest.data += taken;
		rest.len -= taken;
	}
	return !in_group || io->len > before || entry_add(&group, w, a, io);
}

/* Folds out, control octets (NUL too) made blanks. */
static void
addresses_unfold(struct slice value, struct buf *line)
{
	value = field_trim(value);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c != '\r' && c != '\n')
			buf_add_byte(line, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
	}
}

bool
addresses_read(struct slice value, struct arena *a, struct addresses *io)
{
	struct address_work w;

	buf_init(&w.line, ADDRESS_OCTETS_MAX);
	buf_init(&w.name, ADDRESS_OCTETS_MAX);
	buf_init(&w.comment, ADDRESS_OCTETS_MAX);
	buf_init(&w.address, ADDRESS_OCTETS_MAX);
	addresses_unfold(value, &w.line);
	bool done = addresses_walk(&w, a, io);
	buf_done(&w.line);
	buf_done(&w.name);
	buf_done(&w.comment);
	buf_done(&w.address);
	return done;
}
