#include "app/users/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "app/cli/netrc.h"
#include "app/users/errand.h"
#include "base/event.h"
#include "base/file.h"
#include "base/mem.h"
#include "imap/endpoint.h"

struct secret *
password_first_line(struct buf *text)
{
	struct secret *s = NULL;
	size_t len = strcspn(text->data ? text->data : "", "\r\n");

	if (text->data && len > 0)
		s = secret_new((struct slice){ text->data, len });
	if (text->data)
		secret_wipe(text->data, text->len);
	return s;
}

static int
password_file(const char *path, struct secret **ret, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, PASSWORD_MAX);
	rc = file_read(AT_FDCWD, path, &text, err);
	if (rc == 0) {
		*ret = password_first_line(&text);
		if (!*ret)
			rc = err_set(err, ERR_CONFIG,
			    "the first line of '%s' is empty; it should be the password", path);
	}
	buf_done(&text);
	return rc;
}

int
password_check_file(const char *path, struct err *err)
{
	struct secret *found = NULL;
	struct err why = { 0 };
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	if (password_file(path, &found, &why) == 0) {
		secret_free(found);
		return 0;
	}
	return err_set(err, why.kind, "%s", why.sys != 0 ? strerror(why.sys) : "its first line is empty; it should be the password");
}

int
password_check_command(const char *command, struct err *err)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";
	size_t len = strspn(command, plain);
	char path[4096];

	if (command[0] != '/' || strcspn(command, " \t") != len || len >= sizeof(path))
		return 0;
	memcpy(path, command, len);
	path[len] = '\0';
	return access(path, X_OK) == 0 ? 0 : err_set(err, ERR_CONFIG, "%s", strerror(errno));
}

/* ---- ~/.netrc ---- */

void
password_warn_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)))
		fprintf(stderr, "imex: warning: other users can read '%s'; chmod 600 it\n", path);
}

/* *ret NULL when it has no entry. */
static int
password_netrc(struct options *o, const struct imap_url *url, const char *user, struct secret **ret, struct err *err)
{
	const char *home = getenv("HOME");
	const char *path = home && *home ? arena_printf(&o->arena, "%s/.netrc", home) : NULL;
	struct err why = { 0 };
	struct buf text;
	int rc;

	*ret = NULL;
	if (!path)
		return 0;
	buf_init(&text, 1024 * 1024);
	rc = file_read(AT_FDCWD, path, &text, &why);
	if (rc == 0) {
		*ret = netrc_find(buf_slice(&text), url->host, user);
		secret_wipe(text.data, text.len);
		if (*ret)
			password_warn_mode(path);
	} else if (why.kind == ERR_NO_INPUT) {
		rc = 0;
	} else {
		*err = why;
	}
	buf_done(&text);
	return rc;
}

/* ---- the prompt ---- */

static volatile sig_atomic_t prompt_signal;

static void
prompt_interrupted(int number)
{
	prompt_signal = number;
}

