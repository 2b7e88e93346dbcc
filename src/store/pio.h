/* Reading and writing at a place of a file, whole or with an error: pread and pwrite may do less. */
#ifndef STORE_PIO_H
#define STORE_PIO_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { PIO_STEP = 64 * 1024 };

/* Up to `len` octets at `at`; fewer only at the end of the file. */
int pio_read(int fd, uint64_t at, char *out, size_t len, size_t *ret_len, struct err *err)
    WARN_UNUSED;
/* Not on a descriptor with O_APPEND, where Linux ignores `at`. */
int pio_write(int fd, uint64_t at, struct slice octets, struct err *err) WARN_UNUSED;
/* Every LF of the `len` octets from `at` on becomes CRLF, in place; there are `lfs` of them, and
 * nothing is behind them in the file. `in` and `out` are the same file (or the same descriptor).
 * `room` has 3 * PIO_STEP octets. ERR_DISK also when the file does not hold what the caller says:
 * another program changed it. */
int pio_widen(int in, int out, uint64_t at, uint64_t len, uint64_t lfs, char *room,
    struct err *err) WARN_UNUSED;

#endif
