/* See walk.h. One pass over the message with a stack of the boundaries that are open, no recursion:
 * memory and stack are bounded whatever is nested in whatever. The message is looked at through
 * windows of the spool, so that a large attachment is never held; a boundary line is looked for
 * where two dashes begin a line, and dashes are looked for with memchr.
 *
 * GMime's parser builds a tree of parsed parts. It was not used for the structure: it parses nested
 * messages too, and gives neither their octets nor those of a signed entity back as they were; and
 * what must be bounded here (depth, number of parts, headers) is bounded there in other ways.
 *
 * Levels that were closed stay on the stack until an outer boundary or the end comes: parts behind
 * a closing boundary, which some gateways make, are found then, while an open level of the same
 * boundary is asked first. */
#include "mail/walk.h"

#include <string.h>

#include "mail/field.h"

enum {
	WALK_FIRST = 16 * 1024, /* of a header or a part; most are smaller */
	WALK_WINDOW = 128 * 1024,
	WALK_LINE_MAX = 2048, /* of a boundary line, blanks at its end included */
	WALK_BOUNDARY_MAX = 1000,
	WALK_NODES_MAX = 4 * PARTS_MAX /* multiparts too */
};

struct level {
	struct part_node *node;
	const char *boundary;
	size_t len;
	bool closed;
	size_t children;
};

struct walker {
	struct walk *w;
	struct level level[PARTS_DEPTH_MAX];
	size_t n_levels;
	struct part_node *leaf; /* whose end is looked for; NULL: between parts */
	struct buf scratch;
};

struct delimiter {
	size_t level;
	bool closes;
	uint64_t before, after; /* end of what stands before it, start of what follows */
};

/* ---- entities ---- */

static int
walk_full(struct walk *w)
{
	return err_set(w->err, ERR_MESSAGE, "its headers need more than %d MiB of memory",
	    PARTS_ARENA_MAX / 1024 / 1024);
}

static struct part_node *
walk_node(struct walker *k, uint64_t start)
{
	struct part_node *n = arena_take(k->w->arena, sizeof(*n));

	if (n == NULL)
		return NULL;
	struct part_node *parent = k->n_levels > 0 ? k->level[k->n_levels - 1].node : NULL;
	*n = (struct part_node){ .parent = parent,
		.start = start,
		.body = start,
		.end = k->w->len,
		.hidden = parent != NULL && (parent->whole || parent->hidden),
		.type =
		    parent != NULL && parent->kind == NODE_DIGEST ? "message/rfc822" : "text/plain",
		.charset = "",
		.name = "",
		.content_id = "",
		.boundary = "" };
	if (k->w->last != NULL)
		k->w->last->next = n;
	else
		k->w->first = n;
	k->w->last = n;
	k->w->n_nodes++;
	return n;
}

