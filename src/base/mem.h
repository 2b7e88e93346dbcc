/* malloc family that ends the program with one line and exit code 75 when memory is out (a restart from
 * the state recovers better than a half-handled failure), and the cleanup attribute for block lifetimes. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Once, at the start, before there are threads: buffers of sessions and batches stay with the process when they
 * are given back, to be used again by the next account. */
void mem_keep_buffers(void);
_Noreturn void mem_out(void); /* what else fails so calls it; errno: EMFILE names descriptors */
void *mem_new(size_t bytes); /* zeroed */
void *mem_resize(void *p, size_t count, size_t each); /* checks the product */
char *mem_copy_str(const char *text); /* NULL gives NULL */
void mem_free_str(char **p);
#define AUTO(fn) __attribute__((cleanup(fn)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
