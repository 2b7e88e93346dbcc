/* GMime alone: every message below the given directories is read, parsed, and each of its parts
 * decoded into nothing. What a program that takes messages apart cannot do without.
 *
 *	gmime DIR
 *
 * Prints messages, parts and decoded octets. */
#include <fcntl.h>
#include <fts.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long long messages, parts, octets;

static void
decode(GMimeObject *parent, GMimeObject *part, gpointer arg)
{
	GMimeStream *null;
	GMimeDataWrapper *content;

	(void)parent;
	(void)arg;
	if (!GMIME_IS_PART(part))
		return;
	content = g_mime_part_get_content(GMIME_PART(part));
	if (content == NULL)
		return;
	null = g_mime_stream_null_new();
	parts++;
	octets += (unsigned long long)g_mime_data_wrapper_write_to_stream(content, null);
	g_object_unref(null);
}

static int
take(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;

	GMimeStream *stream = g_mime_stream_fs_new(fd);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

	if (message != NULL) {
		messages++;
		g_mime_message_foreach(message, decode, NULL);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
	return 0;
}

int
main(int argc, char **argv)
{
	char *roots[] = { argc == 2 ? argv[1] : NULL, NULL };
	FTS *tree;
	FTSENT *e;

	if (argc != 2) {
		fprintf(stderr, "usage: gmime DIR\n");
		return 64;
	}
	g_mime_init();
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (tree == NULL)
		return 66;
	while ((e = fts_read(tree)) != NULL) {
		const char *dir = e->fts_parent != NULL ? e->fts_parent->fts_name : "";

		if (e->fts_info == FTS_F && strcmp(dir, "cur") == 0 && take(e->fts_path) < 0) {
			perror(e->fts_path);
			return 74;
		}
	}
	fts_close(tree);
	printf("messages=%llu parts=%llu octets=%llu\n", messages, parts, octets);
	return 0;
}