/* "Text/HTML" in lower case; false: not of that form. */
static bool
walk_type(struct slice value, struct buf *ret)
{
	size_t slash = 0;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '/' && slash == 0 && i > 0)
			slash = i;
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(')
			break;
		else if (c <= ' ' || c >= 0x7f || strchr("<>@,\"/[]?=", c) != NULL)
			return false;
		buf_add_byte(ret, (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
	}
	return slash > 0 && ret->len > slash + 1 && ret->len <= 128;
}

static bool
walk_keep(struct walker *k, const char **ret)
{
	if (k->scratch.len > 0)
		*ret = arena_copy(k->w->arena, buf_slice(&k->scratch));
	return *ret != NULL;
}

static bool
walk_name(struct walker *k, struct part_node *n, const struct params *p, const char *param)
{
	buf_reset(&k->scratch);
	return !params_text(p, param, &k->scratch) || walk_keep(k, &n->name);
}

static bool
walk_content_type(struct walker *k, struct part_node *n, struct slice value)
{
	struct params p;

	params_read(value, &p);
	buf_reset(&k->scratch);
	if (walk_type(p.value, &k->scratch) && !walk_keep(k, &n->type))
		return false;
	buf_reset(&k->scratch);
	if (params_octets(&p, "charset", 64, &k->scratch) && !walk_keep(k, &n->charset))
		return false;
	buf_reset(&k->scratch);
	if (params_octets(&p, "boundary", WALK_BOUNDARY_MAX, &k->scratch)) {
		while (k->scratch.len > 0 && k->scratch.data[k->scratch.len - 1] == ' ')
			k->scratch.data[--k->scratch.len] = '\0';
		if (!walk_keep(k, &n->boundary))
			return false;
	}
	return n->name[0] != '\0' || walk_name(k, n, &p, "name");
}

/* The name that stands here is better than that of the Content-Type. */
static bool
walk_disposition(struct walker *k, struct part_node *n, struct slice value)
{
	struct params p;

	params_read(value, &p);
	n->is_attachment = p.value.len > 0 && !slice_eq_nocase(p.value, "inline");
	return walk_name(k, n, &p, "filename");
}

static bool
walk_content_id(struct walker *k, struct part_node *n, struct slice value)
{
	buf_reset(&k->scratch);
	field_text(value, &k->scratch);
	struct slice id = buf_slice(&k->scratch);
	if (id.len > 0 && *id.data == '<') {
		id.data++;
		id.len--;
	}
	if (id.len > 0 && id.data[id.len - 1] == '>')
		id.len--;
	if (id.len > 0 && id.len < 1000)
		n->content_id = arena_copy(k->w->arena, id);
	return n->content_id != NULL;
}

/* The first of several fields of a name counts, as in GMime and most readers. */
static bool
walk_fields(struct walker *k, struct part_node *n, struct slice header)
{
	bool type = false, disposition = false, id = false, encoding = false, done = true;
	struct field f;

	while (done && field_next(&header, &f)) {
		if (f.name.len < 10 || !slice_starts_nocase(f.name, "content-"))
			continue;
		if (!type && slice_eq_nocase(f.name, "content-type")) {
			done = walk_content_type(k, n, f.value);
			type = true;
		} else if (!disposition && slice_eq_nocase(f.name, "content-disposition")) {
			done = walk_disposition(k, n, f.value);
			disposition = true;
		} else if (!encoding && slice_eq_nocase(f.name, "content-transfer-encoding")) {
			n->transfer = transfer_find(f.value);
			encoding = true;
		} else if (!id && slice_eq_nocase(f.name, "content-id")) {
			done = walk_content_id(k, n, f.value);
			id = true;
		}
	}
	return done;
}

static void
walk_kind(struct walker *k, struct part_node *n)
{
	if (strncmp(n->type, "multipart/", 10) != 0)
		return;
	n->whole = strcmp(n->type, "multipart/encrypted") == 0;
	if (n->whole)
		return;
	if (n->boundary[0] == '\0') {
		n->type = "text/plain"; /* nothing can be told apart in it */
		return;
	}
	if (k->n_levels == PARTS_DEPTH_MAX) {
		n->whole = n->broken = true;
		return;
	}
	const char *sub = n->type + 10;
	n->kind = strcmp(sub, "alternative") == 0 ? NODE_ALTERNATIVE
		  : strcmp(sub, "signed") == 0    ? NODE_SIGNED
		  : strcmp(sub, "digest") == 0    ? NODE_DIGEST
						  : NODE_MULTI;
	n->whole = n->kind == NODE_SIGNED;
	n->transfer = TRANSFER_NONE;
}

/* The header at `at`, borrowed from the spool; *ret_over: it is larger than allowed, and cut. */
static int
walk_header(struct walk *w, uint64_t at, struct slice *ret, bool *ret_over)
{
	static const size_t most[] = { WALK_FIRST, PARTS_HEADER_MAX };
	size_t len;

	*ret_over = false;
	for (size_t i = 0; i < 2; i++) {
		if (spool_read(w->message, at, most[i], ret, w->err) < 0)
			return -1;
		bool last = at + ret->len == w->len;
		if (field_header_len(*ret, &len)) {
			ret->len = len;
			return 0;
		}
		if (last)
			return 0;
	}
	*ret_over = true;
	return 0;
}

static void
walk_push(struct walker *k, struct part_node *n)
{
	k->level[k->n_levels++] =
	    (struct level){ .node = n, .boundary = n->boundary, .len = strlen(n->boundary) };
	k->leaf = NULL;
}

/* The entity whose header begins at `at`. */
static int
walk_entity(struct walker *k, uint64_t at, void (*seen)(void *, struct slice), void *arg)
{
	struct slice header;
	bool over;

	if (walk_header(k->w, at, &header, &over) < 0)
		return -1;
	struct part_node *n = walk_node(k, at);
	if (n == NULL || !walk_fields(k, n, header))
		return walk_full(k->w);
	if (seen != NULL)
		seen(arg, header);
	n->body = at + header.len;
	if (over) {
		n->whole = n->broken = true;
		n->type = "application/octet-stream";
	} else {
		walk_kind(k, n);
	}
	if (n->kind != NODE_LEAF) {
		walk_push(k, n);
		return 0;
	}
	k->leaf = n;
	k->w->n_leaves++;
	return 0;
}

/* ---- boundaries ---- */

/* Is the line, which begins with two dashes, a boundary of level i? */
static bool
walk_matches(const struct level *l, struct slice line, bool *ret_closes)
{
	if (line.len < l->len + 2 || memcmp(line.data + 2, l->boundary, l->len) != 0)
		return false;
	struct slice rest = { line.data + 2 + l->len, line.len - 2 - l->len };
	*ret_closes = rest.len == 2 && rest.data[0] == '-' && rest.data[1] == '-';
	return rest.len == 0 || *ret_closes;
}

/* The innermost open level, else the innermost closed one. */
static bool
walk_level(const struct walker *k, struct slice line, struct delimiter *ret)
{
	while (line.len > 2 && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t' ||
				   line.data[line.len - 1] == '\r'))
		line.len--;
	bool found = false;
	for (size_t i = k->n_levels; i-- > 0;) {
		const struct level *l = &k->level[i];
		bool closes;

		if ((found && l->closed) || !walk_matches(l, line, &closes))
			continue;
		found = true;
		ret->level = i;
		ret->closes = closes;
		if (!l->closed)
			break;
	}
	return found;
}

