/* See mbox_out.h. The wire octets pass two machines, each with a state of a few octets, so that it does
 * not matter where they are cut: eol.h takes the CRs out, and the quoter below looks at the starts of
 * lines. It holds back at most "From" of a line, since a `>` anywhere before that is as good as one
 * at the start; and in a header that is searched for its end, a CR.
 *
 * Quoting and making wide do not disturb each other: both look at LF alone. */
#include "store/mbox/mbox_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/pio.h"

/* States of the quoter: within a line; at the start of one; behind `>` of one; behind the first one to
 * four octets of "From"; behind a CR at the start of one. */
enum { IN_LINE, AT_START, IN_MARKS, IN_FROM, IN_FROM_END = IN_FROM + 3, AT_CR };

void
mbox_out_init(struct mbox_out *o)
{
	*o = (struct mbox_out){ .fd = -1,
		.out = mem_resize(NULL, MBOX_BUFFER, 1),
		.step = mem_resize(NULL, MBOX_STEP + 1, 1) };
}

void
mbox_out_done(struct mbox_out *o)
{
	free(o->out);
	free(o->step);
	free(o->room);
	*o = (struct mbox_out){ .fd = -1 };
}

void
mbox_out_file(struct mbox_out *o, int fd, uint64_t len)
{
	o->fd = fd;
	o->in_file = len;
	o->len = 0;
	o->torn_to = 0;
}

uint64_t
mbox_out_len(const struct mbox_out *o)
{
	return o->in_file + o->len;
}

uint64_t
mbox_out_written(const struct mbox_out *o)
{
	return o->torn_to > o->in_file ? o->torn_to : o->in_file;
}

/* ---- the buffer ---- */

