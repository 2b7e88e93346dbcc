/* The value of one option as text and in its field of struct options, by the kind of its row. */
#ifndef APP_CLI_OPTION_VALUE_H
#define APP_CLI_OPTION_VALUE_H

#include "app/cli/options.h"

/* Where the row's value is; of the type that its kind says. */
void *option_field(struct options *o, const struct option_row *row);
/* Text into the field; lists grow by one. NULL: of what may stand alone (a flag). ERR_USAGE: the
 * text says what is accepted, and neither the option nor the value. */
int option_store(struct options *o, const struct option_row *row, const char *value,
    struct err *err) WARN_UNUSED;
/* The value as text that option_store takes again; for lists, item `index`. False: no (more) value.
 */
bool
option_text(const struct options *o, const struct option_row *row, size_t index, struct buf *ret);

#endif
