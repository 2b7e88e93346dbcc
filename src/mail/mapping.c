/* Names are given in an order that makes them the same at every run and a twin's fault that of the
 * one that differs:
 *
 *	INBOX, the folders that a --map names, then those with a special use of the target;
 *	then by depth, so that a parent has its name before its children get theirs below it;
 *	in one depth first every name that only one folder wants, then the twins.
 *
 * What has a name is in a balanced tree, not in a hash table: the names are the servers' to choose.
 * Rejected: to look only at whole names, as a twin's children would then stay with the other one.
 */
#include "mail/mapping.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/mapping_name.h"
#include "mail/mapping_pick.h"
#include "mail/names.h"

enum {
	ANCESTORS_MAX = 32, /* levels that are looked for upwards */
	ANCESTOR_TEXT_MAX = 4096, /* what is longer is cut, and follows nobody */
	NOBODY = -1
};

/* On its way from one side to the other. */
struct way {
	struct slice text; /* levels; without the personal prefix */
	struct slice key; /* text behind an octet that says in which space it lies */
	bool inbox; /* INBOX itself */
	bool in_inbox; /* first level is the real INBOX */
	const struct mapping_rule *rule;
	size_t matched; /* octets of text that the rule stands for */
	size_t depth;
	unsigned why;
	enum mapped_how how;
	const char *name; /* NULL: none yet */
	struct slice base; /* the name in modified UTF-7: what lies below begins with it */
};

/* A name that is taken: `by` is NOBODY for INBOX when nobody may have it. */
struct taken {
	struct slice key;
	long by;
	unsigned next; /* number of its next twin */
};

struct known {
	struct slice key;
	const struct folder *folder;
};

struct maker {
	const struct mapping_rules *rules;
	const struct folder *source;
	const struct mapping_side *target;
	struct naming to;
	struct arena *a;
	struct way *way;
	size_t n;
	bool moved; /* --prefix or --under: no special use */
	GTree *by_text; /* struct way by key */
	GTree *taken; /* struct taken by name in lower case */
	GTree *there; /* struct known by common name */
	struct buf scratch, name;
};

static int
no_room(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "folder names are longer than fit into memory");
}