static int
mbox_out_check(struct mbox_out *o, struct err *err)
{
	struct stat st;

	if (fstat(o->fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at the file");
	if ((uint64_t)st.st_size > o->in_file && (uint64_t)st.st_size <= o->torn_to) {
		if (ftruncate(o->fd, (off_t)o->in_file) < 0)
			return err_set_sys(err, ERR_DISK, "cut back what was not written whole");
		st.st_size = (off_t)o->in_file;
	}
	o->torn_to = 0;
	if (st.st_nlink > 0 && (uint64_t)st.st_size == o->in_file)
		return 0;
	return err_set(err, ERR_DISK,
	    "another program changed the file meanwhile: it has %" PRIu64
	    " octets%s, %" PRIu64 " were expected; run again",
	    (uint64_t)st.st_size, st.st_nlink == 0 ? " and no name" : "", o->in_file);
}

int
mbox_out_flush(struct mbox_out *o, struct err *err)
{
	if (o->len == 0)
		return 0;
	if (mbox_out_check(o, err) < 0)
		return -1;
	o->torn_to = o->in_file + o->len;
	if (pio_write(o->fd, o->in_file, (struct slice){ o->out, o->len }, err) < 0)
		return -1;
	o->torn_to = 0;
	o->in_file += o->len;
	o->len = 0;
	return 0;
}

static int
mbox_put(struct mbox_out *o, const char *data, size_t len, struct err *err)
{
	if (len > 0)
		o->last = data[len - 1];
	while (len > 0) {
		size_t room = MBOX_BUFFER - o->len;
		size_t n = len < room ? len : room;

		memcpy(o->out + o->len, data, n);
		o->len += n;
		data += n;
		len -= n;
		if (o->len == MBOX_BUFFER && mbox_out_flush(o, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the fields of imex ---- */

/* The keywords as one field, folded so that no line is longer than mail allows. */
static void
status_keywords(struct buf *b, const char *keywords)
{
	size_t line = b->len;

	(void)buf_add_str(b, "X-Keywords:");
	while (*keywords != '\0') {
		size_t len = strcspn(keywords, " ");

		if (b->len - line + len > 900) {
			(void)buf_add_byte(b, '\n');
			line = b->len;
		}
		size_t at = b->len;
		if (!buf_add_byte(b, ' ') || !buf_add(b, keywords, len) ||
		    b->len > MBOX_STATUS_MAX - 2) {
			b->len = at; /* the sidecar has it */
			break;
		}
		keywords += len + (keywords[len] == ' ');
		for (; at < b->len; at++)
			b->data[at] = (unsigned char)b->data[at] < ' ' ? '?' : b->data[at];
	}
	b->full = false;
	(void)buf_add_byte(b, '\n');
}

static void
mbox_status(struct mbox_out *o, const struct flags *f)
{
	static const struct {
		uint8_t flag;
		char letter;
	} x_status[] = { { FLAG_ANSWERED, 'A' }, { FLAG_FLAGGED, 'F' }, { FLAG_DRAFT, 'T' },
		{ FLAG_DELETED, 'D' } };
	AUTO(buf_done) struct buf text;
	size_t before;

	buf_init(&text, MBOX_STATUS_MAX - 1);
	(void)buf_add_str(&text, (f->system & FLAG_SEEN) != 0 ? "Status: RO\n" : "Status: O\n");
	before = text.len;
	(void)buf_add_str(&text, "X-Status: ");
	for (size_t i = 0; i < COUNT_OF(x_status); i++) {
		if ((f->system & x_status[i].flag) != 0)
			(void)buf_add_byte(&text, x_status[i].letter);
	}
	if (text.data[text.len - 1] != ' ')
		(void)buf_add_byte(&text, '\n');
	else
		text.len = before;
	if (f->keywords != NULL && f->keywords[0] != '\0')
		status_keywords(&text, f->keywords);
	memcpy(o->status, text.data, text.len);
	o->status[text.len] = '\0';
}

/* Put them in here; `first`: a line end that must come before them, or "". */
static int
mbox_put_status(struct mbox_out *o, const char *first, struct err *err)
{
	uint64_t from = mbox_out_len(o);

	o->header = false;
	o->place.status_at = from - o->body;
	if (mbox_put(o, first, strlen(first), err) < 0)
		return -1;
	for (const char *line = o->status; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (mbox_put(o, line, len, err) < 0 ||
		    mbox_put(o, o->raw ? "\r\n" : "\n", o->raw ? 2 : 1, err) < 0)
			return -1;
		o->status_lfs++;
		line += len + 1;
	}
	o->status_lfs += *first != '\0';
	o->place.status_len = mbox_out_len(o) - from;
	return 0;
}

/* ---- quoting ---- */

/* The state behind octet `c`; IN_LINE: nothing is to be found in this line any more, and `c` is the
 * next octet of it. */
static unsigned
quote_next(const struct mbox_out *o, char c)
{
	bool start = o->quote == AT_START || o->quote == IN_MARKS;

	if (start && c == '>')
		return IN_MARKS;
	if (start && c == 'F')
		return IN_FROM;
	if (o->quote == AT_START && o->header && c == '\r')
		return AT_CR;
	if (o->quote >= IN_FROM && o->quote < IN_FROM_END && c == "From"[o->quote - IN_FROM + 1])
		return o->quote + 1;
	return IN_LINE;
}

/* What was held back in state `was`. */
static int
quote_release(struct mbox_out *o, unsigned was, struct err *err)
{
	if (was >= IN_FROM && was <= IN_FROM_END)
		return mbox_put(o, "From", was - IN_FROM + 1, err);
	return was == AT_CR ? mbox_put(o, "\r", 1, err) : 0;
}

static int
quote_octet(struct mbox_out *o, struct slice *in, struct err *err)
{
	unsigned was = o->quote;
	char c = *in->data;
	bool empty_line = c == '\n' && (was == AT_START || was == AT_CR);

	if (o->header && empty_line && mbox_put_status(o, "", err) < 0)
		return -1;
	if (was == IN_FROM_END && c == ' ' && mbox_put(o, ">", 1, err) < 0)
		return -1;
	o->quote = quote_next(o, c);
	if (o->quote == IN_LINE)
		return quote_release(o, was, err);
	in->data++;
	in->len--;
	return o->quote == IN_MARKS ? mbox_put(o, ">", 1, err) : 0;
}

/* The rest of a line in which there is nothing to find. */
static int
quote_line(struct mbox_out *o, struct slice *in, struct err *err)
{
	const char *lf = memchr(in->data, '\n', in->len);
	size_t n = lf != NULL ? (size_t)(lf - in->data) + 1 : in->len;

	if (mbox_put(o, in->data, n, err) < 0)
		return -1;
	if (lf != NULL) {
		o->quote = AT_START;
		o->header_lfs += o->header;
	}
	in->data += n;
	in->len -= n;
	return 0;
}

static int
mbox_quote(struct mbox_out *o, struct slice in, struct err *err)
{
	while (in.len > 0) {
		if ((o->quote == IN_LINE ? quote_line(o, &in, err) : quote_octet(o, &in, err)) < 0)
			return -1;
	}
	return 0;
}

/* ---- messages ---- */

/* asctime of the internal date, in UTC and in English whatever the locale. */
static void
mbox_from_line(const struct date *d, bool crlf, char ret[64])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t at = (time_t)date_stamp(d);
	struct tm t = { .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };

	if (gmtime_r(&at, &t) == NULL || t.tm_year > 9999 - 1900)
		t = (struct tm){ .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };
	(void)snprintf(ret, 64, MBOX_FROM "%.3s %.3s %2d %02d:%02d:%02d %d%s",
	    days + 3 * t.tm_wday, months + 3 * t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
	    t.tm_year + 1900, crlf ? "\r\n" : "\n");
}

int
mbox_out_begin(
    struct mbox_out *o, const struct msg *m, bool keep_crlf, bool status, struct err *err)
{
	char line[64];

	o->at = mbox_out_len(o);
	o->raw = o->crlf = keep_crlf;
	o->header = status;
	o->quote = AT_START;
	eol_start(&o->eol);
	o->dropped = o->header_lfs = o->status_lfs = 0;
	o->place = (struct mbox_place){ .at = o->at };
	if (status)
		mbox_status(o, &m->flags);
	mbox_from_line(&m->date, keep_crlf, line);
	if (mbox_put(o, line, strlen(line), err) < 0)
		return -1;
	o->body = mbox_out_len(o);
	return 0;
}

/* The line ends cannot be undone from here on: back to the wire form. */
static int
mbox_widen(struct mbox_out *o, struct err *err)
{
	bool held = o->eol.cr_held;
	uint64_t lfs = o->dropped - held + o->status_lfs;

	o->raw = true;
	if (lfs > 0) {
		if (o->room == NULL)
			o->room = mem_resize(NULL, 3 * PIO_STEP, 1);
		if (mbox_out_flush(o, err) < 0 || mbox_out_check(o, err) < 0)
			return -1;
		o->torn_to = o->in_file + lfs;
		if (pio_widen(o->fd, o->fd, o->body, o->in_file - o->body, lfs, o->room, err) < 0)
			return -1;
		o->torn_to = 0;
		o->in_file += lfs;
	}
	if (o->place.status_len > 0) {
		o->place.status_at += o->header_lfs;
		o->place.status_len += o->status_lfs;
	}
	return held ? mbox_quote(o, (struct slice){ "\r", 1 }, err) : 0;
}

int
mbox_out_write(struct mbox_out *o, struct slice wire, struct err *err)
{
	while (wire.len > 0 && !o->raw) {
		struct slice piece = { wire.data, wire.len < MBOX_STEP ? wire.len : MBOX_STEP };
		size_t used, n = eol_crlf_to_lf(&o->eol, piece, o->step, &used);

		o->dropped += used - n;
		wire.data += used;
		wire.len -= used;
		if (mbox_quote(o, (struct slice){ o->step, n }, err) < 0 ||
		    (o->eol.broken && mbox_widen(o, err) < 0))
			return -1;
	}
	return mbox_quote(o, wire, err);
}

int
mbox_out_end(struct mbox_out *o, struct mbox_place *ret, struct err *err)
{
	const char *eol = o->crlf ? "\r\n" : "\n";

	if (!o->raw && !eol_end(&o->eol) && mbox_widen(o, err) < 0)
		return -1;
	if (quote_release(o, o->quote, err) < 0 ||
	    (o->header && mbox_put_status(o, o->last != '\n' ? eol : "", err) < 0))
		return -1;
	o->place.stored = mbox_out_len(o) - o->body;
	o->place.lf = !o->raw;
	if ((o->last != '\n' && mbox_put(o, eol, strlen(eol), err) < 0) ||
	    mbox_put(o, eol, strlen(eol), err) < 0)
		return -1;
	*ret = o->place;
	return 0;
}

void
mbox_out_abandon(struct mbox_out *o)
{
	struct stat st;

	if (o->at >= o->in_file) {
		o->len = (size_t)(o->at - o->in_file);
		return;
	}
	o->torn_to = mbox_out_written(o);
	o->in_file = o->at;
	o->len = 0;
	/* what another program has appended meanwhile is not ours to cut: the next flush tells */
	if (fstat(o->fd, &st) == 0 && (uint64_t)st.st_size <= o->torn_to &&
	    ftruncate(o->fd, (off_t)o->at) == 0)
		o->torn_to = 0;
}
