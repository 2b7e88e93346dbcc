/* COMPRESS=DEFLATE (RFC 4978): raw deflate streams (RFC 1951) in both directions, over whatever carries the stream. */
#ifndef NET_DEFLATE_H
#define NET_DEFLATE_H

#include "net/stream.h"

/* From here on. What is buffered of the reading side is compressed already. Nothing may be left to be sent. */
void deflate_start(struct stream *s);

#endif
