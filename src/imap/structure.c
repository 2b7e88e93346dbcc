/* First the value as it is written, lists in lists, then what it means: so a list that says
 * nonsense is still read to its end, and a wrong field spoils one part at most. Rejected: reading
 * part by part along the grammar, where the first deviation makes the whole response garbage. */
#include "imap/structure.h"

#include <string.h>

enum value_kind { VALUE_NIL, VALUE_STRING, VALUE_LIST };

struct value {
	enum value_kind kind;
	struct slice text;
	struct value *child, *next;
};

struct parse {
	struct lex *lex;
	size_t values, parts;
	bool over; /* a limit was reached: what is known is not all */
};

/* ---- as it is written ---- */

static void *
take(struct parse *p, size_t bytes)
{
	void *room = arena_take(p->lex->arena, bytes);

	p->over |= room == NULL;
	return room;
}

/* The rest of a list behind its parenthesis, however deep. */
static int
skip_list(struct lex *l, struct err *err)
{
	size_t depth = 1;

	while (depth > 0) {
		struct slice ignored;
		char c;

		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '(' || c == ')') {
			depth += c == '(' ? 1 : (size_t)-1;
			lex_take(l);
		} else if (lex_astring(l, &ignored, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_value(struct parse *p, int depth, struct value *ret, struct err *err);

/* Values that are over the limit are read and dropped. */
static int
read_list(struct parse *p, int depth, struct value *ret, struct err *err)
{
	struct value **end = &ret->child;

	if (depth > LEX_DEPTH_MAX)
		return skip_list(p->lex, err);
	ret->kind = VALUE_LIST;
	for (;;) {
		struct value dropped, *v = &dropped;
		bool close;

		if (lex_blanks(p->lex, err) < 0 || lex_accept(p->lex, ')', &close, err) < 0)
			return -1;
		if (close)
			return 0;
		if (p->values++ >= STRUCTURE_VALUES_MAX)
			p->over = true;
		else if ((v = take(p, sizeof(*v))) == NULL)
			v = &dropped;
		if (read_value(p, depth, v, err) < 0)
			return -1;
		if (v != &dropped) {
			*end = v;
			end = &v->next;
		}
	}
}

static int
read_value(struct parse *p, int depth, struct value *ret, struct err *err)
{
	bool open;

	*ret = (struct value){ .kind = VALUE_NIL };
	if (lex_accept(p->lex, '(', &open, err) < 0)
		return -1;
	if (open)
		return read_list(p, depth + 1, ret, err);
	if (lex_nstring(p->lex, &ret->text, err) < 0)
		return -1;
	if (ret->text.data != NULL)
		ret->kind = VALUE_STRING;
	return 0;
}

/* ---- what it means ---- */

static bool
is(const struct value *v, enum value_kind kind)
{
	return v != NULL && v->kind == kind;
}

/* Lower-case copy of a word of the type; "x-unknown" when it is none. */
static size_t
type_word(struct slice word, char *out)
{
	static const char none[] = "x-unknown";
	static const char token[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-";

	if (word.len == 0 || word.len > 64)
		word = slice_str(none);
	for (size_t i = 0; i < word.len; i++) {
		char c = word.data[i];

		out[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		if (out[i] == '\0' || strchr(token, out[i]) == NULL) {
			memcpy(out, none, sizeof(none) - 1);
			return sizeof(none) - 1;
		}
	}
	return word.len;
}

static const char *
type_of(struct parse *p, struct slice type, struct slice subtype)
{
	char text[2 * 64 + 1];
	size_t len = type_word(type, text);

	text[len++] = '/';
	len += type_word(subtype, text + len);

	const char *copy = arena_copy(p->lex->arena, (struct slice){ text, len });

	p->over |= copy == NULL;
	return copy;
}

static struct mime_param *
params_of(struct parse *p, const struct value *v)
{
	struct mime_param *first = NULL, **end = &first;

	if (!is(v, VALUE_LIST))
		return NULL;
	for (v = v->child; is(v, VALUE_STRING) && is(v->next, VALUE_STRING); v = v->next->next) {
		struct mime_param *param = take(p, sizeof(*param));

		if (param == NULL)
			break;
		*param = (struct mime_param){ .name = v->text, .value = v->next->text };
		*end = param;
		end = &param->next;
	}
	return first;
}

/* type subtype parameters id description encoding size ... */
static void
leaf_of(struct parse *p, const struct value *v, struct structure *ret)
{
	const struct value *field[7] = { 0 };
	size_t n = 0;

	for (v = v->child; v != NULL && n < 7; v = v->next)
		field[n++] = v;
	if (is(field[0], VALUE_STRING) && is(field[1], VALUE_STRING))
		ret->type = type_of(p, field[0]->text, field[1]->text);
	ret->param = params_of(p, field[2]);
	if (is(field[5], VALUE_STRING))
		ret->encoding = field[5]->text;
	ret->size_known = is(field[6], VALUE_STRING) && lex_number_of(field[6]->text, &ret->size);
}

static struct structure *part_of(struct parse *p, const struct value *v, int depth);

/* Parts, then the subtype, then parameters. NIL in place of a part has a number, too: it counts as
 * one where the subtype comes behind it. */
static void
multipart_of(struct parse *p, const struct value *v, int depth, struct structure *ret)
{
	const struct value *subtype = v->child, *stop;
	struct structure **end = &ret->child;

	while (subtype != NULL && subtype->kind != VALUE_STRING)
		subtype = subtype->next;
	stop = subtype;
	ret->multipart = true;
	for (v = v->child; v != stop && (stop != NULL || v->kind == VALUE_LIST); v = v->next) {
		struct structure *part = part_of(p, v, depth + 1);

		if (part == NULL)
			return;
		ret->parts += part->parts;
		*end = part;
		end = &part->next;
	}
	ret->type =
	    type_of(p, slice_str("multipart"), subtype ? subtype->text : slice_str("mixed"));
	ret->param = params_of(p, subtype ? subtype->next : NULL);
}

static struct structure *
part_of(struct parse *p, const struct value *v, int depth)
{
	struct structure *s;

	if (p->parts++ == STRUCTURE_PARTS_MAX)
		p->over = true;
	if (p->over || (s = take(p, sizeof(*s))) == NULL)
		return NULL;
	*s = (struct structure){ .type = "application/octet-stream", .parts = 1 };
	if (is(v->child, VALUE_LIST) && depth < STRUCTURE_DEPTH_MAX)
		multipart_of(p, v, depth, s);
	else
		leaf_of(p, v, s);
	return s;
}

int
structure_read(struct lex *l, const struct structure **ret, struct err *err)
{
	struct parse p = { .lex = l };
	struct structure *found = NULL;
	struct value v;

	*ret = NULL;
	if (read_value(&p, 0, &v, err) < 0)
		return -1;
	/* A message of which not even the type is told has no structure. */
	if (!p.over && (is(v.child, VALUE_LIST) ||
			   (is(v.child, VALUE_STRING) && is(v.child->next, VALUE_STRING))))
		found = part_of(&p, &v, 0);
	if (!p.over)
		*ret = found;
	return 0;
}

struct slice
structure_param(const struct structure *s, const char *name)
{
	for (const struct mime_param *p = s->param; p != NULL; p = p->next)
		if (slice_eq_nocase(p->name, name))
			return p->value;
	return (struct slice){ 0 };
}