/* The next place from `p` where a line begins with two dashes, or may do so in the next window. */
static const char *
walk_dashes(struct slice win, const char *p)
{
	const char *end = win.data + win.len;

	for (; (p = memchr(p, '-', (size_t)(end - p))) != NULL; p++) {
		if (p + 1 < end && p[1] != '-')
			continue;
		if (p == win.data || p[-1] == '\n')
			return p;
	}
	return NULL;
}

static uint64_t
walk_before(struct slice win, uint64_t win_at, const char *line)
{
	const char *p = line;

	if (p > win.data && p[-1] == '\n')
		p--;
	if (p > win.data && p < line && p[-1] == '\r')
		p--;
	return win_at + (uint64_t)(p - win.data);
}

/* Look through one window; `win` begins at `at` or, to see the line end before it, up to two octets
 * earlier. False: not here; *ret_next is where to go on. */
static bool
walk_window(const struct walker *k, struct slice win, uint64_t win_at, uint64_t at,
    struct delimiter *ret, uint64_t *ret_next)
{
	const char *end = win.data + win.len, *p = win.data + (at - win_at);
	bool last = win_at + win.len == k->w->len;

	while ((p = walk_dashes(win, p)) != NULL) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t len = lf != NULL ? (size_t)(lf - p) : (size_t)(end - p);

