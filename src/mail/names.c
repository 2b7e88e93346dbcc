/* Names of folders and accounts.
 *
 * A Maildir++ name is made so that two wire names never meet in one directory (header):
 * everything that the plain rule cannot hold is written with a backslash, and a backslash of the
 * name itself is always \5c, so that each form with a backslash has one reading:
 *	\2e and the like	an octet
 *	a level that is \	a level without text ("A//B")
 *	\_ in front		a name outside the personal prefix, or INBOX below the prefix
 *	\ at the end		the name came as raw UTF-8 and was written in modified UTF-7
 *	\_ at the end		it came as other 8-bit octets, taken for Latin-1
 *	\~ and 16 digits	cut, digest of the wire name
 * / */
#include "mail/names.h"

#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/charset.h"

enum {
	MUTF7_MAX = 16 * 1024, /* longer names are treated as octets */
	MAILDIR_NAME_MAX = 240,
	MAILDIR_TEMP_MAX = 4096,
	ACCOUNT_MAX = 200,
	HASH_DIGITS = 16
};

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* ---- UTF-8 and UTF-16 ---- */

/* One code point off *s; an octet that is not UTF-8 gives itself. */
static uint32_t
utf8_get(struct slice *s)
{
	const unsigned char *p = (const unsigned char *)s->data;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
	uint32_t c = p[0];

	if (n > s->len || !utf8_valid((struct slice){ s->data, n }))
		n = 1;
	else if (n > 1)
		c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	s->data += n;
	s->len -= n;
	return c;
}

static bool
mutf7_plain(uint32_t c)
{
	return c >= ' ' && c < 0x7f;
}

/* ---- modified UTF-7 ---- */

static int
base64_value(char c)
{
	const char *at = c != '\0' ? strchr(base64, c) : NULL;

	return at != NULL ? (int)(at - base64) : -1;
}

struct utf16 {
	uint32_t bits, high; /* bits not used yet; a surrogate that waits for its second half */
	int n_bits;
};

static bool
utf16_unit(struct utf16 *u, uint32_t unit, struct buf *out)
{
	bool low = unit >= 0xdc00 && unit <= 0xdfff;

	if (low != (u->high != 0) || unit == 0)
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		u->high = unit;
		return true;
	}
	if (low)
		unit = 0x10000 + ((u->high - 0xd800) << 10) + (unit - 0xdc00);
	u->high = 0;
	return utf8_put(out, unit);
}

/* The run behind '&' up to its '-', both taken off *s. */
static bool
mutf7_run(struct slice *s, struct buf *out)
{
	struct utf16 u = { 0 };

	for (; s->len > 0 && *s->data != '-'; s->data++, s->len--) {
		int v = base64_value(*s->data);

		if (v < 0)
			return false;
		u.bits = (u.bits << 6 | (uint32_t)v) & 0xffffff;
		u.n_bits += 6;
		if (u.n_bits >= 16) {
			u.n_bits -= 16;
			if (!utf16_unit(&u, u.bits >> u.n_bits & 0xffff, out))
				return false;
		}
	}
	if (s->len == 0 || u.high != 0)
		return false;
	s->data++;
	s->len--;
	return true;
}

/* Whatever can be read; the caller compares with the one right way to write it. */
static bool
mutf7_read(struct slice s, struct buf *out)
{
	while (s.len > 0) {
		char c = *s.data++;

		s.len--;
		if (!mutf7_plain((unsigned char)c))
			return false;
		if (c != '&') {
			if (!buf_add_byte(out, c))
				return false;
		} else if (s.len > 0 && *s.data == '-') {
			s.data++;
			s.len--;
			if (!buf_add_byte(out, '&'))
				return false;
		} else if (!mutf7_run(&s, out)) {
			return false;
		}
	}
	return true;
}

bool
mutf7_decode(struct slice name, struct buf *utf8)
{
	AUTO(buf_done) struct buf text, again;

	buf_init(&text, MUTF7_MAX);
	buf_init(&again, MUTF7_MAX);
	if (!mutf7_read(name, &text))
		return false;
	mutf7_encode(buf_slice(&text), &again);
	if (again.full || !slice_same(buf_slice(&again), name))
		return false;
	return buf_add(utf8, text.data, text.len);
}

struct base64_run {
	uint32_t bits;
	int n_bits;
};

static void
base64_unit(struct base64_run *r, uint32_t unit, struct buf *out)
{
	r->bits = r->bits << 16 | unit;
	for (r->n_bits += 16; r->n_bits >= 6; r->n_bits -= 6)
		(void)buf_add_byte(out, base64[r->bits >> (r->n_bits - 6) & 63]);
	r->bits &= 63; /* fewer than six are left */
}

