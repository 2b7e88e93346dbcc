/* See mapping.h. */
#include "mail/mapping_name.h"

#include <glib.h>

static gint
name_cmp(gconstpointer a, gconstpointer b)
{
	return g_ascii_strcasecmp(a, b);
}

static bool
is_free(GTree *names, GTree *kept, const char *name)
{
	return g_tree_lookup(names, name) == NULL && g_tree_lookup(kept, name) == NULL;
}

/* The same with the first number that nobody has. */
static int
renumber(struct mapped *m, GTree *names, GTree *kept, struct arena *a, struct err *err)
{
	struct buf name;
	const char *made = NULL;

	buf_init(&name, WIRE_NAME_MAX);
	for (unsigned number = 2; made == NULL && !name.full; number++) {
		unsigned why = 0;

		buf_reset(&name);
		(void)buf_printf(&name, "%s~%u", m->name, number);
		name_cut(&name, &why);
		if (!is_free(names, kept, name.data))
			continue;
		made = arena_copy(a, buf_slice(&name));
		if (made == NULL)
			break;
	}
	buf_done(&name);

	const char *why = why_words(WHY_TWIN, a);

	if (made == NULL || why == NULL)
		return err_set(err, ERR_PROTOCOL, "folder names are longer than fit into memory");
	m->name = made;
	m->how = MAPPED_REPLACED;
	m->why = why;
	m->exists = false;
	g_tree_insert(names, (gpointer)made, m);
	return 0;
}

int
mapping_keep(
    struct mapped *made, size_t n, const char *const *kept, struct arena *a, struct err *err)
{
	GTree *names = g_tree_new(name_cmp), *old = g_tree_new(name_cmp);
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		g_tree_insert(names, (gpointer)made[i].name, &made[i]);
		if (kept[i] != NULL)
			g_tree_insert(old, (gpointer)kept[i], &made[i]);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (kept[i] != NULL)
			made[i].name = kept[i];
		else if (g_tree_lookup(old, made[i].name) != NULL)
			rc = renumber(&made[i], names, old, a, err);
	}
	g_tree_destroy(names);
	g_tree_destroy(old);
	return rc;
}
