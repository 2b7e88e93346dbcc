/* The table of commands. Those of the design that do not exist yet are not listed: an unknown
 * command is told its nearest neighbour. */
#include "app/cli/command.h"

#include <string.h>

#include "app/cli/values.h"
#include "base/mem.h"

const struct command command_table[] = {
	{
		.name = "check", .bit = CMD_CHECK, .args = "SOURCE [DEST]", .min_words = 1, .max_words = 2,
		.summary = "log in, look, say what a run would do",
		.text =
		    "Logs in and prints what the server is, which folders and messages it has,\n"
		    "which form of FETCH works, and how long an extraction would take. With DEST,\n"
		    "logs in there too and prints where each folder would go.\n",
		.example = "imex check imaps://anna@mail.example.org/",
		.run = cmd_check,
	}, {
		.name = "extract", .bit = CMD_EXTRACT, .args = "SOURCE --to DIR",
		.min_words = 1, .max_words = 1,
		.summary = "copy all mail of an account into files",
		.text =
		    "Copies every folder, message, flag and date of an account into the job\n"
		    "directory DIR. The source is only read. Whenever it was stopped, the same\n"
		    "command goes on where it was; run it later again to fetch what is new.\n",
		.example = "imex extract imaps://anna@mail.example.org/ --to anna",
		.run = cmd_extract,
	}, {
		.name = "migrate", .bit = CMD_MIGRATE, .args = "SOURCE DEST --job DIR",
		.min_words = 2, .max_words = 2,
		.summary = "copy all mail into another server",
		.text =
		    "Copies every folder, message, flag and date of SOURCE into DEST, each message\n"
		    "exactly once. SOURCE is only read, and nothing is ever removed from DEST. DIR\n"
		    "keeps what is known and the reports. Whenever it was stopped, the same command\n"
		    "goes on where it was.\n",
		.example = "imex migrate imaps://ann@old.example/ imaps://ann@new.example/ --job ann",
		.run = cmd_migrate,
	}, {
		.name = "verify", .bit = CMD_VERIFY, .args = "DIR [SOURCE|DEST]",
		.min_words = 1, .max_words = 2,
		.summary = "prove that the stored mail is whole and equal",
		.text =
		    "Reads every stored message again and compares its SHA-256. With SOURCE,\n"
		    "compares folders, UIDs, sizes, flags and dates with the server; with --deep\n"
		    "the bytes too. Names every difference. A job that went to a server is compared\n"
		    "with that server, and with its source. With --users, every account of a list.\n"
		    "Copies that are lost are noted: imex retry brings them again.\n",
		.example = "imex verify anna imaps://anna@mail.example.org/",
		.run = cmd_verify,
	}, {
		.name = "retry", .bit = CMD_RETRY, .args = "DIR", .min_words = 1, .max_words = 1,
		.summary = "work again on what has no good verdict yet",
		.text =
		    "Runs an extraction again for the accounts of DIR that are not complete, with\n"
		    "the source and the options that are kept in DIR. Options given here win.\n",
		.example = "imex retry anna",
		.run = cmd_retry,
	}, {
		.name = "worker", .bit = CMD_WORKER, .args = "DIR [--users FILE]",
		.min_words = 1, .max_words = 1,
		.summary = "share the work of a run over a list",
		.text =
		    "Takes accounts of the list that extract or migrate was begun with in DIR, from\n"
		    "the same state, beside the run that goes on there and other workers, or alone\n"
		    "when it was stopped. Limits hold for all of them together.\n",
		.example = "imex worker company --users company.csv",
		.run = cmd_worker,
	}, {
		.name = "status", .bit = CMD_STATUS, .args = "DIR", .min_words = 1, .max_words = 1,
		.summary = "one line per account, also while a run goes on",
		.text = "Prints one line per account from the state in DIR alone.\n",
		.example = "imex status anna",
		.run = cmd_status,
	}, {
		.name = "job", .bit = CMD_JOB, .args = "DIR [WORD [ARGUMENT]]",
		.min_words = 1, .max_words = 3,
		.summary = "change a running job: pause, rate, stop ...",
		.text =
		    "Changes the run that goes on in DIR, without a restart: pause, resume,\n"
		    "rate SIZE, rate-per-account SIZE, stop [ACCOUNT], skip ACCOUNT. compact makes\n"
		    "the state smaller and backup FILE copies it, also when nothing runs. Without\n"
		    "a word, tells what is set.\n",
		.example = "imex job anna pause",
		.run = cmd_job,
	}, {
		.name = "report", .bit = CMD_REPORT, .args = "DIR", .min_words = 1, .max_words = 1,
		.summary = "per folder: what was stored, and the proof",
		.text =
		    "Prints for each folder what became of its messages and the proof that it is\n"
		    "complete, then each message that has no good verdict, and the warnings.\n",
		.example = "imex report anna --format html > anna.html",
		.run = cmd_report,
	}, {
		.name = "convert", .bit = CMD_CONVERT, .args = "DIR --to DIR2 --format FORMAT",
		.min_words = 1, .max_words = 1,
		.summary = "turn stored mail into another format",
		.text =
		    "Reads a job directory, a Maildir, mbox or eml files, or a set of Exchange\n"
		    "migration files, writes all of it in another format into the job directory\n"
		    "DIR2, and reads that back. DIR is only read. Whenever it was stopped, the same\n"
		    "command goes on where it was.\n",
		.example = "imex convert anna --to anna-mbox --format mbox",
		.run = cmd_convert,
	}, {
		.name = "import", .bit = CMD_IMPORT, .args = "DIR DEST [--job DIR2]",
		.min_words = 1, .max_words = 2,
		.summary = "put stored mail into a server",
		.text =
		    "Puts what imex convert reads into DEST, each message exactly once. DIR is only\n"
		    "read, but for DIR/import when DIR is a job directory of imex; else --job DIR2\n"
		    "keeps what is known and the reports. With --users, the accounts of a list that\n"
		    "DIR has. With --dry-run, lists what DIR holds and what cannot be read.\n",
		.example = "imex import anna imaps://anna@new.example.org/",
		.run = cmd_import,
	}, {
		.name = "undo", .bit = CMD_UNDO, .args = "DIR [DEST]", .min_words = 1, .max_words = 2,
		.summary = "take away from a server what imex put there",
		.text =
		    "Lists the messages that a migration or an import put into its destination,\n"
		    "asks, and removes those whose octets are still what imex sent. DIR is its job\n"
		    "directory, or what was given to imex import.\n",
		.example = "imex undo anna",
		.run = cmd_undo,
	}, {
		.name = "control", .bit = CMD_CONTROL, .args = "FILE", .min_words = 1, .max_words = 1,
		.summary = "run a control file of the Migration Wizard",
		.text =
		    "Does what a control file of the Exchange Migration Wizard says: with Mode\n"
		    "IMAP and Function EXTRACT, copies the mail of every account in its list of\n"
		    "users into migration files. Ends with 0, 1 or 2, as the wizard did.\n",
		.example = "imex control imap.ctl --dry-run",
		.run = cmd_control,
	}, {
		.name = "quirks", .bit = CMD_QUIRKS, .args = "[NAME]", .min_words = 0, .max_words = 1,
		.summary = "what is known of servers, and treated specially",
		.text =
		    "Lists the deviations of servers that imex knows of, with what it does then.\n"
		    "With NAME, tells the whole of one.\n",
		.example = "imex quirks no-search",
		.run = cmd_quirks,
	},
};
const size_t command_count = COUNT_OF(command_table);

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	return NULL;
}

const char *
command_nearest(const char *name)
{
	struct nearest n;

	nearest_init(&n, name);
	for (size_t i = 0; i < command_count; i++)
		nearest_try(&n, command_table[i].name);
	return n.best;
}
