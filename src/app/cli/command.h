/* The commands: one table that dispatch, usage text and the option table lean on. */
#ifndef APP_CLI_COMMAND_H
#define APP_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct options;

enum command_bit {
	CMD_CHECK = 1,
	CMD_EXTRACT = 2,
	CMD_VERIFY = 4,
	CMD_RETRY = 8,
	CMD_STATUS = 16,
	CMD_REPORT = 32,
	CMD_CONVERT = 64,
	CMD_IMPORT = 128,
	CMD_CONTROL = 256,
	CMD_MIGRATE = 512,
	CMD_UNDO = 1024,
	CMD_JOB = 2048,
	CMD_WORKER = 4096,
	CMD_QUIRKS = 8192,
	CMD_ALL = 16383,
	/* those that contact the server that mail comes from */
	CMD_ONLINE = CMD_CHECK | CMD_EXTRACT | CMD_VERIFY | CMD_RETRY | CMD_CONTROL | CMD_MIGRATE,
	/* those that may contact the server that mail goes to, and those that put mail there */
	CMD_DEST = CMD_CHECK | CMD_MIGRATE | CMD_IMPORT | CMD_VERIFY | CMD_RETRY | CMD_UNDO |
		   CMD_CONTROL,
	CMD_PLACES = CMD_CHECK | CMD_MIGRATE | CMD_IMPORT | CMD_RETRY | CMD_CONTROL,
	/* those that write mail into files: for the first time, and at all */
	CMD_BEGINS = CMD_EXTRACT | CMD_CONVERT | CMD_CONTROL,
	CMD_WRITES = CMD_BEGINS | CMD_RETRY,
	/* what takes many accounts at once */
	CMD_LISTS = CMD_CHECK | CMD_EXTRACT | CMD_MIGRATE | CMD_RETRY | CMD_VERIFY | CMD_IMPORT,
	CMD_MANY = CMD_LISTS | CMD_CONTROL,
	/* those of them that fetch mail from servers to keep it */
	CMD_FETCHES = CMD_EXTRACT | CMD_MIGRATE | CMD_CONTROL | CMD_RETRY,
	/* those that may take a while */
	CMD_WORKS = CMD_ONLINE | CMD_CONVERT | CMD_IMPORT | CMD_UNDO,
	/* what prints of its work as it goes on */
	CMD_SHOWS = CMD_WORKS | CMD_WORKER
};

struct command {
	const char *name;
	unsigned bit;			/* enum command_bit */
	const char *args;		/* "SOURCE --to DIR" */
	size_t min_words, max_words;
	const char *summary;		/* half a line */
	const char *text;		/* a few lines for its own help */
	const char *example;		/* a line that works */
	/* The exit code, or -1 with *err filled. */
	int (*run)(struct options *o, struct err *err);
};

extern const struct command command_table[];
extern const size_t command_count;

const struct command *command_find(const char *name);	/* NULL: none */
const char *command_nearest(const char *name);

int cmd_check(struct options *o, struct err *err) WARN_UNUSED;
int cmd_extract(struct options *o, struct err *err) WARN_UNUSED;
int cmd_convert(struct options *o, struct err *err) WARN_UNUSED;
int cmd_import(struct options *o, struct err *err) WARN_UNUSED;
int cmd_verify(struct options *o, struct err *err) WARN_UNUSED;
int cmd_retry(struct options *o, struct err *err) WARN_UNUSED;
int cmd_status(struct options *o, struct err *err) WARN_UNUSED;
int cmd_report(struct options *o, struct err *err) WARN_UNUSED;
int cmd_migrate(struct options *o, struct err *err) WARN_UNUSED;
int cmd_undo(struct options *o, struct err *err) WARN_UNUSED;
int cmd_job(struct options *o, struct err *err) WARN_UNUSED;
int cmd_quirks(struct options *o, struct err *err) WARN_UNUSED;
int cmd_control(struct options *o, struct err *err) WARN_UNUSED;
int cmd_worker(struct options *o, struct err *err) WARN_UNUSED;

#endif
