/* Is a server slow that was quick before? Limits of bandwidth seldom say what they are (quirks row 8b). Only the time
 * counts that was waited for octets: neither a slow destination nor --rate is the server's doing. */
#ifndef STORE_PACE_H
#define STORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	int64_t span_ms; /* waited for so long without much to show: slow */
	int64_t from_ms; /* where the present span began, in waited time of the connection */
	uint64_t octets;
	unsigned messages;
	double best, now; /* of whole spans: messages a second, an octet more or less being 1/32768 of one */
};

void pace_init(struct pace *p, int64_t span_ms);
void pace_new_connection(struct pace *p); /* its waiting counts from 0; the best is kept */
/* A message has come; waited_ms: all that was waited on the connection. True: fewer than two a second, and less than
 * a tenth of the best. */
bool pace_add(struct pace *p, uint64_t octets, int64_t waited_ms);

#endif
