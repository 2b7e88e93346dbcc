/* A message that is stored gets another line in the sidecar: with other flags, or under another UID. */
#include <inttypes.h>

#include "store/files/files_sink.h"

enum { LINE_ARENA = 4 * 1024 * 1024 };

/* The line that the sidecar has of a message; *ret_found false: none, for somebody took it away. What has
 * a row is durable, so one that an index does not know was stored since it was read. */
static int
sink_told(struct sink *s, struct folder_at *at, uint32_t uidvalidity, uint32_t uid, struct arena *a,
    struct sidecar_line *ret, bool *ret_found, struct err *err)
{
	struct files_dir *d = at->dir;

	*ret_found = false;
	for (int turn = 0; turn < 2 && !*ret_found; turn++) {
		const struct sidecar_entry *e = NULL;

		if (turn == 1 || d->told == NULL) {
			sidecar_index_free(&d->told);
			if (sidecar_index_read(
				&d->told, d->fds->dir, d->path, s->stop, NULL, err) < 0)
				return -1;
		}
		if (d->told != NULL)
			e = sidecar_index_find(d->told, uidvalidity, uid);
		if (e == NULL || e->removed)
			continue;
		if (sidecar_index_line(d->told, e, a, ret, err) < 0)
			return -1;
		*ret_found = true;
	}
	return 0;
}

static struct sidecar_at
line_place(const struct sidecar_line *line)
{
	return (struct sidecar_at){ .file = line->file != NULL ? line->file : "",
		.in_file = line->at_known,
		.at = line->at,
		.eol = line->eol == SIDECAR_EOL_LF     ? "lf"
		       : line->eol == SIDECAR_EOL_WIRE ? "wire"
						       : NULL,
		.stored_sha256 = line->stored_sha256_known ? line->stored_sha256 : NULL,
		.full_source = line->full_source,
		.rebuilt = line->rebuilt,
		.status_at = line->status_at,
		.status_len = line->status_len };
}

/* The same line again with the new flags: the last line of a UID tells everything. */
int
files_amend(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now,
    struct err *err)
{
	struct sidecar_line line;
	struct arena a;
	bool found;
	int rc = 0;

	if (!verdict_has_file(was->verdict))
		return 0;
	if (files_touch(s, at, err) < 0)
		return -1;
	arena_init(&a, LINE_ARENA);
	rc = sink_told(s, at, at->uidvalidity, was->uid, &a, &line, &found, err);
	if (rc == 0 && found) {
		const struct sidecar_at place = line_place(&line);

		const char *labels = now->labels != NULL ? now->labels : line.msg.flags.labels;

		line.msg.flags = *now;
		line.msg.flags.labels = labels;
		rc = files_tell(s, at, &line.msg, &place, err);
	}
	arena_done(&a);
	return rc;
}

/* What can fail comes first, as when a message is stored. */
static int
adopt_line(struct sink *s, struct folder_at *at, const struct folder_rec *old, const struct msg *was,
    const struct msg *now, struct sidecar_at *place, struct err *err)
{
	const struct files_format *f = s->format;

	if (f->adopt != NULL && f->adopt(s, at, old, was, now, place, err) < 0)
		return -1;
	return place->file != NULL ? files_tell(s, at, now, place, err) : 0;
}

int
files_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old,
    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err)
{
	const struct files_format *f = s->format;
	struct sidecar_line line;
	struct arena a;
	bool found;
	int rc;

	*ret_done = false;
	if (files_touch(s, at, err) < 0)
		return -1;
	arena_init(&a, LINE_ARENA);
	rc = sink_told(s, at, old->uidvalidity, was->uid, &a, &line, &found, err);
	if (rc == 0 && found) {
		struct sidecar_at place = line_place(&line);
		struct msg told = *now;

		told.file_bytes = line.msg.file_bytes; /* a row may not know it */
		rc = adopt_line(s, at, old, was, &told, &place, err);
		*ret_done = rc == 0 && place.file != NULL;
		if (f->adopt != NULL && *ret_done)
			f->keep(s, at, &told);
		else if (f->adopt != NULL)
			f->abandon(s);
	}
	arena_done(&a);
	return rc < 0 ? err_wrap(err, "folder directory '%s', UID %" PRIu32, at->dir->path, now->uid) : 0;
}
