/* The directory of a folder of which nothing is left, since somebody has removed it. */
#ifndef STORE_BARE_H
#define STORE_BARE_H

#include <stdbool.h>

/* `path` below `root` is not there, or has nothing but directories. What cannot be looked at is not bare. */
bool dir_is_bare(int root, const char *path);

#endif
