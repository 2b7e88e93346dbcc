#include "app/job/handing.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/values.h"
#include "store/handed.h"

enum { GROUPS_MAX = 1024 };

static bool
number_of(const char *text, unsigned *ret)
{
	uint64_t n;

	/* The last one stands for "leave it" (chown(2)). */
	if (!value_number(text, UINT32_MAX - 1, &n))
		return false;
	*ret = (unsigned)n;
	return true;
}

/* A user without an entry has the group of its number, if none is named. */
static int
owner_user(const char *name, struct handing *ret, struct err *err)
{
	const struct passwd *p = getpwnam(name);
	unsigned n;

	if (p) {
		ret->uid = p->pw_uid;
		ret->gid = p->pw_gid;
		return 0;
	}
	if (!number_of(name, &n))
		return err_set(err, ERR_CONFIG, "--owner: there is no user '%s' on this machine", name);
	p = getpwuid(n);
	ret->uid = n;
	ret->gid = p ? p->pw_gid : n;
	return 0;
}

static int
owner_group(const char *name, struct handing *ret, struct err *err)
{
	const struct group *g = getgrnam(name);
	unsigned n;

	if (g)
		ret->gid = g->gr_gid;
	else if (number_of(name, &n))
		ret->gid = n;
	else
		return err_set(err, ERR_CONFIG, "--owner: there is no group '%s' on this machine", name);
	return 0;
}

static bool
group_is_ours(gid_t gid)
{
	static gid_t list[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, list);

	for (int i = 0; i < n; i++)
		if (list[i] == gid)
			return true;
	return gid == getegid();
}

static int
owner_read(const char *text, struct handing *ret, struct err *err)
{
	char user[256];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len == 0 || len >= sizeof(user) || (colon && (colon[1] == '\0' || strchr(colon + 1, ':'))))
		return err_set(err, ERR_USAGE,
		    "--owner '%s': USER or USER:GROUP is expected, as vmail:vmail", text);
	memcpy(user, text, len);
	user[len] = '\0';
	if (owner_user(user, ret, err) < 0 || (colon && owner_group(colon + 1, ret, err) < 0))
		return -1;
	ret->owned = true;
	if (geteuid() != 0 && (ret->uid != geteuid() || !group_is_ours(ret->gid)))
		return err_set(err, ERR_CONFIG,
		    "--owner '%s': only root may hand files to somebody else; run imex as root, or hand "
		    "them over afterwards with chown -R", text);
	return 0;
}

int
handing_settle(const struct options *o, struct err *err)
{
	struct handing h = { .files = 0600 };

	if (o->owner && owner_read(o->owner, &h, err) < 0)
		return -1;
	if (option_given(o, &o->mode)) {
		h.moded = true;
		h.files = (mode_t)o->mode;
	}
	handing_set(&h);
	return 0;
}
