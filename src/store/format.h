/* The formats of stored mail, and who writes, reads and checks each. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H


enum format { FORMAT_MAILDIR, FORMAT_MBOX, FORMAT_EML, FORMAT_EXCHANGE, FORMATS };

struct sink_ops;
struct shelf_ops;
struct tree_ops;

const char *format_name(enum format f);		/* "maildir", as --format takes it */
const struct sink_ops *format_sink(enum format f);
const struct shelf_ops *format_shelf(enum format f);
const struct tree_ops *format_tree(enum format f);

#endif
