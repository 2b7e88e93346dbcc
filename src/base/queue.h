/* A bounded queue of pointers between threads. queue_put waits while full, queue_get while empty.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

struct queue *queue_new(size_t limit);
/* Must be empty, and no thread in a call: the owner of the items drains it and joins the threads. */
void queue_free(struct queue *q);
bool queue_put(struct queue *q, void *item); /* false: closed, the item stays the caller's */
void *queue_get(
    struct queue *q, int timeout_ms); /* NULL: closed and empty, or timeout; -1 waits for ever */
bool queue_await(struct queue *q); /* until there is something to get; false: closed and empty */
void queue_close(struct queue *q);
size_t queue_len(struct queue *q);
/* Is any of what waits in it one that `is` says yes to? `is` must not use the queue. */
bool queue_any(struct queue *q, bool (*is)(void *item, void *arg), void *arg);

#endif
