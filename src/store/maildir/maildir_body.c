/* See maildir_body.h. While `raw` is false the stored form is the wire form without the CRs, so the
 * number of CRs left out, and with it the size of the wide form, is a subtraction. Making a file
 * wide in place needs no memory to speak of (pio.h). Rejected: fetching again (the server may
 * refuse the second time), two files (twice the disk). */
#include "store/maildir/maildir_body.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/handed.h"
#include "store/pio.h"

void
body_init(struct body *b)
{
	*b = (struct body){ .tmp = -1, .where = "tmp", .fd = -1, .out = mem_resize(NULL, BODY_BUFFER + 1, 1) };
}

void
body_done(struct body *b)
{
	body_abandon(b);
	free(b->out);
	free(b->wide);
	b->out = b->wide = NULL;
}

void
body_start(struct body *b, int tmp, const char *name, bool keep_crlf)
{
	b->tmp = tmp;
	b->len = 0;
	b->raw = keep_crlf;
	b->in_file = b->wire = 0;
	eol_start(&b->eol);
	(void)snprintf(b->name, sizeof b->name, "%s", name);
}

void
body_abandon(struct body *b)
{
	if (b->fd >= 0)
		(void)unlinkat(b->tmp, b->name, 0);
	file_close(&b->fd);
	b->len = 0;
}

static int
body_put(struct body *b, const char *data, size_t len, struct err *err)
{
	if (b->fd < 0 && handed_create_new(b->tmp, b->name, &b->fd, err) < 0)
		return err_wrap(err, "%s", b->where);
	if (file_write(b->fd, data, len, err) < 0)
		return err_wrap(err, "'%s/%s'", b->where, b->name);
	b->in_file += len;
	return 0;
}

static int
body_flush(struct body *b, struct err *err)
{
	if (b->len > 0 && body_put(b, b->out, b->len, err) < 0)
		return -1;
	b->len = 0;
	return 0;
}

static int
body_raw(struct body *b, struct slice in, struct err *err)
{
	while (in.len > 0) {
		size_t room = BODY_BUFFER - b->len;

		if (room == BODY_BUFFER && in.len > BODY_BUFFER)
			return body_put(b, in.data, in.len, err);
		if (room == 0) {
			if (body_flush(b, err) < 0)
				return -1;
			continue;
		}
		size_t n = in.len < room ? in.len : room;
		memcpy(b->out + b->len, in.data, n);
		b->len += n;
		in.data += n;
		in.len -= n;
	}
	return 0;
}

/* Make the whole file wide by `crs` octets. */
static int
body_widen_file(struct body *b, uint64_t crs, struct err *err)
{
	AUTO(file_close) int in = openat(b->tmp, b->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0)
		return err_set_sys(err, ERR_DISK, "read back");
	if (pio_widen(in, b->fd, 0, b->in_file, crs, b->wide, err) < 0)
		return -1;
	b->in_file += crs;
	if (lseek(b->fd, 0, SEEK_END) != (off_t)b->in_file)
		return err_set(err, ERR_DISK, "read back: the file was changed");
	return 0;
}

/* The line ends cannot be undone from here on: back to the wire form. */
static int
body_unconvert(struct body *b, struct err *err)
{
	bool held = b->eol.cr_held;
	uint64_t crs = b->wire - held - b->in_file - b->len;

	b->raw = true;
	if (b->wide == NULL)
		b->wide = mem_resize(NULL, 3 * PIO_STEP, 1);
	if (b->fd < 0) {
		size_t n = eol_lf_to_crlf((struct slice){ b->out, b->len }, b->wide);

		b->len = 0;
		if (body_raw(b, (struct slice){ b->wide, n }, err) < 0)
			return -1;
	} else {
		if (body_flush(b, err) < 0)
			return -1;
		if (body_widen_file(b, crs, err) < 0)
			return err_wrap(err, "'%s/%s'", b->where, b->name);
	}
	return held ? body_raw(b, (struct slice){ "\r", 1 }, err) : 0;
}

int
body_write(struct body *b, struct slice wire, struct err *err)
{
	while (wire.len > 0 && !b->raw) {
		size_t room = BODY_BUFFER - b->len;
		size_t used;

		if (room == 0) {
			if (body_flush(b, err) < 0)
				return -1;
			continue;
		}
		struct slice piece = { wire.data, wire.len < room ? wire.len : room };
		b->len += eol_crlf_to_lf(&b->eol, piece, b->out + b->len, &used);
		b->wire += used;
		wire.data += used;
		wire.len -= used;
		if (b->eol.broken && body_unconvert(b, err) < 0)
			return -1;
	}
	b->wire += wire.len;
	return body_raw(b, wire, err);
}

int
body_whole(struct body *b, uint64_t *ret_stored, struct err *err)
{
	if (!b->raw && !eol_end(&b->eol) && body_unconvert(b, err) < 0)
		return -1;
	*ret_stored = b->in_file + b->len;
	return 0;
}

void
body_move(struct body *b, int dir, const char *name)
{
	assert(b->fd < 0);
	b->tmp = dir;
	(void)snprintf(b->name, sizeof b->name, "%s", name);
}

int
body_end(struct body *b, int *ret_fd, struct err *err)
{
	if (b->fd < 0 ? body_put(b, b->out, b->len, err) < 0 : body_flush(b, err) < 0)
		return -1;
	*ret_fd = b->fd;
	b->fd = -1;
	b->len = 0;
	return 0;
}
