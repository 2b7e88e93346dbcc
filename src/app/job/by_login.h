/* Accounts of the state, to be found by what a source says of them. */
#ifndef APP_JOB_BY_LOGIN_H
#define APP_JOB_BY_LOGIN_H

#include "imap/url.h"
#include "state/state.h"

struct by_login {
	const struct account_rec **account; /* in the order of their logins and servers */
	size_t len;
};

void by_login_init(struct by_login *l, const struct account_rec *account, size_t n); /* borrowed */
void by_login_done(struct by_login *l);
const struct account_rec *
by_login_find(const struct by_login *l, const struct imap_url *url); /* NULL: none */

#endif