static gint
key_cmp(gconstpointer a, gconstpointer b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* ---- texts of both sides ---- */

static int
keep_scratch(struct maker *m, struct slice *ret, struct err *err)
{
	char *copy = m->scratch.full ? NULL : arena_copy(m->a, buf_slice(&m->scratch));

	if (copy == NULL)
		return no_room(err);
	*ret = (struct slice){ copy, m->scratch.len };
	return 0;
}

static int
read_source(struct maker *m, size_t i, struct err *err)
{
	const struct folder *f = &m->source[i];
	struct way *w = &m->way[i];
	struct slice first, all;
	bool own;

	w->inbox = slice_eq_nocase(f->name, "INBOX");
	buf_reset(&m->scratch);
	(void)buf_add_byte(&m->scratch, '-');
	pick_text(f, &m->scratch, &own, &w->why);
	if (own)
		m->scratch.data[0] = 'p';
	if (keep_scratch(m, &w->key, err) < 0)
		return -1;
	w->text = (struct slice){ w->key.data + 1, w->key.len - 1 };
	w->depth = text_depth(w->text);
	all = w->text;
	first = text_level(&all);
	w->in_inbox = slice_eq_nocase(first, "INBOX") && !own;
	if (g_tree_lookup(m->by_text, &w->key) == NULL)
		g_tree_insert(m->by_text, &w->key, w);
	return 0;
}

static int
read_target(struct maker *m, struct err *err)
{
	for (size_t i = 0; i < m->target->n; i++) {
		struct known *k = arena_take(m->a, sizeof(*k));

		if (k == NULL)
			return no_room(err);
		buf_reset(&m->scratch);
		name_common(m->target->folder[i].name, &m->scratch);
		k->folder = &m->target->folder[i];
		if (keep_scratch(m, &k->key, err) < 0)
			return -1;
		if (g_tree_lookup(m->there, &k->key) == NULL)
			g_tree_insert(m->there, &k->key, k);
	}
	return 0;
}

static const struct folder *
find_there(struct maker *m, struct slice name)
{
	buf_reset(&m->scratch);
	name_common(name, &m->scratch);

	struct slice key = buf_slice(&m->scratch);
	const struct known *k = g_tree_lookup(m->there, &key);

	return k != NULL ? k->folder : NULL;
}

/* ---- rules ---- */

static void
add_given(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		(void)buf_add_byte(out, *name == '/' ? LEVEL_SEP : *name);
}

/* ---- names ---- */

/* Where the levels of a name begin: `text` from the top. */
static void
name_from_top(struct maker *m, struct slice text, bool in_inbox, unsigned *why)
{
	if (in_inbox) {
		(void)text_level(&text);
		(void)buf_add_str(&m->name, "INBOX");
		if (text.data == NULL)
			return;
		name_add_delim(m->to.delim, &m->name, why);
	} else {
		(void)buf_add(&m->name, m->to.prefix.data, m->to.prefix.len);
	}
	name_add(text, m->to.delim, &m->name, why);
}

/* The nearest folder above whose name is known and which goes the same way. */
static const struct way *
find_above(struct maker *m, const struct way *w)
{
	size_t end = w->text.len;

	if (end > ANCESTOR_TEXT_MAX)
		return NULL;
	for (int tries = 0; tries < ANCESTORS_MAX; tries++) {
		while (end > 0 && w->text.data[end - 1] != LEVEL_SEP)
			end--;
		if (end == 0 || --end < w->matched)
			return NULL;

		struct slice key = { w->key.data, end + 1 };
		const struct way *above = g_tree_lookup(m->by_text, &key);

		if (above == NULL || above->name == NULL)
			continue;
		/* --prefix leaves INBOX where it is, but not what lies below. */
		return above->inbox && m->rules->prefix != NULL && w->rule == NULL ? NULL : above;
	}
	return NULL;
}

static void
name_by_rules(struct maker *m, const struct way *w, unsigned *why)
{
	AUTO(buf_done) struct buf text;
	struct slice rest = { w->text.data + w->matched, w->text.len - w->matched }, first;
	bool given = w->rule != NULL || m->rules->under != NULL;

	buf_init(&text, WIRE_NAME_MAX);
	if (m->rules->under != NULL) {
		add_given(&text, m->rules->under);
		(void)buf_add_byte(&text, LEVEL_SEP);
	}
	if (w->rule != NULL) {
		add_given(&text, w->rule->to);
	} else if (m->rules->prefix != NULL && !w->inbox) {
		add_given(&text, m->rules->prefix);
		given = true;
	}
	(void)buf_add(&text, rest.data, rest.len);

	struct slice all = buf_slice(&text), left = all;

	first = text_level(&left);
	m->name.full = m->name.full || text.full;
	name_from_top(m, all, given ? slice_eq_nocase(first, "INBOX") : w->in_inbox, why);
}

/* The name that the folder would have were it alone, into m->name; adds to *why. */
static enum mapped_how
name_wanted(struct maker *m, const struct way *w, unsigned *why)
{
	const struct way *above = find_above(m, w);
	struct slice rest = w->text;

	buf_reset(&m->name);
	if (above == NULL) {
		name_by_rules(m, w, why);
		return w->rule != NULL || m->rules->under != NULL ||
			       (m->rules->prefix != NULL && !w->inbox)
			   ? MAPPED_RULE
			   : MAPPED_PLAIN;
	}
	rest.data += above->text.len + 1;
	rest.len -= above->text.len + 1;
	(void)buf_add(&m->name, above->base.data, above->base.len);
	name_add_delim(m->to.delim, &m->name, why);
	name_add(rest, m->to.delim, &m->name, why);
	*why |= above->why;
	return above->how;
}

/* ---- who has which name ---- */

static void
lower_scratch(struct maker *m, struct slice name)
{
	buf_reset(&m->scratch);
	name_common(name, &m->scratch);
	for (size_t i = 0; i < m->scratch.len; i++)
		if (m->scratch.data[i] >= 'A' && m->scratch.data[i] <= 'Z')
			m->scratch.data[i] = (char)(m->scratch.data[i] + ('a' - 'A'));
}

static struct taken *
find_taken(struct maker *m, struct slice name)
{
	lower_scratch(m, name);

	struct slice key = buf_slice(&m->scratch);

	return g_tree_lookup(m->taken, &key);
}

static int
take(struct maker *m, struct slice name, long by, struct err *err)
{
	struct taken *t = arena_take(m->a, sizeof(*t));

	lower_scratch(m, name);
	if (t == NULL || keep_scratch(m, &t->key, err) < 0)
		return no_room(err);
	t->by = by;
	t->next = 2;
	g_tree_insert(m->taken, &t->key, t);
	return 0;
}

/* `name` is the folder's from now on. A target that lists it in raw UTF-8 wants it so. */
static int
give(struct maker *m, size_t i, struct slice name, struct err *err)
{
	const struct folder *there = find_there(m, name);
	bool take_theirs = there != NULL && !slice_eq_nocase(name, "INBOX") &&
			   memchr(there->name.data, '\0', there->name.len) == NULL;
	struct slice as = take_theirs ? there->name : name;

	m->way[i].name = arena_copy(m->a, as);
	if (m->way[i].name == NULL)
		return no_room(err);
	buf_reset(&m->scratch);
	name_common(name, &m->scratch);
	if (keep_scratch(m, &m->way[i].base, err) < 0)
		return -1;
	return take(m, name, (long)i, err);
}

/* For people; the octets between the levels become '/'. */
static const char *
shown(struct maker *m, size_t i)
{
	char *text = arena_copy(m->a, m->way[i].text);

	for (char *p = text; p != NULL && *p != '\0'; p++)
		if (*p == LEVEL_SEP)
			*p = '/';
	return text != NULL ? text : "";
}

static int
rules_collide(struct maker *m, size_t i, long by, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, WIRE_NAME_MAX);
	folder_display(slice_str(name), &text);
	return err_set(err, ERR_USAGE, "--map sends two folders to '%s': '%s' and '%s'",
	    text.data != NULL ? text.data : "", by < 0 ? "INBOX" : shown(m, (size_t)by),
	    shown(m, i));
}