static void
base64_point(struct base64_run *r, uint32_t c, struct buf *out)
{
	if (c >= 0x10000) {
		base64_unit(r, 0xd800 + ((c - 0x10000) >> 10), out);
		base64_unit(r, 0xdc00 + ((c - 0x10000) & 0x3ff), out);
	} else {
		base64_unit(r, c, out);
	}
}

static void
base64_end(struct base64_run *r, struct buf *out)
{
	if (r->n_bits > 0)
		(void)buf_add_byte(out, base64[r->bits << (6 - r->n_bits) & 63]);
	(void)buf_add_byte(out, '-');
}

void
mutf7_encode(struct slice utf8, struct buf *out)
{
	struct base64_run r = { 0 };
	bool in_run = false;

	while (utf8.len > 0) {
		uint32_t c = utf8_get(&utf8);

		if (mutf7_plain(c)) {
			if (in_run)
				base64_end(&r, out);
			in_run = false;
			(void)(c == '&' ? buf_add(out, "&-", 2) : buf_add_byte(out, (char)c));
			continue;
		}
		if (!in_run) {
			(void)buf_add_byte(out, '&');
			r = (struct base64_run){ 0 };
		}
		in_run = true;
		base64_point(&r, c, out);
	}
	if (in_run)
		base64_end(&r, out);
}

void
folder_display(struct slice wire_name, struct buf *utf8)
{
	if (!mutf7_decode(wire_name, utf8))
		(void)buf_add(utf8, wire_name.data, wire_name.len);
}

/* ---- Maildir++ ---- */

static bool
octet_is_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.data[i] >= 0x80)
			return true;
	}
	return false;
}

/* Stops when out is full: what is so long is cut. */
static bool
level_escape(struct slice level, struct buf *out)
{
	bool escaped = false;

	for (size_t i = 0; i < level.len && !out->full; i++) {
		unsigned char c = (unsigned char)level.data[i];
		bool plain =
		    mutf7_plain(c) && c != '.' && c != '/' && c != '\\' && (c != '~' || i > 0);

		escaped = escaped || !plain;
		(void)(plain ? buf_add_byte(out, (char)c) : buf_printf(out, "\\%02x", c));
	}
	return escaped;
}

/* One level; true when it was changed or cannot be read as modified UTF-7. */
static bool
level_add(struct slice level, bool raw, struct buf *out)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, MUTF7_MAX);
	if (level.len == 0) {
		(void)buf_add_byte(out, '\\');
		return true;
	}
	if (raw) {
		mutf7_encode(level, &text);
		return level_escape(buf_slice(&text), out);
	}
	bool valid = mutf7_decode(level, &text);
	return level_escape(level, out) || !valid;
}

/* Where a name may be cut so that no escape is split: at or before `len`. */
static size_t
cut_at(struct slice name, size_t len)
{
	for (size_t back = 1; back <= 2 && back <= len; back++) {
		if (name.data[len - back] == '\\')
			return len - back;
	}
	return len;
}

/* Units of UTF-16 come whole every eight digits; true when the last of these eight is the first
 * half of a pair. */
static bool
run_splits_pair(const char *eight)
{
	uint32_t bits = 0;

	for (int i = 5; i < 8; i++)
		bits = bits << 6 | (uint32_t)(base64_value(eight[i]) & 63);
	return (bits & 0xfc00) == 0xd800;
}

void
mutf7_cut(struct buf *name, size_t len)
{
	const char *amp = memrchr(name->data, '&', len);
	bool open = amp != NULL && memchr(amp, '-', (size_t)(name->data + len - amp)) == NULL;
	if (open) {
		const char *run = amp + 1;
		size_t digits = (size_t)(name->data + len - run) / 8 * 8;

		while (digits > 0 && run_splits_pair(run + digits - 8))
			digits -= 8;
		len = (size_t)((digits > 0 ? run + digits : amp) - name->data);
		open = digits > 0;
	}
	name->len = len;
	name->data[len] = '\0';
	if (open)
		(void)buf_add_byte(name, '-');
}

static void
hash_add(struct slice of, struct buf *out)
{
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	digest_once(of.data, of.len, sum);
	digest_hex(sum, hex);
	(void)buf_add(out, hex, HASH_DIGITS);
}

static bool
prefix_strip(struct slice *name, struct slice prefix)
{
	if (name->len < prefix.len ||
	    (prefix.len > 0 && memcmp(name->data, prefix.data, prefix.len) != 0))
		return false;
	name->data += prefix.len;
	name->len -= prefix.len;
	return true;
}

/* The levels of a name with a dot between; stops when the rest would be cut anyway. */
static bool
levels_add(struct slice name, char delim, bool raw, struct buf *out)
{
	bool split = delim != '\0' && (unsigned char)delim < 0x80;
	bool mapped = false;

	for (;;) {
		const char *end = split && name.len > 0 ? memchr(name.data, delim, name.len) : NULL;
		size_t len = end != NULL ? (size_t)(end - name.data) : name.len;

		mapped = level_add((struct slice){ name.data, len }, raw, out) || mapped;
		if (end == NULL || out->len > MAILDIR_NAME_MAX)
			return mapped;
		(void)buf_add_byte(out, '.');
		name.data += len + 1;
		name.len -= len + 1;
	}
}

