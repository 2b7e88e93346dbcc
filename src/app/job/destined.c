#include "app/job/destined.h"

#include <stdlib.h>
#include <string.h>

#include "app/job/destination.h"
#include "app/job/origin.h"
#include "base/mem.h"

static const char own_prefix[] = "dest/";

static const char *
own_key(const char *login, const char *host, const char *port, struct arena *a)
{
	return arena_printf(a, "%s%s@%s:%s", own_prefix, login, host, port);
}

int
destined_read(struct destined *d, struct state *t, struct arena *a, struct err *err)
{
	AUTO(mem_free_str) char *dest = NULL;

	*d = (struct destined){ 0 };
	if (state_note_get(t, "dest", &dest, err) < 0)
		return -1;
	if (dest == NULL)
		return 0;
	d->dest = arena_copy(a, slice_str(dest));
	if (d->dest == NULL)
		return err_set(err, ERR_CONFIG, "the destination of the job does not fit into memory");
	return *dest != '\0' ? 0 : state_notes(t, own_prefix, a, &d->own, &d->n_own, err);
}

static int
key_order(const void *key, const void *note)
{
	return strcmp(key, ((const struct job_note *)note)->key);
}

const char *
destined_url(const struct destined *d, const char *login, const char *host, const char *port,
    struct arena *a)
{
	const struct job_note *note;
	const char *key;

	if (d->dest == NULL)
		return NULL;
	if (*d->dest != '\0')
		return destination_url(d->dest, login, a);
	key = own_key(login, host, port, a);
	note = key == NULL || d->n_own == 0
		   ? NULL
		   : bsearch(key, d->own, d->n_own, sizeof(*d->own), key_order);
	return note != NULL ? note->value : NULL;
}

const char *
destined_name(const struct destined *d, const char *login, const char *host, const char *port,
    struct arena *a)
{
	const char *url = destined_url(d, login, host, port, a);

	return url != NULL ? destination_name(url, login, a) : NULL;
}

static bool
same_account(const char *was, const struct imap_url *now)
{
	struct arena a;
	struct imap_url url;
	struct err ignored;
	bool same;

	arena_init(&a, 64 * 1024);
	same = imap_url_parse(was, &a, &url, &ignored) == 0 &&
	       origin_same(now, url.user, url.host, url.port);
	arena_done(&a);
	return same;
}

/* One note: it is as it was, or was not there. */
static int
keep_note(struct state *t, const char *key, const char *dest, const struct imap_url *url,
    struct err *err)
{
	AUTO(mem_free_str) char *was = NULL;

	if (state_note_get(t, key, &was, err) < 0)
		return -1;
	if (was != NULL && strcmp(was, dest) == 0)
		return 0;
	if (was != NULL && *was == '\0')
		return err_set(err, ERR_OTHER_JOB,
		    "each account of this job has a destination of its own, from a list of users: use "
		    "another directory");
	if (was != NULL && (url == NULL || !same_account(was, url)))
		return destination_differs(was, *dest ? dest : "one for each account", err);
	return state_note_set(t, key, dest, err);
}

int
destined_keep(struct state *t, const char *dest, const struct imap_url *url, struct err *err)
{
	return keep_note(t, "dest", dest, url, err);
}

int
destined_keep_own(struct state *t, const struct imap_url *source, const char *dest,
    const struct imap_url *url, struct err *err)
{
	struct arena a;
	const char *key;
	int rc;

	arena_init(&a, 64 * 1024);
	key = own_key(source->user, source->host, source->port, &a);
	rc = key == NULL ? err_set(err, ERR_USAGE, "the login is too long")
			 : keep_note(t, "dest", "", NULL, err);
	if (rc == 0 && (rc = keep_note(t, key, dest, url, err)) < 0 && err->kind == ERR_OTHER_JOB) {
		const struct err why = *err;

		(void)err_set(err, ERR_OTHER_DEST, "%s", why.text);
	}
	arena_done(&a);
	return rc;
}

bool
destined_note(const struct imap_url *source, const char *dest, struct arena *a, struct job_note *ret)
{
	ret->key = own_key(source->user, source->host, source->port, a);
	ret->value = arena_copy(a, slice_str(dest));
	return ret->key != NULL && ret->value != NULL;
}