		if (lf == NULL && !last && len < WALK_LINE_MAX) {
			*ret_next = win_at + (uint64_t)(p - win.data);
			return false; /* its end is in the next window */
		}
		if (len <= WALK_LINE_MAX && walk_level(k, (struct slice){ p, len }, ret)) {
			ret->before = walk_before(win, win_at, p);
			ret->after = win_at + (uint64_t)((lf != NULL ? lf + 1 : end) - win.data);
			return true;
		}
		p += len;
	}
	*ret_next = win_at + win.len;
	return false;
}

/* The next boundary line from `at` on, which begins a line. *ret_found false: none to the end. */
static int
walk_find(struct walker *k, uint64_t at, struct delimiter *ret, bool *ret_found)
{
	struct walk *w = k->w;
	uint64_t from = at;
	bool in_file = spool_fd(w->message) >= 0;

	*ret_found = false;
	while (k->n_levels > 0 && at < w->len) {
		uint64_t win_at = at > from + 2 ? at - 2 : from;
		size_t size = !in_file ? SIZE_MAX : at == from ? WALK_FIRST : WALK_WINDOW;
		struct slice win;
		uint64_t next;

		if (spool_read(w->message, win_at, size, &win, w->err) < 0)
			return -1;
		*ret_found = walk_window(k, win, win_at, at, ret, &next);
		if (*ret_found)
			return 0;
		at = next;
	}
	return 0;
}

/* ---- all ---- */

/* Levels above `keep` end at `end`. One in which no part was found is text, whatever it said. */
static void
walk_pop(struct walker *k, size_t keep, uint64_t end)
{
	while (k->n_levels > keep) {
		struct level *l = &k->level[--k->n_levels];

		l->node->end = end > l->node->body ? end : l->node->body;
		if (l->children > 0)
			continue;
		l->node->kind = NODE_LEAF;
		l->node->whole = false;
		l->node->type = "text/plain";
		l->node->childless = true;
		k->w->n_leaves++;
	}
}

static void
walk_end_leaf(struct walker *k, uint64_t end)
{
	if (k->leaf != NULL)
		k->leaf->end = end > k->leaf->body ? end : k->leaf->body;
	k->leaf = NULL;
}

/* One part more than there may be: all that is left is one. */
static int
walk_rest(struct walker *k, uint64_t at)
{
	struct part_node *n = walk_node(k, at);

	if (n == NULL)
		return walk_full(k->w);
	n->whole = n->broken = true;
	n->type = "application/octet-stream";
	k->w->n_leaves++;
	walk_pop(k, 0, k->w->len);
	return 0;
}

static int
walk_parts(struct walker *k)
{
	uint64_t at = k->w->first->body;
	struct delimiter d = { 0 };
	bool found;

	for (;;) {
		if (walk_find(k, at, &d, &found) < 0)
			return -1;
		if (!found)
			break;
		walk_end_leaf(k, d.before);
		walk_pop(k, d.level + 1, d.before);
		struct level *l = &k->level[d.level];
		l->closed = l->closed || d.closes;
		at = d.after;
		if (d.closes)
			continue;
		l->children++;
		if (k->w->n_leaves + 1 >= PARTS_MAX || k->w->n_nodes >= WALK_NODES_MAX)
			return walk_rest(k, at);
		if (walk_entity(k, at, NULL, NULL) < 0)
			return -1;
		at = k->w->last->body;
	}
	walk_end_leaf(k, k->w->len);
	walk_pop(k, 0, k->w->len);
	return 0;
}

int
walk_run(struct walk *w, void (*header_seen)(void *arg, struct slice header), void *arg)
{
	struct walker k = { .w = w };

	buf_init(&k.scratch, PARTS_HEADER_MAX * 3);
	int done = walk_entity(&k, 0, header_seen, arg);
	if (done == 0)
		done = walk_parts(&k);
	buf_done(&k.scratch);
	return done;
}