static int
prompt_line(int tty, struct cancel *stop, char *line, size_t max, size_t *ret_len, struct err *err)
{
	struct pollfd at[] = { { .fd = tty, .events = POLLIN }, { .fd = cancel_fd(stop), .events = POLLIN } };
	size_t len = 0;
	char c;

	for (;;) {
		bool woken = poll(at, COUNT_OF(at), -1) > 0;

		if (prompt_signal || cancel_raised(stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted at the password prompt");
		if (!woken)
			continue;

		ssize_t n = read(tty, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "read the password from the terminal");
		if (n == 0 || c == '\n' || c == '\r')
			break;
		if (len < max)
			line[len++] = c;
	}
	*ret_len = len;
	return 0;
}

/* Echo off, with the terminal put back whatever happens: signals that ask to end raise `stop` (control.h), but for
 * one. */
static int
prompt_read(int tty, struct cancel *stop, char *line, size_t max, size_t *ret_len, struct err *err)
{
	struct sigaction old, act = { .sa_handler = prompt_interrupted };
	struct termios was, quiet;
	int rc;

	if (tcgetattr(tty, &was) < 0)
		return err_set_sys(err, ERR_DISK, "the terminal");
	prompt_signal = 0;
	sigaction(SIGQUIT, &act, &old);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(tty, TCSAFLUSH, &quiet);
	rc = prompt_line(tty, stop, line, max, ret_len, err);
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	sigaction(SIGQUIT, &old, NULL);
	return rc;
}

/* *ret NULL when there is no terminal, or nothing was typed. */
static int
password_prompt(const struct imap_url *url, const char *user, struct cancel *stop, struct secret **ret, struct err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char line[1024];
	struct buf who;
	size_t len = 0;
	int rc;

	*ret = NULL;
	if (tty < 0)
		return 0;
	buf_init(&who, 4096);
	text_visible(slice_str(user), &who);
	dprintf(tty, "Password of %s on %s: ", who.data ? who.data : "", url->host);
	buf_done(&who);
	rc = prompt_read(tty, stop, line, sizeof(line), &len, err);
	if (rc == 0 && len > 0)
		*ret = secret_new((struct slice){ line, len });
	secret_wipe(line, sizeof(line));
	close(tty);
	return rc;
}

/* ---- in order ---- */

/* The two ends of a migration, and how their ways are called. */
static const struct {
	const char *env, *file, *command;
} ends[] = {
	{ "IMEX_PASSWORD", "--password-file", "--password-command" },
	{ "IMEX_DEST_PASSWORD", "--dest-password-file", "--dest-password-command" },
};

/* Whose password is asked for. */
static const char *
password_user(const struct options *o, enum password_of which, const struct imap_url *url)
{
	const char *user = which == PASSWORD_DEST ? o->dest_auth_user : o->auth_user;

	return user != NULL ? user : url->user;
}

/* A command of the row is not passed over for a file of all. */
static bool
password_by_file(const struct options *o, const struct password_way *way)
{
	return way->file != NULL && option_level(o, &way->file) >= option_level(o, &way->command);
}

int
password_get(struct options *o, enum password_of which, const struct imap_url *url,
    struct secret **ret, const char **ret_from, struct err *err)
{
	const struct password_way *way = which == PASSWORD_DEST ? &o->dest_way : &o->way;
	const struct secret *listed = which == PASSWORD_DEST ? o->dest_password : o->password;
	const char *env = getenv(ends[which].env), *user = password_user(o, which, url);

	if (listed) {
		*ret_from = o->password_from;
		*ret = secret_new(secret_value(listed));
		return 0;
	}
	if (password_by_file(o, way)) {
		*ret_from = ends[which].file;
		return password_file(way->file, ret, err) < 0 ? err_wrap(err, "%s", *ret_from) : 0;
	}
	if (way->command) {
		*ret_from = ends[which].command;
		return errand_run(way->command, o->stop, ret, err) < 0 ? err_wrap(err, "%s", *ret_from) : 0;
	}
	if (env && *env) {
		*ret_from = ends[which].env;
		*ret = secret_new(slice_str(env));
		return 0;
	}
	if (password_netrc(o, url, user, ret, err) < 0)
		return -1;
	*ret_from = "~/.netrc";
	if (*ret)
		return 0;
	if (!o->unattended && password_prompt(url, user, o->stop, ret, err) < 0)
		return -1;
	*ret_from = "the prompt";
	if (*ret)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "no password for %s on %s: give %s FILE, %s COMMAND, "
	    "the variable %s or an entry in ~/.netrc, or run imex on a terminal",
	    user, url->host, ends[which].file, ends[which].command, ends[which].env);
}

bool
password_elsewhere(struct options *o, enum password_of which, const struct imap_url *url)
{
	const struct password_way *way = which == PASSWORD_DEST ? &o->dest_way : &o->way;
	const char *env = getenv(ends[which].env);
	struct secret *found = NULL;
	struct err ignored;

	if (way->file || way->command || (env && *env))
		return true;
	if (password_netrc(o, url, password_user(o, which, url), &found, &ignored) < 0 || !found)
		return false;
	secret_free(found);
	return true;
}

/* ---- tokens ---- */

int
password_again_begin(struct password_again *p, const struct options *o, enum password_of which, struct err *err)
{
	const struct password_way *way = which == PASSWORD_DEST ? &o->dest_way : &o->way;
	bool listed = (which == PASSWORD_DEST ? o->dest_password : o->password) != NULL;
	int auth = which == PASSWORD_DEST ? o->dest_auth : o->auth;

	p->which = which;
	p->file = p->command = NULL;
	atomic_init(&p->used, false);
	if (!auth_is_token((enum auth)auth) || listed)
		return 0;
	if (password_by_file(o, way))
		p->file = way->file;
	else
		p->command = way->command;
	return p->command != NULL ? errands_allow(p->command, err) : 0;
}

int
password_again(void *arg, struct cancel *stop, struct secret **ret, struct err *err)
{
	struct password_again *p = arg;
	const char *from = p->file != NULL ? ends[p->which].file : ends[p->which].command;

	*ret = NULL;
	if ((p->file == NULL && p->command == NULL) || !atomic_exchange(&p->used, true))
		return 0;
	if ((p->file != NULL ? password_file(p->file, ret, err) : errand_run(p->command, stop, ret, err)) < 0)
		return err_wrap(err, "%s", from);
	return 0;
}
