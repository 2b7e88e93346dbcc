/* The work of `import` for one account, and of `retry` in a job that imports. */
#ifndef APP_ACCOUNT_IMPORT_H
#define APP_ACCOUNT_IMPORT_H

#include "app/cli/options.h"
#include "store/shelf.h"

/* Put what lies at `path` into the server `dest`; `dir` is the job directory. As extract_account. */
int import_files(struct options *o, const char *path, const char *dest, const char *dir, bool retry,
    struct err *err) WARN_UNUSED;
/* Which of the accounts that were found: --account, or the only one. ERR_USAGE lists them. */
int import_choose(const struct options *o, const struct shelf_found *found,
    const struct shelf_place **ret, struct err *err) WARN_UNUSED;

#endif
