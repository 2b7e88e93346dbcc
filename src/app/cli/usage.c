#include "app/cli/usage.h"

#include <string.h>

enum { USAGE_WIDTH = 79, USAGE_INDENT = 27, USAGE_ARGS = 21 };

/* Octets of `args` that fit into the column: an option at the end is left to the command's own help. */
static int
usage_args(const char *args)
{
	size_t len = strlen(args);

	while (len > USAGE_ARGS) {
		while (len > 0 && strncmp(args + len, " --", 3) != 0)
			len--;
		if (len == 0)
			return USAGE_ARGS;
		if (len > USAGE_ARGS)
			len--;
	}
	return (int)len;
}

void
usage_program(struct buf *out)
{
	buf_add_str(out, "usage: imex COMMAND ... [options]\n\n"
	    "Copies a mailbox out of any IMAP server into files, or into another server.\n\n");
	for (size_t i = 0; i < command_count; i++)
		buf_printf(out, "  %-8s %-*.*s %s\n", command_table[i].name, USAGE_ARGS,
		    usage_args(command_table[i].args), command_table[i].args,
		    command_table[i].summary);
	buf_add_str(out,
	    "\n"
	    "SOURCE and DEST are imaps://user@host/ or imap://user@host/; % is written %25.\n"
	    "The password comes from --password-file, --password-command, IMEX_PASSWORD,\n"
	    "~/.netrc or a prompt; that of DEST from --dest-password-file and so on.\n"
	    "Example: imex extract imaps://anna@mail.example.org/ --to anna\n"
	    "'imex COMMAND --help' lists the options; 'man imex' tells everything.\n");
}

/* Words of `text` behind the column, in as many lines as it takes. */
static void
usage_fill(struct buf *out, const char *text)
{
	size_t column = USAGE_INDENT;

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, " ");

		if (column > USAGE_INDENT && column + 1 + len > USAGE_WIDTH) {
			buf_printf(out, "\n%*s", USAGE_INDENT, "");
			column = USAGE_INDENT;
		}
		if (column > USAGE_INDENT) {
			buf_add_byte(out, ' ');
			column++;
		}
		buf_add(out, at, len);
		column += len;
		at += len + (at[len] == ' ');
	}
	buf_add_byte(out, '\n');
}

static void
usage_option(struct buf *out, const struct option_row *row)
{
	size_t start = out->len, used;

	if (row->letter)
		buf_printf(out, "  -%c, --%s", row->letter, row->name);
	else
		buf_printf(out, "  --%s", row->name);
	if (row->arg)
		buf_printf(out, "%s%s", row->kind == OPT_EVERY ? "" : " ", row->arg);
	used = out->len - start;
	if (used + 1 < USAGE_INDENT)
		buf_printf(out, "%*s", (int)(USAGE_INDENT - used), "");
	else
		buf_printf(out, "\n%*s", USAGE_INDENT, "");
	usage_fill(out, row->help);
}

void
usage_command(const struct command *c, struct buf *out)
{
	buf_printf(out, "usage: imex %s %s [options]\n\n%s\n", c->name, c->args, c->text);
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].commands & c->bit) && option_table[i].help)
			usage_option(out, &option_table[i]);
	buf_printf(out, "\nExample:\n  %s\n", c->example);
}
