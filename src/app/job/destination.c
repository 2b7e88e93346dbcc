#include "app/job/destination.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/values.h"
#include "app/job/jobdir.h"
#include "app/job/origin.h"
#include "app/users/password.h"
#include "base/mem.h"
#include "imap/extras.h"
#include "mail/names.h"

static bool
usual_port(const struct imap_url *u)
{
	return strcmp(u->port, u->tls ? "993" : "143") == 0;
}

static const char *
account_name(const struct imap_url *u, struct arena *a)
{
	return usual_port(u) ? arena_printf(a, "%s@%s", u->user, u->host)
			     : arena_printf(a, "%s@%s:%s", u->user, u->host, u->port);
}

/* --map A=B; a '=' in A is not possible, one in B is. */
static int
read_rules(struct destination *d, const struct options *o, struct err *err)
{
	struct mapping_rule *rule = arena_take(&d->arena, (o->maps.len + 1) * sizeof(*rule));

	if (rule == NULL)
		return err_set(err, ERR_USAGE, "too many --map");
	for (size_t i = 0; i < o->maps.len; i++) {
		const char *text = o->maps.item[i], *equal = strchr(text, '=');

		if (!value_map(text))
			return err_set(err, ERR_USAGE,
			    "--map: '%s' is not accepted; it is FOLDER=FOLDER, as --map "
			    "'Sent Items=Sent'",
			    text);
		rule[i].from =
		    arena_copy(&d->arena, (struct slice){ text, (size_t)(equal - text) });
		rule[i].to = equal + 1;
		if (rule[i].from == NULL)
			return err_set(err, ERR_USAGE, "--map: too much text");
	}
	d->dest.rules = (struct mapping_rules){ .rule = rule,
		.n_rules = o->maps.len,
		.prefix = o->prefix,
		.under = o->under };
	return 0;
}

int
destination_open(struct destination *d, struct options *o, const char *dest, struct err *err)
{
	*d = (struct destination){ 0 };
	arena_init(&d->arena, 1024 * 1024);
	if (imap_url_parse(dest, &d->arena, &d->url, err) < 0)
		return err_wrap(err, "DEST");
	d->account = account_name(&d->url, &d->arena);
	if (d->account == NULL)
		return err_set(err, ERR_USAGE, "DEST is too long");
	d->again = mem_new(sizeof(*d->again));
	if (read_rules(d, o, err) < 0 || password_again_begin(d->again, o, PASSWORD_DEST, err) < 0 ||
	    password_get(o, PASSWORD_DEST, &d->url, &d->password, &d->password_from, err) < 0)
		return -1;
	d->dest.server = (struct endpoint){
		.account = d->url.user,
		.login = d->url.user,
		.host = d->url.host,
		.port = d->url.port,
		.by = options_route(o),
		.tls = d->url.tls                 ? TLS_FROM_START
		       : o->dest_insecure_plaintext ? TLS_NONE
						    : TLS_STARTTLS,
		.trust = { .ca_file = o->dest_tls_ca,
		    .pin = o->dest_tls_pin,
		    .insecure = o->dest_insecure_tls,
		    .dest = true },
		.compress = o->dest_compress,
		.auth = (enum auth)o->dest_auth,
		.admin = o->dest_auth_user,
		.secret = d->password,
		.again = { password_again, d->again },
		.needs_uids = true,
		.timeout_ms = o->timeout_ms,
	};
	d->dest.doubt_wait_ms = o->doubt_wait_ms;
	d->dest.delete_extra = o->delete_extra;
	d->dest.spool_dir = o->spool;
	d->dest.extras = (o->acl ? EXTRA_ACL : 0) | (o->metadata ? EXTRA_METADATA : 0) |
			 (o->quota ? EXTRA_QUOTA : 0);
	d->insecure = o->dest_insecure_tls;
	return 0;
}

bool
destination_failed(const struct err *err)
{
	return strncmp(err->text, "destination", 11) == 0;
}

