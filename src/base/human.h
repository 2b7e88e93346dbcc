/* Numbers for people. */
#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H

#include <stdint.h>

enum { HUMAN_MAX = 32 };
void human_bytes(uint64_t bytes, char ret[HUMAN_MAX]); /* "1.2 MB", powers of 1000 */
void human_count(uint64_t n, char ret[HUMAN_MAX]); /* "1,234,567" */
void human_span(int64_t seconds, char ret[HUMAN_MAX]); /* "0:05", "12:34", "3:02:01", "4 d 3 h" */

#endif
