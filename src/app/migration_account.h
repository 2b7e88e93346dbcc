/* One row of a list: its servers, its options, its copy, and the line that tells of it. */
#ifndef APP_MIGRATION_ACCOUNT_H
#define APP_MIGRATION_ACCOUNT_H

#include "app/migration.h"
#include "engine/hosts.h"

enum { HOSTS_NAME_MAX = 320 };

/* "host:port" of the row's source (end 0) or destination (end 1), in lower case; false: it has none,
 * or it is not a URL, which migration_account tells. */
bool migration_host(const struct migration *m, size_t at, size_t end, char name[HOSTS_NAME_MAX]);
/* Copy it. The code of the account alone, or that of many->result.why when nothing was begun. */
int migration_account(const struct migration *m, size_t at, struct extract_many *many);
/* The line of the n-th account that has ended. Any thread may call. */
void migration_line(struct migration *m, size_t at, size_t n, int code, const struct extract_result *r);

#endif
