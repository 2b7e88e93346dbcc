/* See pio.h. Making octets wide goes from their end to their start: each moves up by at least
 * nothing, so nothing is overwritten before it was read, and the memory needed is two buffers. */
#include "store/pio.h"

#include <errno.h>
#include <unistd.h>

#include "mail/eol.h"

int
pio_read(int fd, uint64_t at, char *out, size_t len, size_t *ret_len, struct err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, out + got, len - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "read back");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_len = got;
	return 0;
}

int
pio_write(int fd, uint64_t at, struct slice octets, struct err *err)
{
	while (octets.len > 0) {
		ssize_t n = pwrite(fd, octets.data, octets.len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_sys(err, ERR_DISK, "write");
		octets.data += n;
		octets.len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int
pio_widen(int in, int out, uint64_t at, uint64_t len, uint64_t lfs, char *room, struct err *err)
{
	char *narrow = room, *wide = room + PIO_STEP;
	uint64_t from = at + len, to = from + lfs;

	while (from < to) {
		uint64_t left = from - at;
		size_t n = left < PIO_STEP ? (size_t)left : PIO_STEP, got;

		from -= n;
		if (pio_read(in, from, narrow, n, &got, err) < 0)
			return -1;
		size_t len_wide = eol_lf_to_crlf((struct slice){ narrow, got }, wide);
		if (got < n || n == 0 || len_wide > to - at)
			return err_set(err, ERR_DISK, "read back: the file was changed");
		to -= len_wide;
		if (pio_write(out, to, (struct slice){ wide, len_wide }, err) < 0)
			return -1;
	}
	return from == to ? 0 : err_set(err, ERR_DISK, "read back: the file was changed");
}
