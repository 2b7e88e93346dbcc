#include "app/job/origin.h"

#include <stdlib.h>
#include <string.h>

#include "app/job/birth.h"
#include "app/users/password.h"
#include "base/clock.h"
#include "base/mem.h"

static bool
origin_usual_port(const struct imap_url *u)
{
	return strcmp(u->port, u->tls ? "993" : "143") == 0;
}

int
origin_open(struct origin *g, struct options *o, const char *source, struct err *err)
{
	*g = (struct origin){ 0 };
	arena_init(&g->arena, 64 * 1024);
	if (imap_url_parse(source, &g->arena, &g->url, err) < 0)
		return -1;
	g->host = g->url.host;
	g->port = g->url.port;
	origin_place(o, g->url.tls, &g->arena, &g->host, &g->port);
	g->account =
	    origin_usual_port(&g->url)
		? arena_printf(&g->arena, "%s@%s", g->url.user, g->url.host)
		: arena_printf(&g->arena, "%s@%s:%s", g->url.user, g->url.host, g->url.port);
	if (!g->account)
		return err_set(err, ERR_USAGE, "SOURCE is too long");
	g->again = mem_new(sizeof(*g->again));
	if (password_again_begin(g->again, o, PASSWORD_SOURCE, err) < 0)
		return -1;
	return password_get(o, PASSWORD_SOURCE, &g->url, &g->password, &g->password_from, err);
}

void
origin_place(const struct options *o, bool tls, struct arena *a, const char **io_host, const char **io_port)
{
	struct err ignored;

	if (o->source_host != NULL)
		(void)!imap_place_parse(o->source_host, tls, a, io_host, io_port, &ignored);
}

void
origin_done(struct origin *g)
{
	secret_free(g->password);
	g->password = NULL;
	free(g->again);
	g->again = NULL;
	arena_done(&g->arena);
}

bool
origin_same(const struct imap_url *a, const char *login, const char *host, const char *port)
{
	return strcmp(a->user, login) == 0 && strcmp(a->host, host) == 0 &&
	       strcmp(a->port, port) == 0;
}

static bool
name_is(const char *account, const char *login, const char *host)
{
	size_t len = strlen(login);

	return strncmp(account, login, len) == 0 &&
	       (account[len] == '\0' || (account[len] == '@' && strcmp(account + len + 1, host) == 0));
}

bool
origin_is(const char *source, const char *account)
{
	struct imap_url url;
	struct err ignored;
	struct arena a;
	bool same = false;

	arena_init(&a, 64 * 1024);
	if (imap_url_parse(source, &a, &url, &ignored) == 0) {
		const char *host = arena_printf(&a, "%s:%s", url.host, url.port);

		same = name_is(account, url.user, url.host) ||
		       (host != NULL && name_is(account, url.user, host));
	}
	arena_done(&a);
	return same;
}

static enum tls_mode
origin_tls(const struct origin *g, const struct options *o)
{
	if (g->url.tls)
		return TLS_FROM_START;
	return o->insecure_plaintext ? TLS_NONE : TLS_STARTTLS;
}

void
origin_job(const struct origin *g, const struct options *o, struct job *ret)
{
	ret->source = (struct endpoint){
		.account = g->url.user,
		.login = g->url.user,
		.host = g->host,
		.port = g->port,
		.known_host = g->url.host,
		.known_port = g->url.port,
		.by = options_route(o),
		.tls = origin_tls(g, o),
		.trust = { .ca_file = o->tls_ca, .pin = o->tls_pin, .insecure = o->insecure_tls },
		.compress = o->compress,
		.auth = (enum auth)o->auth,
		.admin = o->auth_user,
		.secret = g->password,
		.again = { password_again, g->again },
		.timeout_ms = o->timeout_ms,
	};
	origin_options(o, ret);
	ret->no_source_writes = o->no_source_writes;
	ret->list_all = o->list_all;
	ret->mirror = o->mirror;
	ret->connections = o->connections;
	/* That of the watch stays beside those that copy. */
	ret->per_host = o->per_host - (o->watch && o->per_host > 1);
	ret->insecure_told = o->insecure_tls;
}

bool
origin_folders_said(const struct options *o)
{
	return o->folders.len > 0 || o->excludes.len > 0 || o->subscribed;
}

void
origin_options(const struct options *o, struct job *ret)
{
	ret->selection = (struct selection){
		.folders = o->folders.item,
		.n_folders = o->folders.len,
		.excludes = o->excludes.item,
		.n_excludes = o->excludes.len,
		.subscribed = o->subscribed,
		.unseen = o->unseen,
		.min_size = o->min_size,
		.max_size = o->max_size,
		.search = o->search,
		.first = o->first.item,
		.n_first = o->first.len,
		.other_users = (o->namespaces & NAMESPACE_OTHER) != 0,
		.shared = (o->namespaces & NAMESPACE_SHARED) != 0,
	};
	birth_window(o, &ret->selection);
	ret->format = (enum format)o->format;
	ret->writing = (struct writing){ .keep_crlf = o->eol == EOL_CRLF,
		.windows_names = o->windows_names,
		.mbox_status = o->mbox_status,
		.full_source = o->full_source,
		.drafts_by_flag = o->drafts_by_flag,
		.codepage = o->codepage,
		.zone = clock_zone_name(),
		.smtp_address = o->smtp_address,
		.ex_mailbox = o->ex_mailbox };
	ret->no_subjects = o->no_subjects;
	ret->max_per_day = o->max_per_day;
}
