/* See claim.h. A run that was killed leaves lines with pointers into our own secondary files, and records
 * that begin as records do; a power cut leaves NUL in them. Data of records may be anything, so of a
 * secondary file the start alone is judged. */
#include "store/exchange/claim.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/exchange/set.h"
#include "store/surplus.h"

enum { START_MAX = 12 };

static bool
starts_as_one_of(struct slice start, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(text[i]);

		if (memcmp(start.data, text[i], len < start.len ? len : start.len) == 0)
			return true;
	}
	return false;
}

static bool
is_torn(struct slice start, bool unclean)
{
	return unclean && memchr(start.data, '\0', start.len) != NULL;
}

/* ---- the primary file ---- */

static void
pri_name(const void *arg, unsigned number, char ret[GROWN_NAME_MAX])
{
	const struct exclaim *c = arg;
	char name[EXSET_NAME_MAX];

	exset_pri_name(c->number, name);
	grown_name(name, number, ret);
}

/* Behind a mark stand lines, which pri_look judges. */
static enum grown_claim
pri_claim(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	static const char *const head[] = { "! extracted " };

	(void)arg;
	return at > 0 || starts_as_one_of(start, head, 1) || is_torn(start, unclean)
		   ? GROWN_OURS
		   : GROWN_FOREIGN;
}

static bool
ends_with_pointer(const struct exclaim *c, struct slice end)
{
	size_t len = strlen(c->pointer);

	return end.len > len && memcmp(end.data + end.len - 2, ")\r", 2) == 0 &&
	       memmem(end.data, end.len, c->pointer, len) != NULL;
}

static bool
pri_line_is_ours(const void *arg, const struct surplus_line *line)
{
	static const char *const other[] = { "! extracted ", "! times are in the zone ",
		"! folder ", "MAILMESSAGE,", "Folder,Sender,To," };

	for (size_t i = 0; i < COUNT_OF(other); i++)
		if (surplus_starts(line, other[i]))
			return true;
	return !line->whole || ends_with_pointer(arg, line->end);
}

static int
pri_look(const void *arg, int fd, uint64_t at, bool unclean, bool *ret_ours, struct err *err)
{
	bool nul;

	if (surplus_look(fd, at, pri_line_is_ours, arg, ret_ours, &nul, err) < 0)
		return -1;
	*ret_ours |= unclean && nul;
	return 0;
}

/* ---- secondary files ---- */

static void
sec_name(const void *arg, unsigned number, char ret[GROWN_NAME_MAX])
{
	const struct exclaim *c = arg;
	char name[EXSET_NAME_MAX];

	exset_sec_name(c->number, number, name);
	(void)snprintf(ret, GROWN_NAME_MAX, "%s", name);
}

static enum grown_claim
sec_claim(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	static const char *const head[] = { "Type,Length," };
	static const char *const record[] = { "Body,", "Attachment,", "Other," };

	(void)arg;
	return (at == 0 ? starts_as_one_of(start, head, 1) : starts_as_one_of(start, record, 3)) ||
			       is_torn(start, unclean)
		   ? GROWN_OURS
		   : GROWN_FOREIGN;
}

/* ---- both ---- */

void
exclaim_pri(struct exclaim *c, unsigned number)
{
	*c = (struct exclaim){ .number = number,
		.kind = { .name = pri_name,
		    .claim = pri_claim,
		    .look = pri_look,
		    .start_max = START_MAX,
		    .ask_surplus = true,
		    .arg = c } };
	(void)snprintf(c->pointer, sizeof c->pointer, "#%08u", number);
}

void
exclaim_sec(struct exclaim *c, unsigned number)
{
	*c = (struct exclaim){ .number = number,
		.kind = { .name = sec_name,
		    .claim = sec_claim,
		    .start_max = START_MAX,
		    .ask_surplus = true,
		    .arg = c } };
}