/* Is it a rule that brings the two together? */
static bool
by_rule(const struct maker *m, size_t i, long by)
{
	return m->way[i].rule != (by < 0 ? NULL : m->way[by].rule);
}

/* The name in m->name is another's: with the next free number. */
static int
give_twin(struct maker *m, size_t i, struct taken *first, struct err *err)
{
	struct way *w = &m->way[i];
	size_t len = m->name.len;

	w->why |= WHY_TWIN;
	do {
		m->name.len = len;
		(void)buf_printf(&m->name, "~%u", first->next++);
		name_cut(&m->name, &w->why);
		if (m->name.full)
			return no_room(err);
	} while (find_taken(m, buf_slice(&m->name)) != NULL);
	return give(m, i, buf_slice(&m->name), err);
}

/* ---- first those that are named ---- */

/* INBOX, or the folders that a --map names. */
static int
give_named(struct maker *m, bool inbox, struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		struct way *w = &m->way[i];
		unsigned why = w->why;
		bool mine = inbox ? w->inbox : w->rule != NULL && w->matched == w->text.len;

		if (w->name != NULL || !mine)
			continue;
		w->how = name_wanted(m, w, &why);
		name_cut(&m->name, &why);

		const struct taken *t = find_taken(m, buf_slice(&m->name));

		if (t != NULL && by_rule(m, i, t->by))
			return rules_collide(m, i, t->by, m->name.data, err);
		if (t != NULL)
			continue;
		w->why = why;
		if (give(m, i, buf_slice(&m->name), err) < 0)
			return -1;
	}
	return 0;
}

/* Of several source folders with that use the one that has the name already, else the first. */
static long
source_of_use(struct maker *m, struct slice use, const struct folder *to)
{
	long first = NOBODY;

	for (size_t i = 0; i < m->n; i++) {
		struct way *w = &m->way[i];
		unsigned ignored = 0;

		if (w->name != NULL || w->rule != NULL ||
		    m->source[i].attrs & (FOLDER_OTHER_USERS | FOLDER_SHARED) ||
		    !pick_has_use(&m->source[i], use))
			continue;
		(void)name_wanted(m, w, &ignored);
		if (find_there(m, buf_slice(&m->name)) == to)
			return (long)i;
		if (first == NOBODY)
			first = (long)i;
	}
	return first;
}

