/* The records of a message, read in order, and the text of a record of type Other. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "store/exchange/reader_parts.h"

bool
sec_other(struct exread *r, const struct expointer *p, struct buf *out, struct exfault *ret)
{
	struct sec_head h;
	struct sec *s = sec_lead(r, p, &h, ret);

	if (s == NULL || !sec_check(r, s, &h, ret))
		return false;
	if (h.type != EXRECORD_OTHER) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret,
		    "the pointer leads to a record of type %s, expected Other",
		    exrecord_type_name(h.type));
		return false;
	}
	if (!buf_reserve(out, h.length)) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret,
		    "the text has %" PRIu64 " octets, more than %d", h.length, EXREAD_OTHER_MAX);
		return false;
	}
	ssize_t n = sec_pread(s, h.data, out->data + out->len, h.length);

	if (n != (ssize_t)h.length) {
		sec_fault(r, s->file, h.data, EV_EX_UNREADABLE, ret, "the text cannot be read");
		return false;
	}
	out->len += h.length;
	return true;
}

bool
exmsg_begin(
    struct exread *r, const struct expointer *body, struct exmsg *ret, struct exfault *ret_fault)
{
	struct sec_head h;
	struct sec *s = sec_lead(r, body, &h, ret_fault);

	if (s == NULL)
		return false;
	if (h.type != EXRECORD_BODY) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret_fault,
		    "the message begins with a record of type %s, expected Body",
		    exrecord_type_name(h.type));
		return false;
	}
	*ret = (struct exmsg){ .file = s->file, .at = h.at };
	return true;
}

/* Name and position, from the decoded line. */
static void
msg_details(struct exread *r, const char *line, const struct sec_head *h, struct exmsg *m,
    struct expart *ret)
{
	struct slice raw[SEC_FIELDS] = { 0 };
	uint64_t position;

	buf_reset(&r->text);
	buf_reset(&r->scratch);
	codepage_decode(r->page, (struct slice){ line, h->line_len }, &r->text);
	sec_cut(buf_slice(&r->text), raw);
	exlex_value(raw[4], &r->scratch);

	struct slice name = exlex_trim(buf_slice(&r->scratch));

	ret->name_cut = name.len >= sizeof m->name;
	if (ret->name_cut)
		name.len = codepage_whole_utf8((struct slice){ name.data, sizeof m->name - 1 });
	memcpy(m->name, name.data, name.len);
	ret->name_made = name.len == 0 && h->type != EXRECORD_BODY && h->type != EXRECORD_OTHER;
	if (ret->name_made) {
		exrecord_name(++m->unnamed, m->name);
		name.len = strlen(m->name);
	}
	ret->head.name = (struct slice){ m->name, name.len };
	ret->head.position = -1;
	raw[5] = exlex_trim(raw[5]);
	if (slice_u64(raw[5], INT64_MAX, &position))
		ret->head.position = (int64_t)position;
	else
		ret->position_bad = raw[5].len > 0 && !slice_eq(raw[5], "-1");
	ret->head.macbinary = slice_eq_nocase(exlex_trim(raw[6]), "Macbinary");
}

/* Islast was left empty: the message goes on with what only a message can have behind its body. */
static bool
msg_is_last(struct sec *s, const struct sec_head *h)
{
	struct sec_head next;

	if (h->last_known)
		return h->last;
	return !sec_follow(s, h, &next) || next.at >= s->size || next.type == EXRECORD_BODY ||
	       next.type == EXRECORD_OTHER;
}

/* The header at m->at; false: the message cannot go on there. */
static bool
msg_next_head(struct exread *r, struct sec *s, const struct exmsg *m, char line[SEC_HEAD_MAX],
    struct sec_head *ret, struct exfault *ret_fault)
{
	const char *why;
	uint64_t at;

	if (m->n >= EXREAD_RECORDS_MAX) {
		sec_fault(r, m->file, m->at, EV_EX_SECONDARY, ret_fault,
		    "the message has more than %d records", EXREAD_RECORDS_MAX);
		return false;
	}
	if (!sec_skip(s, m->at, &at) || at >= s->size) {
		sec_fault(r, m->file, m->before, EV_EX_SECONDARY, ret_fault,
		    "this record says Islast FALSE, but no record follows");
		return false;
	}
	why = sec_line(s, at, line, ret);
	why = why != NULL ? why : sec_parse(line, ret);
	if (why != NULL && m->n > 0)
		sec_fault(r, m->file, at, EV_EX_HEADER, ret_fault,
		    "%s; by its Length the record at %" PRIu64 " ends here", why, m->before);
	else if (why != NULL)
		sec_fault(r, m->file, at, EV_EX_HEADER, ret_fault, "%s", why);
	if (why != NULL)
		return false;
	if (m->n > 0 && ret->type == EXRECORD_BODY) {
		sec_fault(r, m->file, at, EV_EX_SECONDARY, ret_fault,
		    "a new Body begins, but the record at %" PRIu64 " says Islast FALSE",
		    m->before);
		return false;
	}
	return sec_check(r, s, ret, ret_fault);
}

