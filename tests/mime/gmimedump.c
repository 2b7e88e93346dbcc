/* What GMime finds in messages, for a comparison with other readers.
 *
 *	gmimedump FILE...
 *
 * For each file a line "FILE", then one for each part that is not a multipart, in order, nested
 * messages opened: "\ttype/subtype octets sha256", of the octets without transfer encoding. */
#include <fcntl.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <unistd.h>

static void
print_part(GMimeObject *part, GMimeDataWrapper *content)
{
	GMimeContentType *type = g_mime_object_get_content_type(part);
	char *lower = g_ascii_strdown(g_mime_content_type_get_media_type(type), -1);
	char *sub = g_ascii_strdown(g_mime_content_type_get_media_subtype(type), -1);
	GMimeStream *memory = g_mime_stream_mem_new();
	GByteArray *octets;
	char *sum;

	if (content != NULL)
		(void)g_mime_data_wrapper_write_to_stream(content, memory);
	octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
	sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, octets->data, octets->len);
	printf("\t%s/%s %u %s\n", lower, sub, octets->len, sum);
	g_free(sum);
	g_free(lower);
	g_free(sub);
	g_object_unref(memory);
}

static void
walk(GMimeObject *part)
{
	if (GMIME_IS_MULTIPART(part)) {
		int n = g_mime_multipart_get_count(GMIME_MULTIPART(part));

		for (int i = 0; i < n; i++)
			walk(g_mime_multipart_get_part(GMIME_MULTIPART(part), i));
	} else if (GMIME_IS_MESSAGE_PART(part)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));

		if (inner != NULL)
			walk(g_mime_message_get_mime_part(inner));
	} else if (GMIME_IS_PART(part)) {
		print_part(part, g_mime_part_get_content(GMIME_PART(part)));
	}
}

static int
dump(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;

	GMimeStream *stream = g_mime_stream_fs_new(fd);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

	printf("%s\n", path);
	if (message != NULL) {
		walk(g_mime_message_get_mime_part(message));
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
	return 0;
}

int
main(int argc, char **argv)
{
	g_mime_init();
	for (int i = 1; i < argc; i++) {
		if (dump(argv[i]) < 0) {
			perror(argv[i]);
			return 74;
		}
	}
	g_mime_shutdown();
	return 0;
}
