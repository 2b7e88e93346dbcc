/* What speaks for a folder on its way to another server: a rule of the command line, or its special
 * use. Texts as in mapping_name.h. */
#ifndef MAIL_MAPPING_PICK_H
#define MAIL_MAPPING_PICK_H

#include "mail/mapping.h"

/* ERR_USAGE: a name that is none. */
int pick_check(const struct mapping_rules *r, struct err *err) WARN_UNUSED;
/* The rule with the longest `from` that stands for the folder or one above it, and how many octets
 * of `text` that is; NULL and 0: none. `own`: text is behind the personal prefix. */
const struct mapping_rule *pick_rule(const struct mapping_rules *r, const struct folder *f,
    bool own, struct slice text, size_t *ret_matched);
/* The name's levels, appended to `out`; *ret_own: without the personal prefix that it had. *io_why
 * gets the reasons for which they are not the name itself (mapping_name.h). */
void pick_text(const struct folder *f, struct buf *out, bool *ret_own, unsigned *io_why);
bool pick_has_use(const struct folder *f, struct slice use);
/* The one folder of the target with this use; NULL: none, or several. */
const struct folder *pick_target(const struct mapping_side *t, struct slice use);

#endif
