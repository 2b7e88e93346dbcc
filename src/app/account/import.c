#include "app/account/import.h"

#include <string.h>

#include "app/account/extract.h"

static int
import_many(const struct shelf_found *found, const char *wanted, struct err *err)
{
	struct buf names;

	buf_init(&names, 700);
	for (size_t i = 0; i < found->len; i++) {
		const struct shelf_place *p = &found->place[i];

		buf_printf(&names, "%s%s%s%s", i > 0 ? ", " : "", p->login, *p->host ? "@" : "",
		    p->host);
	}
	if (wanted)
		err_set(err, ERR_USAGE, "--account: there is no '%s'; there are: %s", wanted,
		    names.data ? names.data : "");
	else
		err_set(err, ERR_USAGE,
		    "there are %zu accounts, and each goes to one of its own: choose with "
		    "--account NAME from: %s",
		    found->len, names.data ? names.data : "");
	buf_done(&names);
	return -1;
}

static bool
import_is(const struct shelf_place *p, const char *name)
{
	size_t len = strlen(p->login);

	return strcmp(name, p->login) == 0 ||
	       (strncmp(name, p->login, len) == 0 && name[len] == '@' &&
		   strcmp(name + len + 1, p->host) == 0);
}

int
import_choose(const struct options *o, const struct shelf_found *found,
    const struct shelf_place **ret, struct err *err)
{
	if (!o->account && found->len == 1) {
		*ret = &found->place[0];
		return 0;
	}
	for (size_t i = 0; o->account && i < found->len; i++) {
		if (import_is(&found->place[i], o->account)) {
			*ret = &found->place[i];
			return 0;
		}
	}
	return import_many(found, o->account, err);
}

int
import_files(struct options *o, const char *path, const char *dest, const char *dir, bool retry,
    struct err *err)
{
	struct into into = { .command = "import", .dest = dest, .retry = retry };
	struct shelf_found found = { 0 };
	int rc;

	if (shelf_find(path, &found, err) < 0)
		return -1;
	into.all = o->account == NULL ? &found : NULL;
	rc = import_choose(o, &found, &into.from, err);
	if (rc == 0)
		rc = extract_account(o, dir, path, &into, NULL, err);
	shelf_found_done(&found);
	return rc;
}
