#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/cells.h"
#include "app/cli/config.h"
#include "app/cli/out.h"
#include "app/cli/usage.h"
#include "app/run/run.h"
#include "app/users/errand.h"
#include "base/mem.h"
#include "base/secret.h"

static int
main_fail(const struct err *err)
{
	run_complain(err, NULL);
	return err_exit_code(err->kind);
}

static int
main_print(void (*fill)(const struct command *c, struct buf *out), const struct command *c)
{
	struct out o;
	struct err err;

	out_open(&o, STDOUT_FILENO);
	fill(c, &o.buf);
	return out_close(&o, &err) < 0 ? main_fail(&err) : 0;
}

static void
main_usage(const struct command *c, struct buf *out)
{
	if (c)
		usage_command(c, out);
	else
		usage_program(out);
}

static void
main_version(const struct command *c, struct buf *out)
{
	(void)c;
	buf_add_str(out, "imex " IMEX_VERSION "\n");
}

static bool
main_needs_passwords(const struct command *c)
{
	return (c->bit & (CMD_ONLINE | CMD_DEST | CMD_WORKER)) != 0;
}

static int
main_command(const struct command *c, int argc, char **argv)
{
	struct options o;
	struct err err;
	int rc = 0;

	options_init(&o, c);
	if (options_command_line(&o, argc, argv, &err) < 0)
		rc = main_fail(&err);
	else if (o.help)
		rc = main_print(main_usage, c);
	else if (o.version)
		rc = main_print(main_version, c);
	else if (config_read(&o, &err) < 0 || options_check(&o, &err) < 0 ||
		 (main_needs_passwords(c) && errands_open(&err) < 0) || (rc = c->run(&o, &err)) < 0)
		rc = main_fail(&err);
	options_done(&o);
	errands_close();
	return rc;
}

/* "imex help extract" is "imex extract --help". */
static int
main_help(int argc, char **argv)
{
	const struct command *c = argc > 2 ? command_find(argv[2]) : NULL;

	if (argc > 2 && !c) {
		fprintf(stderr, "imex: unknown command '%s'; did you mean 'imex %s'?\n", argv[2],
		    command_nearest(argv[2]));
		return err_exit_code(ERR_USAGE);
	}
	return main_print(main_usage, c);
}

static int
main_word(const char *word)
{
	if (word[0] == '-')
		fprintf(stderr, "imex: options come behind the command, as in: %s\n",
		    command_find("extract")->example);
	else
		fprintf(stderr,
		    "imex: unknown command '%s'; did you mean 'imex %s'? 'imex --help' lists all\n",
		    word, command_nearest(word));
	return err_exit_code(ERR_USAGE);
}

/* Closed ones would be the numbers of files and connections, and what is printed would go there. */
static void
main_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			_exit(err_exit_code(ERR_DISK));
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	main_descriptors();
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow (RLIMIT_FSIZE) is a fault of that write, and no crash. */
	signal(SIGXFSZ, SIG_IGN);
	mem_keep_buffers();
	secret_no_dumps();
	cells_locale();
	if (argc < 2) {
		struct buf text;

		buf_init(&text, 8192);
		usage_program(&text);
		fputs(text.data, stderr);
		buf_done(&text);
		return err_exit_code(ERR_USAGE);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return main_print(main_usage, NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return main_print(main_version, NULL);
	if (strcmp(word, "help") == 0)
		return main_help(argc, argv);
	const struct command *c = command_find(word);

	return c ? main_command(c, argc - 2, argv + 2) : main_word(word);
}
