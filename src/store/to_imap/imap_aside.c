/* The quarantine: DIR/quarantine/ACCOUNT/FOLDER/UID.eml has the octets of a message that could not be
 * placed, UID.txt beside it why, and what the server said. Both are durable on return. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"
#include "store/to_imap/imap_sink.h"

/* One path component for a folder of the source. */
static int
folder_dir(struct sink *s, struct folder_at *at, struct arena *a, const char **ret,
    struct err *err)
{
	struct buf name;

	buf_init(&name, 4096);
	for (size_t i = 0; i < s->n_source && name.len == 0; i++)
		if (strcmp(s->mapped[i].name, at->name) == 0)
			folder_component(
			    s->source[i].name, s->source[i].delim, s->source[i].prefix, &name);
	*ret = name.len > 0 ? arena_copy(a, buf_slice(&name)) : "INBOX";
	buf_done(&name);
	return *ret == NULL ? err_set(err, ERR_CREATE, "a folder name is too long") : 0;
}

static int
write_why(int dir, const char *name, const char *reason, const char *reply, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, 64 * 1024);
	buf_printf(&text, "%s\n", reason);
	if (reply != NULL)
		buf_printf(&text, "The server answered: %s\n", reply);
	rc = file_replace(dir, name, buf_slice(&text), err);
	buf_done(&text);
	return rc;
}

int
dest_set_aside(struct sink *s, struct folder_at *at, const char *reason, const char *reply,
    struct arena *a, const char **ret, struct err *err)
{
	AUTO(file_close) int dir = -1;
	const char *sub, *path, *base = strstr(s->to->quarantine, "quarantine/");
	char eml[32], txt[32];

	if (folder_dir(s, at, a, &sub, err) < 0)
		return -1;
	path = arena_printf(a, "%s/%s", s->to->quarantine, sub);
	if (path == NULL)
		return err_set(err, ERR_CREATE, "a folder name is too long");
	snprintf(eml, sizeof(eml), "%u.eml", s->now.uid);
	snprintf(txt, sizeof(txt), "%u.txt", s->now.uid);
	if (file_make_dirs(path, err) < 0 || file_open_dir(AT_FDCWD, path, &dir, err) < 0 ||
	    spool_save(s->body, dir, eml, err) < 0 || write_why(dir, txt, reason, reply, err) < 0)
		return -1;
	*ret = arena_printf(
	    a, "%s/%s/%s", base != NULL ? base : s->to->quarantine, sub, eml);
	return *ret == NULL ? err_set(err, ERR_CREATE, "a folder name is too long") : 0;
}