static int
give_uses(struct maker *m, struct err *err)
{
	static const char *const uses[] = { "\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive",
		"\\All", "\\Flagged", "\\Important" };

	for (size_t u = 0; u < COUNT_OF(uses) && !m->moved; u++) {
		struct slice use = slice_str(uses[u]);
		const struct folder *to = pick_target(m->target, use);
		long i = to != NULL ? source_of_use(m, use, to) : NOBODY;

		if (i == NOBODY || find_taken(m, to->name) != NULL)
			continue;

		struct way *w = &m->way[i];
		unsigned ignored = 0;

		w->how = name_wanted(m, w, &ignored);
		if (find_there(m, buf_slice(&m->name)) != to) {
			w->how = MAPPED_USE;
			w->why = 0; /* nothing of its own name is left */
		}
		if (give(m, (size_t)i, to->name, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- then the others ---- */

static gint
depth_cmp(gconstpointer a, gconstpointer b, gpointer arg)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct way *way = arg;

	if (way[x].depth != way[y].depth)
		return way[x].depth < way[y].depth ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Gives the name unless somebody has it; `twins` gives it anyhow, with a number. */
static int
give_other(struct maker *m, size_t i, bool twins, struct err *err)
{
	struct way *w = &m->way[i];
	unsigned why = w->why;

	w->how = name_wanted(m, w, &why);
	name_cut(&m->name, &why);
	if (m->name.full)
		return no_room(err);

	struct taken *t = find_taken(m, buf_slice(&m->name));

	if (t != NULL && by_rule(m, i, t->by))
		return rules_collide(m, i, t->by, m->name.data, err);
	if (t == NULL || twins)
		w->why = why;
	if (t == NULL)
		return give(m, i, buf_slice(&m->name), err);
	return twins ? give_twin(m, i, t, err) : 0;
}

static int
give_depth(struct maker *m, const size_t *order, size_t n, struct err *err)
{
	for (int twins = 0; twins <= 1; twins++)
		for (size_t k = 0; k < n; k++)
			if (m->way[order[k]].name == NULL &&
			    give_other(m, order[k], twins != 0, err) < 0)
				return -1;
	return 0;
}

static int
give_others(struct maker *m, struct err *err)
{
	size_t *order = arena_take(m->a, (m->n + 1) * sizeof(*order));
	size_t end;

	if (order == NULL)
		return no_room(err);
	for (size_t i = 0; i < m->n; i++)
		order[i] = i;
	g_qsort_with_data(order, (gint)m->n, sizeof(*order), depth_cmp, m->way);
	for (size_t from = 0; from < m->n; from = end) {
		for (end = from + 1; end < m->n; end++)
			if (m->way[order[end]].depth != m->way[order[from]].depth)
				break;
		if (give_depth(m, order + from, end - from, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- what is told ---- */

static bool
below_noinferiors(struct maker *m, struct slice name)
{
	while (m->to.delim != '\0' && name.len > 0) {
		const char *at = memrchr(name.data, m->to.delim, name.len);

		if (at == NULL)
			return false;
		name.len = (size_t)(at - name.data);

		const struct folder *above = find_there(m, name);

		if (above != NULL)
			return above->attrs & FOLDER_NOINFERIORS;
	}
	return false;
}

static int
tell(struct maker *m, struct mapped *ret, struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct way *w = &m->way[i];
		struct slice name = slice_str(w->name);

		ret[i] = (struct mapped){ .name = w->name, .how = w->how };
		ret[i].exists = find_there(m, name) != NULL;
		ret[i].below_noinferiors = !ret[i].exists && below_noinferiors(m, name);
		if (w->why == 0)
			continue;
		ret[i].how = MAPPED_REPLACED;
		ret[i].why = why_words(w->why, m->a);
		if (ret[i].why == NULL)
			return no_room(err);
	}
	return 0;
}

static int
make(struct maker *m, struct err *err)
{
	if (pick_check(m->rules, err) < 0 || read_target(m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		if (read_source(m, i, err) < 0)
			return -1;
		m->way[i].rule = pick_rule(m->rules, &m->source[i], m->way[i].key.data[0] == 'p',
		    m->way[i].text, &m->way[i].matched);
	}
	if (give_named(m, false, err) < 0 || give_named(m, true, err) < 0)
		return -1;
	/* No other folder becomes INBOX because the real one goes elsewhere. */
	if (find_taken(m, slice_str("INBOX")) == NULL &&
	    take(m, slice_str("INBOX"), NOBODY, err) < 0)
		return -1;
	if (give_uses(m, err) < 0)
		return -1;
	return give_others(m, err);
}

int
mapping_make(const struct mapping_rules *rules, const struct folder *source, size_t n,
    const struct mapping_side *target, struct arena *a, struct mapped **ret, struct err *err)
{
	struct maker m = { .rules = rules, .source = source, .n = n, .target = target, .a = a };
	struct mapped *made = arena_take(a, (n + 1) * sizeof(*made));
	int rc = -1;

	m.to = naming_of(target);
	m.moved = rules->prefix != NULL || rules->under != NULL;
	m.way = arena_take(a, (n + 1) * sizeof(*m.way));
	m.by_text = g_tree_new(key_cmp);
	m.taken = g_tree_new(key_cmp);
	m.there = g_tree_new(key_cmp);
	buf_init(&m.scratch, WIRE_NAME_MAX);
	buf_init(&m.name, WIRE_NAME_MAX);
	if (made == NULL || m.way == NULL)
		no_room(err);
	else if (make(&m, err) == 0)
		rc = tell(&m, made, err);
	g_tree_destroy(m.by_text);
	g_tree_destroy(m.taken);
	g_tree_destroy(m.there);
	buf_done(&m.scratch);
	buf_done(&m.name);
	if (rc == 0)
		*ret = made;
	return rc;
}
