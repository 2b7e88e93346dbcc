/* Importing into a server needs the IMAP sink, which does not exist yet; what an import would read
 * can be looked at. */
#include "app/command.h"
#include "app/listing.h"

int
cmd_import(struct options *o, struct err *err)
{
	if (!o->dry_run)
		return err_set(err, ERR_USAGE,
		    "this version cannot write to a server yet; 'imex import %s --dry-run' lists "
		    "what would be imported, 'imex convert' makes other files of it",
		    o->word[0]);
	return listing_files(o, o->word[0], err);
}
