#include "app/run/order_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/cli/values.h"
#include "base/buf.h"

void
order_name_text(const struct order_name *n, bool port, char ret[ORDER_NAME_MAX])
{
	snprintf(ret, ORDER_NAME_MAX, "%s@%s%s%s", n->login, n->host, port ? ":" : "",
	    port ? n->port : "");
}

/* "anna", "anna@host", "anna@host:port". */
static bool
name_is(const struct order_name *n, const char *text)
{
	size_t len = strlen(n->login);
	char name[ORDER_NAME_MAX];

	if (strncmp(text, n->login, len) != 0)
		return false;
	if (text[len] == '\0' || (text[len] == '@' && strcasecmp(text + len + 1, n->host) == 0))
		return true;
	order_name_text(n, true, name);
	return strcasecmp(text, name) == 0;
}

/* Several servers have the login. */
static void
name_ambiguous(const struct order_names *l, const char *text, size_t found, struct order_answer *a)
{
	struct buf list;
	size_t told = 0;

	buf_init(&list, ORDER_TEXT_MAX / 2);
	for (size_t i = 0; i < l->n && told < ORDER_NAMES_TOLD; i++) {
		char name[ORDER_NAME_MAX];

		if (!name_is(&l->name[i], text))
			continue;
		order_name_text(&l->name[i], true, name);
		(void)buf_printf(&list, "%s%s", told++ > 0 ? ", " : "", name);
	}
	a->code = EXIT_USAGE;
	snprintf(a->text, sizeof(a->text), "'%.200s' may be %s%s: say which", text,
	    list.len > 0 ? list.data : "several", found > told ? " and others" : "");
	buf_done(&list);
}

static void
name_unknown(const struct order_names *l, const char *text, struct order_answer *a)
{
	struct nearest near;

	nearest_init(&near, text);
	for (size_t i = 0; i < l->n; i++)
		nearest_try(&near, l->name[i].login);
	a->code = EXIT_NO_INPUT;
	snprintf(a->text, sizeof(a->text),
	    "this run has no account '%.200s'; did you mean '%.200s'?", text,
	    near.best ? near.best : "");
}

bool
order_names_find(const struct order_names *l, const char *text, size_t *ret, struct order_answer *a)
{
	size_t found = 0;

	for (size_t i = 0; i < l->n; i++)
		if (name_is(&l->name[i], text) && found++ == 0)
			*ret = i;
	if (found == 0)
		name_unknown(l, text, a);
	else if (found > 1)
		name_ambiguous(l, text, found, a);
	return found == 1;
}