/* Looks at the next octets alone: a next record that is broken must not cast doubt on this one. */
static bool
msg_end_odd(struct sec *s, const struct sec_head *h)
{
	uint64_t end = h->data + h->length;
	struct sec_head next;
	char c;

	if (end >= s->size || sec_pread(s, end, &c, 1) != 1)
		return false;
	return c != '\r' && c != '\n' && sec_head(s, end, &next) != NULL;
}

static struct sec *
msg_again(struct exread *r, uint32_t file, uint64_t at, struct exfault *ret_fault)
{
	const char *why = NULL;
	struct sec *s = sec_open(r, file, &why);

	if (s == NULL)
		sec_fault(
		    r, file, at, EV_EX_UNREADABLE, ret_fault, "the file cannot be read: %s", why);
	return s;
}

enum exstep
exmsg_next(struct exread *r, struct exmsg *m, struct expart *ret, struct exfault *ret_fault)
{
	char line[SEC_HEAD_MAX];
	struct sec_head h;
	struct sec *s;

	if (m->done)
		return EXSTEP_END;
	s = msg_again(r, m->file, m->at, ret_fault);
	m->done = true;
	if (s == NULL || !msg_next_head(r, s, m, line, &h, ret_fault))
		return EXSTEP_ERR;
	*ret = (struct expart){ .head = { .type = h.type, .length = h.length },
		.at = h.at,
		.data_at = h.data,
		.file = m->file };
	msg_details(r, line, &h, m, ret);
	ret->head.last = msg_is_last(s, &h);
	ret->end_odd = msg_end_odd(s, &h);
	m->done = ret->head.last;
	m->n++;
	m->before = h.at;
	m->at = h.data + h.length;
	return EXSTEP_ITEM;
}

bool
exmsg_read(struct exread *r, const struct expart *p, uint64_t from, void *data, size_t len,
    size_t *ret_len, struct exfault *ret_fault)
{
	uint64_t left = from < p->head.length ? p->head.length - from : 0;
	struct sec *s = msg_again(r, p->file, p->at, ret_fault);

	if (s == NULL)
		return false;
	if (len > left)
		len = (size_t)left;
	ssize_t n = sec_pread(s, p->data_at + from, data, len);

	if (n != (ssize_t)len) {
		sec_fault(r, p->file, p->data_at + from, EV_EX_UNREADABLE, ret_fault,
		    "the data of the record at %" PRIu64 " cannot be read: %s", p->at,
		    n < 0 ? g_strerror(errno) : "the file became shorter");
		return false;
	}
	*ret_len = len;
	return true;
}

/* MacBinary: 128 octets of header, then the data fork (Apple's MacBinary II, 1987). */
void
exmsg_macbinary(struct exread *r, const struct expart *p, uint64_t *ret_from, uint64_t *ret_len)
{
	enum { MAC_HEAD = 128, MAC_NAME = 1, MAC_NAME_MAX = 63, MAC_DATA = 83 };
	unsigned char head[MAC_HEAD];
	struct exfault fault;
	size_t n = 0;

	*ret_from = 0;
	*ret_len = p->head.length;
	if (!exmsg_read(r, p, 0, head, sizeof head, &n, &fault) || n < MAC_HEAD)
		return;
	uint64_t len = (uint64_t)head[MAC_DATA] << 24 | (uint64_t)head[MAC_DATA + 1] << 16 |
		       (uint64_t)head[MAC_DATA + 2] << 8 | head[MAC_DATA + 3];

	if (head[0] != 0 || head[74] != 0 || head[82] != 0 || head[MAC_NAME] == 0 ||
	    head[MAC_NAME] > MAC_NAME_MAX || len > p->head.length - MAC_HEAD)
		return;
	*ret_from = MAC_HEAD;
	*ret_len = len;
}

static void
msg_survey(struct exread *r, struct sec *s, uint64_t *io_records)
{
	struct sec_head now, next;
	uint64_t at;
	const char *why = NULL;

	if (!sec_skip(s, s->heading, &at))
		at = s->heading;
	if (at < s->size)
		why = sec_head(s, at, &now);
	for (; at < s->size && why == NULL; now = next) {
		*io_records += 1;
		if (!sec_follow(s, &now, &next)) {
			at = now.data;
			why = "no record begins where this one ends by its Length";
			if (!sec_whole(s, &now))
				why = "the record is longer than the file by its Length";
			at = now.at;
			break;
		}
		at = next.at;
	}
	if (why == NULL)
		return;
	struct exfault place = exfault_at(read_name(r, s->file), at);

	read_problem(
	    r, &place, EV_EX_REST, "%s; the rest of the file is reached by pointers only", why);
}

void
exread_survey(struct exread *r, uint64_t *ret_records)
{
	uint64_t records = 0;

	for (uint32_t i = 0; i < r->n_files; i++) {
		const char *why;
		struct sec *s =
		    r->file[i].primary || r->file[i].name == NULL ? NULL : sec_open(r, i, &why);

		if (s != NULL)
			msg_survey(r, s, &records);
	}
	*ret_records = records;
}
