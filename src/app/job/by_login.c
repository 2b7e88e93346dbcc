#include "app/job/by_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int
login_order(const void *a, const void *b)
{
	const struct account_rec *x = *(const struct account_rec *const *)a;
	const struct account_rec *y = *(const struct account_rec *const *)b;
	int order = strcmp(x->login, y->login);

	if (order == 0)
		order = strcmp(x->host, y->host);
	return order != 0 ? order : strcmp(x->port, y->port);
}

void
by_login_init(struct by_login *l, const struct account_rec *account, size_t n)
{
	l->account = mem_resize(NULL, n + 1, sizeof(*l->account));
	l->len = n;
	for (size_t i = 0; i < n; i++)
		l->account[i] = &account[i];
	qsort(l->account, l->len, sizeof(*l->account), login_order);
}

void
by_login_done(struct by_login *l)
{
	free(l->account);
}

const struct account_rec *
by_login_find(const struct by_login *l, const struct imap_url *url)
{
	const struct account_rec want = {
		.login = url->user, .host = url->host, .port = url->port
	};
	const struct account_rec *key = &want, **found = bsearch(&key, l->account, l->len,
						   sizeof(*l->account), login_order);

	return found != NULL ? *found : NULL;
}
