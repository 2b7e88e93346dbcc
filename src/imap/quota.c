#include "imap/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { UNIT = 1024 };

static void
keep_other(struct quota *q, const struct pair *p)
{
	struct quota_other *o = &q->other[q->n_others];

	if (q->n_others == QUOTA_OTHERS_MAX || p->name.len >= QUOTA_NAME_MAX) {
		q->partial = true;
		return;
	}
	memcpy(o->name, p->name.data, p->name.len);
	o->name[p->name.len] = '\0';
	o->limit = strtoull(p->value.data, NULL, 10);
	q->n_others++;
}

static void
keep_root(struct quota *q, const struct resp *r)
{
	struct slice root = r->folder.name;

	*q = (struct quota){ .used = r->quota_used, .limit = r->quota_limit,
		.partial = root.len >= QUOTA_ROOT_MAX };
	if (!q->partial)
		memcpy(q->root, root.data, root.len);
	for (const struct pair *p = r->pair; p != NULL; p = p->next)
		if (!slice_eq_nocase(p->name, "STORAGE"))
			keep_other(q, p);
}

int
quota_get(struct sess *s, struct quota *ret, struct err *err)
{
	uint32_t tag;

	*ret = (struct quota){ 0 };
	if (!caps_has(&s->caps, CAP_QUOTA))
		return 0;
	if (sess_send(s, 0, &tag, err, "GETQUOTAROOT INBOX") < 0)
		return -1;
	do {
		if (sess_next(s, &s->last, NULL, err) < 0 || sess_drop(s, &s->last, err) < 0)
			return -1;
		if (s->last.kind == RESP_QUOTA && s->last.quota_limit > 0 &&
		    (ret->limit == 0 || s->last.quota_limit < ret->limit))
			keep_root(ret, &s->last);
	} while (s->last.kind != RESP_TAGGED || s->last.tag != tag);
	return 0;
}

bool
quota_may_set(const struct caps *c)
{
	bool new = c->text.data != NULL && strcasestr(c->text.data, "QUOTA=RES-") != NULL;

	return caps_has(c, CAP_QUOTASET) || (caps_has(c, CAP_QUOTA) && !new);
}

int
quota_set(struct sess *s, const struct quota *q, uint64_t limit, struct err *err)
{
	char list[QUOTA_OTHERS_MAX * (QUOTA_NAME_MAX + 24) + 64];
	int len = snprintf(list, sizeof(list), "(STORAGE %" PRIu64, limit / UNIT);

	for (size_t i = 0; i < q->n_others; i++)
		len += snprintf(list + len, sizeof(list) - (size_t)len, " %s %" PRIu64,
		    q->other[i].name, q->other[i].limit);
	snprintf(list + len, sizeof(list) - (size_t)len, ")");

	const struct cmd_word word[] = { { .text = slice_str("SETQUOTA"), .raw = true },
		{ .text = slice_str(q->root) }, { .text = slice_str(list), .raw = true } };

	return sess_run_words(s, word, COUNT_OF(word), err);
}
