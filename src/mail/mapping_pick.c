#include "mail/mapping_pick.h"

#include <string.h>

#include "base/json.h"
#include "mail/mapping_name.h"
#include "mail/names.h"

enum { NAME_MAX_GIVEN = 64 * 1024 };

/* ---- rules ---- */

/* Text of a name from the command line; `open`: a '/' may be its end. */
static int
check_name(const char *option, const char *name, bool open, struct err *err)
{
	size_t len = strlen(name);

	if (!utf8_valid(slice_str(name)))
		return err_set(err, ERR_USAGE, "%s: the folder name is not UTF-8", option);
	if (len > NAME_MAX_GIVEN)
		return err_set(err, ERR_USAGE, "%s: the folder name is too long", option);
	if (len == 0 || name[0] == '/' || strstr(name, "//") || (!open && name[len - 1] == '/'))
		return err_set(err, ERR_USAGE,
		    "%s: '%s' is no folder name: levels are divided by one '/' and none is empty",
		    option, name);
	return 0;
}

int
pick_check(const struct mapping_rules *r, struct err *err)
{
	for (size_t i = 0; i < r->n_rules; i++)
		if (check_name("--map", r->rule[i].from, false, err) < 0 ||
		    check_name("--map", r->rule[i].to, false, err) < 0)
			return -1;
	if (r->prefix != NULL && check_name("--prefix", r->prefix, true, err) < 0)
		return -1;
	return r->under != NULL ? check_name("--under", r->under, false, err) : 0;
}

/* Octets of `text` whose levels read as `from`; 0: they do not. A '/' in a level is one as well:
 * people write what they see. */
static size_t
rule_matches(const char *from, struct slice text)
{
	size_t len = strlen(from), start = 0;

	if (text.len < len || (text.len > len && text.data[len] != LEVEL_SEP))
		return 0;
	if (len >= 5 && slice_eq_nocase((struct slice){ from, 5 }, "INBOX") &&
	    slice_eq_nocase((struct slice){ text.data, 5 }, "INBOX") &&
	    (from[5] == '\0' || from[5] == '/'))
		start = 5;
	for (size_t i = start; i < len; i++)
		if (from[i] != text.data[i] && !(from[i] == '/' && text.data[i] == LEVEL_SEP))
			return 0;
	return len;
}

/* The name as the server has it, prefix and all, may be written too, but not the prefix alone:
 * INBOX on a server with "INBOX." is INBOX, not everything. */
static size_t
rule_matches_whole(const char *from, const struct folder *f, struct slice text)
{
	size_t len = f->prefix.len;

	if (len < 2 || f->prefix.data[len - 1] != f->delim || strlen(from) <= len ||
	    from[len - 1] != '/')
		return 0;
	for (size_t i = 0; i + 1 < len; i++)
		if (from[i] != f->prefix.data[i] &&
		    !(from[i] == '/' && f->prefix.data[i] == f->delim))
			return 0;
	return rule_matches(from + len, text);
}

const struct mapping_rule *
pick_rule(const struct mapping_rules *r, const struct folder *f, bool own, struct slice text,
    size_t *ret_matched)
{
	const struct mapping_rule *best = NULL;
	size_t longest = 0;

	for (size_t k = 0; k < r->n_rules; k++) {
		const char *from = r->rule[k].from;
		size_t len = rule_matches(from, text);

		if (len == 0 && own)
			len = rule_matches_whole(from, f, text);
		if (len > longest) {
			longest = len;
			best = &r->rule[k];
		}
	}
	*ret_matched = longest;
	return best;
}

/* INBOX itself is never taken for a name behind the prefix. */
void
pick_text(const struct folder *f, struct buf *out, bool *ret_own, unsigned *io_why)
{
	struct slice rest = f->name;

	*ret_own = f->prefix.len > 0 && rest.len >= f->prefix.len &&
		   memcmp(rest.data, f->prefix.data, f->prefix.len) == 0 &&
		   !slice_eq_nocase(f->name, "INBOX");
	if (*ret_own) {
		rest.data += f->prefix.len;
		rest.len -= f->prefix.len;
	}
	text_of_wire(rest, f->delim, out, io_why);
}

static bool
rule_finds(const char *from, const struct folder *source, size_t n, struct buf *scratch)
{
	for (size_t i = 0; i < n; i++) {
		unsigned why = 0;
		bool own;

		buf_reset(scratch);
		pick_text(&source[i], scratch, &own, &why);
		if (rule_matches(from, buf_slice(scratch)) > 0 ||
		    (own && rule_matches_whole(from, &source[i], buf_slice(scratch)) > 0))
			return true;
	}
	return false;
}

bool
mapping_unmatched(
    const struct mapping_rules *rules, const struct folder *source, size_t n, struct buf *out)
{
	struct buf scratch;
	bool any = false;

	buf_init(&scratch, WIRE_NAME_MAX);
	for (size_t k = 0; k < rules->n_rules; k++) {
		const struct mapping_rule *r = &rules->rule[k];

		if (rule_finds(r->from, source, n, &scratch))
			continue;
		(void)buf_printf(out, "%s'%s=%s'",
		    any ? ", " : "the source has no folder for --map ", r->from, r->to);
		any = true;
	}
	buf_done(&scratch);
	return any;
}

/* ---- special use ---- */

bool
pick_has_use(const struct folder *f, struct slice use)
{
	const char *at = f->special_use;

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, " ");

		if (name_twins((struct slice){ at, len }, use))
			return true;
		at += len + (at[len] == ' ');
	}
	return false;
}

const struct folder *
pick_target(const struct mapping_side *t, struct slice use)
{
	const struct folder *one = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const struct folder *f = &t->folder[i];

		if (f->attrs & (FOLDER_NOSELECT | FOLDER_OTHER_USERS | FOLDER_SHARED) ||
		    !pick_has_use(f, use) || slice_eq_nocase(f->name, "INBOX") ||
		    memchr(f->name.data, '\0', f->name.len) != NULL)
			continue;
		if (one != NULL)
			return NULL;
		one = f;
	}
	return one;
}
