/* A value is sent behind its length, which may hold any octet. Rejected: libsystemd, for one datagram. */
#include "base/journal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/mem.h"

enum { DATAGRAM_MAX = 64 * 1024 };

struct journal {
	struct sockaddr_un at;
	int fd;
	struct buf line;
};

int
journal_open(struct journal **ret, const char *path, struct err *err)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct journal *j = mem_new(sizeof(*j));

	j->at.sun_family = AF_UNIX;
	snprintf(j->at.sun_path, sizeof(j->at.sun_path), "%s", path);
	buf_init(&j->line, DATAGRAM_MAX);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (j->fd < 0 || setsockopt(j->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(j->fd, (const struct sockaddr *)&j->at, sizeof(j->at)) < 0) {
		(void)err_set(err, ERR_CONFIG, "there is no journal at %s: %s; --syslog is for other systems", path,
		    strerror(errno));
		journal_close(&j);
		return -1;
	}
	*ret = j;
	return 0;
}

void
journal_close(struct journal **ref)
{
	struct journal *j = *ref;

	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	buf_done(&j->line);
	free(j);
	*ref = NULL;
}

static void
add_field(struct buf *to, const char *name, const char *value)
{
	uint64_t len = value != NULL ? strlen(value) : 0;
	char octets[8];

	if (len == 0)
		return;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)(len >> (8 * i));
	buf_add_str(to, name);
	buf_add_byte(to, '\n');
	buf_add(to, octets, sizeof(octets));
	buf_add(to, value, len);
	buf_add_byte(to, '\n');
}

static void
add_number(struct buf *to, const char *name, unsigned long value)
{
	buf_printf(to, "%s=%lu\n", name, value);
}

void
journal_put(struct journal *j, const struct event *e, const char *words)
{
	static const unsigned priority[] = {
		[LEVEL_DEBUG] = LOG_DEBUG,
		[LEVEL_INFO] = LOG_INFO,
		[LEVEL_WARNING] = LOG_WARNING,
		[LEVEL_ERROR] = LOG_ERR,
	};

	if (j == NULL)
		return;
	buf_reset(&j->line);
	add_field(&j->line, "MESSAGE", words);
	add_number(&j->line, "PRIORITY", priority[e->level]);
	add_field(&j->line, "SYSLOG_IDENTIFIER", "imex");
	add_number(&j->line, "IMEX_EVENT", (unsigned long)e->no);
	add_field(&j->line, "IMEX_ACCOUNT", e->account);
	add_field(&j->line, "IMEX_FOLDER", e->folder);
	if (e->uid != 0)
		add_number(&j->line, "IMEX_UID", e->uid);
	add_field(&j->line, "IMEX_COMMAND", e->command);
	/* Refused by a journal that was started anew: its socket is another one. */
	if (send(j->fd, j->line.data, j->line.len, MSG_NOSIGNAL) < 0 && (errno == ECONNREFUSED || errno == ENOTCONN) &&
	    connect(j->fd, (const struct sockaddr *)&j->at, sizeof(j->at)) == 0)
		(void)!send(j->fd, j->line.data, j->line.len, MSG_NOSIGNAL);
}