/* Each octet as the character of its number: what is not UTF-8 is mostly Latin-1, and some
 * programs fail on names that are no text at all. */
static void
latin1_add(struct slice octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len && !out->full; i++)
		(void)utf8_put(out, (unsigned char)octets.data[i]);
}

/* The name behind its first dot, not cut yet. */
static bool
maildir_levels(struct slice rest, char delim, struct buf *out)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, MUTF7_MAX);
	if (!octet_is_8bit(rest))
		return levels_add(rest, delim, false, out);
	bool utf8 = utf8_valid(rest);
	if (!utf8)
		latin1_add(rest, &text);
	(void)levels_add(utf8 ? rest : buf_slice(&text), delim, true, out);
	(void)buf_add_str(out, utf8 ? "\\" : "\\_");
	return true;
}

bool
maildir_name(struct slice wire_name, char delim, struct slice prefix, struct buf *out)
{
	AUTO(buf_done) struct buf name;
	struct slice rest = wire_name;

	buf_init(&name, MAILDIR_TEMP_MAX);
	if (slice_eq_nocase(wire_name, "INBOX"))
		return false;
	bool marked = !prefix_strip(&rest, prefix) || slice_eq_nocase(rest, "INBOX");
	(void)buf_add_str(&name, marked ? ".\\_" : ".");
	bool mapped = maildir_levels(rest, delim, &name) || marked;
	if (name.len > MAILDIR_NAME_MAX || name.full) {
		mutf7_cut(&name, /* "-\~" */
		    cut_at(buf_slice(&name), MAILDIR_NAME_MAX - HASH_DIGITS - 3));
		(void)buf_add(&name, "\\~", 2);
		hash_add(wire_name, &name);
		mapped = true;
	}
	(void)buf_add(out, name.data, name.len);
	return mapped;
}

void
folder_component(struct slice wire_name, char delim, struct slice prefix, struct buf *out)
{
	struct buf name;

	buf_init(&name, 4096);
	(void)maildir_name(wire_name, delim, prefix, &name);
	buf_add_str(out, name.len > 1 ? name.data + 1 : "INBOX");
	buf_done(&name);
}

/* ---- accounts ---- */

static void
account_add(struct slice text, const char *also_plain, struct buf *out)
{
	for (size_t i = 0; i < text.len && !out->full; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool alnum =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (alnum || (c != '\0' && strchr(also_plain, c) != NULL))
			(void)buf_add_byte(out, (char)c);
		else
			(void)buf_printf(out, "%%%02X", c);
	}
}

/* The host in lower case; an IPv6 literal in brackets, or its last group could be taken for a
 * port. */
static void
account_host(const char *host, struct buf *out)
{
	AUTO(buf_done) struct buf text;
	bool literal = strchr(host, ':') != NULL && *host != '[';

	buf_init(&text, MAILDIR_TEMP_MAX);
	(void)buf_add_str(&text, literal ? "[" : "");
	for (const char *p = host; *p != '\0'; p++)
		(void)buf_add_byte(&text, *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
	(void)buf_add_str(&text, literal ? "]" : "");
	account_add(buf_slice(&text), "._+-", out);
}

static bool
port_is_default(const char *port)
{
	return port == NULL || *port == '\0' || strcmp(port, "143") == 0 ||
	    strcmp(port, "993") == 0;
}

void
account_dir(struct slice user, const char *host, const char *port, struct buf *out)
{
	/* These two are directories of their own. */
	bool dots = *host == '\0' && (slice_eq(user, ".") || slice_eq(user, ".."));
	AUTO(buf_done) struct buf name;

	buf_init(&name, 64 * 1024);
	account_add(user, dots ? "" : "@._+-", &name);
	if (*host != '\0') {
		(void)buf_add_byte(&name, '@');
		account_host(host, &name);
	}
	if (*host != '\0' && !port_is_default(port)) {
		(void)buf_add_str(&name, "%3A");
		account_add(slice_str(port), "._+-", &name);
	}
	size_t len = name.len;
	if (len > ACCOUNT_MAX) {
		len = ACCOUNT_MAX - HASH_DIGITS - 1;
		for (size_t back = 1; back <= 2; back++) {
			if (name.data[len - back] == '%') {
				len -= back;
				break;
			}
		}
	}
	(void)buf_add(out, name.data, len);
	if (len < name.len) {
		(void)buf_add_byte(out, '~');
		hash_add(buf_slice(&name), out);
	}
}

bool
name_twins(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];

		x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
		y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
		if (x != y)
			return false;
	}
	return true;
}
