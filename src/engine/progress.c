#include "engine/progress.h"

#include <stdio.h>
#include <string.h>

void
progress_init(struct progress *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->mutex, NULL);
}

void
progress_done(struct progress *p)
{
	pthread_mutex_destroy(&p->mutex);
}

void
progress_again(struct progress *p)
{
	if (p == NULL)
		return;
	atomic_store(&p->folders_total, 0);
	atomic_store(&p->folders_done, 0);
	atomic_store(&p->messages_total, 0);
	atomic_store(&p->messages_done, 0);
	atomic_store(&p->problems, 0);
}

void
progress_folder(struct progress *p, const char *name)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mutex);
	snprintf(p->folder, sizeof(p->folder), "%s", name ? name : "");
	pthread_mutex_unlock(&p->mutex);
}

void
progress_folder_get(struct progress *p, char *out, size_t max)
{
	pthread_mutex_lock(&p->mutex);
	snprintf(out, max, "%s", p->folder);
	pthread_mutex_unlock(&p->mutex);
}

void
progress_wait(struct progress *p, enum waiting why)
{
	if (p != NULL)
		atomic_store(&p->waiting, (int)why);
}

/* ---- all accounts ---- */

void
progress_all_init(struct progress_all *a)
{
	memset(a, 0, sizeof(*a));
	pthread_mutex_init(&a->mutex, NULL);
}

void
progress_all_done(struct progress_all *a)
{
	pthread_mutex_destroy(&a->mutex);
}

static void
sum_add(struct progress_sum *s, struct progress *p)
{
	s->folders_total += atomic_load(&p->folders_total);
	s->folders_done += atomic_load(&p->folders_done);
	s->problems += atomic_load(&p->problems);
	s->messages_total += atomic_load(&p->messages_total);
	s->messages_done += atomic_load(&p->messages_done);
	s->messages_new += atomic_load(&p->messages_new);
	s->bytes_total += atomic_load(&p->bytes_total);
	s->bytes_done += atomic_load(&p->bytes_done);
}

void
progress_join(struct progress_all *a, struct progress *p)
{
	pthread_mutex_lock(&a->mutex);
	p->next = a->live;
	a->live = p;
	pthread_mutex_unlock(&a->mutex);
}

void
progress_instead(struct progress_all *a, struct progress *p, struct progress_sum *counted)
{
	struct progress_sum *s = &a->ended;

	pthread_mutex_lock(&a->mutex);
	s->folders_total -= counted->folders_total;
	s->folders_done -= counted->folders_done;
	s->problems -= counted->problems;
	s->messages_total -= counted->messages_total;
	s->messages_done -= counted->messages_done;
	/* What was still to come comes now. */
	if (counted->bytes_total > counted->bytes_done)
		s->bytes_total -= counted->bytes_total - counted->bytes_done;
	*counted = (struct progress_sum){ 0 };
	p->counted = counted;
	pthread_mutex_unlock(&a->mutex);
}

void
progress_leave(struct progress_all *a, struct progress *p)
{
	struct progress **at = &a->live;

	pthread_mutex_lock(&a->mutex);
	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == p) {
		*at = p->next;
		sum_add(&a->ended, p);
		if (p->counted != NULL)
			sum_add(p->counted, p);
	}
	pthread_mutex_unlock(&a->mutex);
}

unsigned
progress_read(struct progress_all *a, struct progress_sum *ret, enum waiting *ret_waiting,
    int64_t *ret_until_ms, char *folder, size_t max)
{
	struct progress *oldest = NULL;
	unsigned n = 0;

	*ret_waiting = WAITING_NOTHING;
	*ret_until_ms = 0;
	folder[0] = '\0';
	pthread_mutex_lock(&a->mutex);
	*ret = a->ended;
	for (struct progress *p = a->live; p != NULL; p = p->next) {
		sum_add(ret, p);
		oldest = p;
		n++;
	}
	if (oldest != NULL) {
		*ret_waiting = (enum waiting)atomic_load(&oldest->waiting);
		*ret_until_ms = atomic_load(&oldest->waiting_until_ms);
		progress_folder_get(oldest, folder, max);
	}
	pthread_mutex_unlock(&a->mutex);
	return n;
}
