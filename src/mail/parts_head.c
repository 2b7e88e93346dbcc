/* See parts_head.h. One walk over the fields; each is found in a table by its name. */
#include "mail/parts_head.h"

#include <string.h>

#include "base/mem.h"
#include "mail/field.h"

enum { HEAD_NAMES = 1024, HEAD_NAME_MAX = 126 }; /* slots for names in `others` */

enum head_field {
	HEAD_OTHER,
	HEAD_FROM,
	HEAD_SENDER,
	HEAD_TO,
	HEAD_CC,
	HEAD_BCC,
	HEAD_SUBJECT,
	HEAD_DATE,
	HEAD_MESSAGE_ID,
	HEAD_IMPORTANCE,
	HEAD_PRIORITY,
	HEAD_X_PRIORITY,
	HEAD_X_MSMAIL_PRIORITY,
	HEAD_MIME /* told by the parts */
};

struct head {
	struct mail_parts *p;
	struct addresses from, sender, to, cc, bcc;
	bool has_from, has_subject;
	int rank; /* of the field that gave the priority; 0: none did */
	struct buf text;
	const char *name[PARTS_OTHERS_MAX];
	uint16_t slot[HEAD_NAMES]; /* index in name + 1 */
	size_t n_names, sender_at;
	bool full; /* the arena */
};

static enum head_field
head_find(struct slice name)
{
	static const struct {
		const char *name;
		enum head_field field;
	} known[] = {
		{ "From", HEAD_FROM },
		{ "Sender", HEAD_SENDER },
		{ "To", HEAD_TO },
		{ "Cc", HEAD_CC },
		{ "Bcc", HEAD_BCC },
		{ "Subject", HEAD_SUBJECT },
		{ "Date", HEAD_DATE },
		{ "Message-ID", HEAD_MESSAGE_ID },
		{ "Importance", HEAD_IMPORTANCE },
		{ "Priority", HEAD_PRIORITY },
		{ "X-Priority", HEAD_X_PRIORITY },
		{ "X-MSMail-Priority", HEAD_X_MSMAIL_PRIORITY },
		{ "MIME-Version", HEAD_MIME },
	};

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (slice_eq_nocase(name, known[i].name))
			return known[i].field;
	}
	return slice_starts_nocase(name, "Content-") ? HEAD_MIME : HEAD_OTHER;
}

static void
head_text(struct head *h, struct slice value, const char **ret)
{
	buf_reset(&h->text);
	field_text(value, &h->text);
	const char *copy = arena_copy(&h->p->arena, buf_slice(&h->text));

	h->full = h->full || copy == NULL;
	if (copy != NULL)
		*ret = copy;
}

static void
head_addresses(struct head *h, struct slice value, struct addresses *io)
{
	if (!addresses_read(value, &h->p->arena, io))
		h->full = true;
}

/* exchange-migration 4.4: X-Priority 1 and 2 are high, 4 and 5 low; the others have words. False:
 * nothing that is known. */
static bool
head_priority_value(enum head_field field, struct slice value, int *ret)
{
	static const struct {
		const char *word;
		int priority;
	} words[] = {
		{ "high", 1 },
		{ "urgent", 1 },
		{ "normal", 0 },
		{ "low", -1 },
		{ "non-urgent", -1 },
	};

	value = field_trim(value);
	if (field == HEAD_X_PRIORITY) {
		bool digit = value.len > 0 && *value.data >= '1' && *value.data <= '5';

		if (digit)
			*ret = *value.data <= '2' ? 1 : *value.data >= '4' ? -1 : 0;
		return digit;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (slice_eq_nocase(value, words[i].word)) {
			*ret = words[i].priority;
			return true;
		}
	}
	return false;
}

/* Importance goes before Priority and so on, whatever their order in the header. */
static void
head_priority(struct head *h, enum head_field field, struct slice value)
{
	int rank = HEAD_MIME - (int)field;

	if (rank > h->rank && head_priority_value(field, value, &h->p->priority)) {
		h->rank = rank;
		h->p->priority_known = true;
	}
}

/* A name that is not there yet, by an open hash table: a header may have any number of fields. */
static void
head_other(struct head *h, struct slice name)
{
	uint32_t hash = 2166136261u;

	if (name.len > HEAD_NAME_MAX)
		name.len = HEAD_NAME_MAX;
	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (uint32_t)(name.data[i] | 0x20)) * 16777619u;
	for (size_t at = hash % HEAD_NAMES;; at = (at + 1) % HEAD_NAMES) {
		if (h->slot[at] != 0) {
			if (slice_eq_nocase(name, h->name[h->slot[at] - 1]))
				return;
			continue;
		}
		if (h->n_names == PARTS_OTHERS_MAX)
			return;
		h->name[h->n_names] = arena_copy(&h->p->arena, name);
		h->full = h->full || h->name[h->n_names] == NULL;
		if (!h->full)
			h->slot[at] = (uint16_t)++h->n_names;
		return;
	}
}

static void
head_field(struct head *h, const struct field *f)
{
	struct mail_parts *p = h->p;
	enum head_field field = head_find(f->name);

	switch (field) {
	case HEAD_FROM:
		head_addresses(h, f->value, &h->from);
		break;
	case HEAD_SENDER:
		head_addresses(h, f->value, &h->sender);
		break;
	case HEAD_TO:
		head_addresses(h, f->value, &h->to);
		break;
	case HEAD_CC:
		head_addresses(h, f->value, &h->cc);
		break;
	case HEAD_BCC:
		head_addresses(h, f->value, &h->bcc);
		break;
	case HEAD_SUBJECT:
		if (!h->has_subject)
			head_text(h, f->value, &p->subject);
		h->has_subject = true;
		break;
	case HEAD_DATE:
		if (!p->sent.known)
			(void)field_date(f->value, &p->sent);
		break;
	case HEAD_MESSAGE_ID:
		if (p->message_id[0] == '\0')
			head_text(h, f->value, &p->message_id);
		head_other(h, f->name);
		break;
	case HEAD_IMPORTANCE:
	case HEAD_PRIORITY:
	case HEAD_X_PRIORITY:
	case HEAD_X_MSMAIL_PRIORITY:
		head_priority(h, field, f->value);
		break;
	case HEAD_MIME:
		break;
	case HEAD_OTHER:
		head_other(h, f->name);
		break;
	}
}

/* A Sender that stands in for From is told; beside one it is not. */
static void
head_finish(struct head *h)
{
	struct mail_parts *p = h->p;
	const struct addresses *from = h->from.len > 0 ? &h->from : &h->sender;

	if (h->from.len > 0 && h->sender.len > 0)
		head_other(h, slice_str("Sender"));
	p->from = from->one;
	p->n_from = from->len;
	p->to = h->to.one;
	p->n_to = h->to.len;
	p->cc = h->cc.one;
	p->n_cc = h->cc.len;
	p->bcc = h->bcc.one;
	p->n_bcc = h->bcc.len;
	const char **names = arena_take(&p->arena, (h->n_names + 1) * sizeof(*names));
	h->full = h->full || names == NULL;
	if (names == NULL)
		return;
	memcpy(names, h->name, h->n_names * sizeof(*names));
	p->others = names;
	p->n_others = h->n_names;
}

bool
parts_head(struct mail_parts *p, struct slice header)
{
	struct head h = { .p = p };
	struct field f;

	p->subject = p->message_id = "";
	buf_init(&h.text, PARTS_HEADER_MAX * 4);
	while (!h.full && field_next(&header, &f))
		head_field(&h, &f);
	head_finish(&h);
	buf_done(&h.text);
	return !h.full;
}
