#include "store/format.h"


#include "store/shelf.h"
#include "store/sink.h"
#include "store/tree.h"

static const struct {
	const char *name;
	const struct sink_ops *sink;
	const struct shelf_ops *shelf;
	const struct tree_ops *tree;
} formats[FORMATS] = {
	[FORMAT_MAILDIR] = { "maildir", &sink_maildir, &shelf_maildir, &tree_maildir },
	[FORMAT_MBOX] = { "mbox", &sink_mbox, &shelf_mbox, &tree_mbox },
	[FORMAT_EML] = { "eml", &sink_eml, &shelf_eml, &tree_eml },
	[FORMAT_EXCHANGE] = { "exchange", &sink_exchange, &shelf_exchange, &tree_exchange },
};

const char *
format_name(enum format f)
{
	return formats[f].name;
}

const struct sink_ops *
format_sink(enum format f)
{
	return formats[f].sink;
}

const struct shelf_ops *
format_shelf(enum format f)
{
	return formats[f].shelf;
}

const struct tree_ops *
format_tree(enum format f)
{
	return formats[f].tree;
}
