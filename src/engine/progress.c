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