void
destination_done(struct destination *d)
{
	secret_free(d->password);
	d->password = NULL;
	free(d->again);
	d->again = NULL;
	arena_done(&d->arena);
}

int
destination_check(struct options *o, const char *dest, struct err *err)
{
	struct imap_url url;

	return imap_url_parse(dest, &o->arena, &url, err) < 0 ? err_wrap(err, "DEST") : 0;
}

/* ---- many accounts ---- */

static void
put_login(struct buf *out, const char *login)
{
	for (const char *at = login; *at; at++) {
		if ((unsigned char)*at <= ' ' || strchr("%/:\"\\\x7f", *at))
			buf_printf(out, "%%%02X", (unsigned char)*at);
		else
			buf_add_byte(out, *at);
	}
}

const char *
destination_url(const char *dest, const char *login, struct arena *a)
{
	const char *ret, *mark;
	struct buf out;

	buf_init(&out, 64 * 1024);
	for (; (mark = strstr(dest, "%u")) != NULL; dest = mark + 2) {
		buf_add(&out, dest, (size_t)(mark - dest));
		put_login(&out, login);
	}
	buf_add_str(&out, dest);
	ret = out.full ? NULL : arena_copy(a, buf_slice(&out));
	buf_done(&out);
	return ret;
}

const char *
destination_name(const char *dest, const char *login, struct arena *a)
{
	const char *text = destination_url(dest, login, a), *name = NULL;
	struct imap_url url;
	struct err ignored;

	if (text != NULL && imap_url_parse(text, a, &url, &ignored) == 0)
		name = account_name(&url, a);
	return name != NULL ? name : dest;
}

/* A port that is neither the usual one nor the other's may be another server. */
bool
destination_is(const struct destination *d, const struct imap_url *source)
{
	bool ports = strcmp(d->url.port, source->port) == 0 ||
		     (usual_port(&d->url) && usual_port(source));

	return ports && strcmp(d->url.user, source->user) == 0 &&
	       strcmp(d->url.host, source->host) == 0;
}

/* ---- in the state ---- */

int
destination_differs(const char *was, const char *now, struct err *err)
{
	return err_set(err, ERR_OTHER_JOB,
	    "the job was begun with the destination '%s', not '%s': use another directory", was,
	    now);
}

int
destination_of_job(struct options *o, const char *dir, const char **ret, struct err *err)
{
	AUTO(mem_free_str) char *was = NULL;
	struct state *t = NULL;
	int rc;

	*ret = NULL;
	if (!jobdir_has_state(dir))
		return 0;
	if (state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = state_note_get(t, "dest", &was, err);
	if (rc == 0 && was != NULL) {
		*ret = arena_copy(&o->arena, slice_str(was));
		if (*ret == NULL)
			rc = err_set(err, ERR_CONFIG, "too many options");
	}
	state_close(&t);
	return rc;
}

int
destination_holds_mail(struct options *o, const char *dir, struct err *err)
{
	const char *mail = arena_printf(&o->arena, "%s/mail", dir), *dest;
	struct err ignored;

	/* Where mail lies the state is left alone: to open it would make files beside it. */
	if (mail == NULL || access(mail, F_OK) == 0)
		return 0;
	/* Files of a job whose state is damaged can be read by their sidecars. */
	if (destination_of_job(o, dir, &dest, &ignored) < 0 || dest == NULL)
		return 0;
	return err_set(err, ERR_NO_INPUT, "'%s' holds no mail: its job copies into the server '%s'",
	    dir, dest);
}

int
destination_import_dir(
    struct arena *a, const char *dir, const char *dest, const char **ret, struct err *err)
{
	struct imap_url url;
	struct buf name;

	if (imap_url_parse(dest, a, &url, err) < 0)
		return err_wrap(err, "DEST");
	buf_init(&name, 4096);
	account_dir(slice_str(url.user), url.host, url.port, &name);
	*ret = arena_printf(a, "%s/import/%s", dir, name.data);
	buf_done(&name);
	return *ret == NULL ? err_set(err, ERR_USAGE, "DIR is too long") : 0;
}
