/* partsdump [-m OCTETS] FILE...: takes each message apart and prints one line of JSON for it, for
 * mime.py. -m: octets held in memory (0: everything goes through files).
 * partsdump -t ROUNDS FILE...: the time that parts.c needs to take all of them apart and decode
 * everything, and the time that GMime needs to do the same. */
#include <fcntl.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/parts.h"

enum { DUMP_JSON_MAX = 256 * 1024 * 1024, DUMP_MEMORY = 1024 * 1024 };

static void
die(const char *what, const char *file)
{
	fprintf(stderr, "partsdump: %s: %s\n", file, what);
	exit(1);
}

static void
read_message(const char *file, struct spool *into)
{
	AUTO(file_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
	static char piece[64 * 1024];
	struct err err;
	ssize_t n;

	if (fd < 0)
		die("cannot open", file);
	spool_reset(into);
	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		if (spool_add(into, (struct slice){ piece, (size_t)n }, &err) < 0)
			die(err.text, file);
	}
}

static void
put_digest(struct buf *out, struct spool *octets)
{
	struct digest *d = digest_new();
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];
	struct slice piece;
	struct err err;

	digest_start(d);
	for (uint64_t at = 0;; at += piece.len) {
		if (spool_read(octets, at, 65536, &piece, &err) < 0)
			die(err.text, "decoded");
		if (piece.len == 0)
			break;
		digest_add(d, piece.data, piece.len);
	}
	digest_end(d, sum);
	digest_hex(sum, hex);
	digest_free(d);
	json_put_str(out, "sha256", hex);
	json_put_int(out, "size", (int64_t)spool_len(octets));
}

static void
put_text(struct buf *out, struct mail_parts *p, struct spool *spool)
{
	static const char *const from[] = { "none", "plain", "html" };
	struct slice text;
	struct err err;

	spool_reset(spool);
	if (parts_text(p, spool, &err) < 0)
		die(err.text, "text");
	json_put_str(out, "text_from", from[p->text_from]);
	json_put_bool(out, "text_damaged", p->text_damaged);
	if (spool_len(spool) > 1024 * 1024) {
		put_digest(out, spool);
		return;
	}
	if (spool_read(spool, 0, 1024 * 1024, &text, &err) < 0)
		die(err.text, "text");
	json_put_bool(out, "text_valid", utf8_valid(text));
	json_put_text(out, "text", text);
}

static void
put_part(struct buf *out, struct mail_parts *p, size_t i, struct spool *spool)
{
	struct err err;

	spool_reset(spool);
	if (parts_octets(p, i, spool, &err) < 0)
		die(err.text, "part");
	json_open(out, NULL);
	json_put_str(out, "name", p->part[i].name);
	json_put_str(out, "type", p->part[i].content_type);
	json_put_str(out, "id", p->part[i].content_id);
	json_put_bool(out, "made", p->part[i].name_made);
	json_put_bool(out, "html", p->part[i].is_html_of_text);
	json_put_bool(out, "whole", p->part[i].whole);
	json_put_bool(out, "damaged", p->part[i].damaged);
	put_digest(out, spool);
	json_close(out);
}

static void
put_addresses(struct buf *out, const char *key, const struct mail_address *list, size_t n)
{
	json_open_array(out, key);
	for (size_t i = 0; i < n; i++) {
		json_open_array(out, NULL);
		json_put_str(out, NULL, list[i].name);
		json_put_str(out, NULL, list[i].address);
		json_close_array(out);
	}
	json_close_array(out);
}

static void
dump(const char *file, struct spool *message, struct spool *spool, struct buf *out)
{
	struct mail_parts p;
	struct err err = { 0 };

	read_message(file, message);
	buf_reset(out);
	json_open(out, NULL);
	json_put_str(out, "file", file);
	if (parts_open(&p, message, &err) < 0) {
		json_put_str(out, "error", err.text);
	} else {
		put_addresses(out, "from", p.from, p.n_from);
		put_addresses(out, "to", p.to, p.n_to);
		put_addresses(out, "cc", p.cc, p.n_cc);
		json_put_str(out, "subject", p.subject);
		if (p.sent.known)
			json_put_int(out, "sent", p.sent.epoch);
		put_text(out, &p, spool);
		json_open_array(out, "parts");
		for (size_t i = 0; i < p.n_parts; i++)
			put_part(out, &p, i, spool);
		json_close_array(out);
		parts_close(&p);
	}
	json_close(out);
	printf("%.*s\n", SLICE_ARG(buf_slice(out)));
}

/* ---- time ---- */

static int64_t
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (int64_t)u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec +
	       (int64_t)u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec;
}

static void
with_parts(struct spool *message, struct spool *spool)
{
	struct mail_parts p;
	struct err err;

	if (parts_open(&p, message, &err) < 0)
		die(err.text, "message");
	spool_reset(spool);
	if (parts_text(&p, spool, &err) < 0)
		die(err.text, "text");
	for (size_t i = 0; i < p.n_parts; i++) {
		spool_reset(spool);
		if (parts_octets(&p, i, spool, &err) < 0)
			die(err.text, "part");
	}
	parts_close(&p);
}

static void
gmime_leaf(GMimeObject *parent, GMimeObject *part, gpointer arg)
{
	(void)parent;
	(void)arg;
	if (GMIME_IS_TEXT_PART(part)) {
		g_free(g_mime_text_part_get_text(GMIME_TEXT_PART(part)));
	} else if (GMIME_IS_PART(part)) {
		GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
		GMimeStream *into = g_mime_stream_mem_new();

		if (content != NULL)
			g_mime_data_wrapper_write_to_stream(content, into);
		g_object_unref(into);
	}
}

static void
with_gmime(struct slice message)
{
	GMimeStream *in = g_mime_stream_mem_new_with_byte_array(NULL);
	GByteArray octets = { .data = (guint8 *)(uintptr_t)message.data,
		.len = (guint)message.len };

	g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(in), &octets);
	GMimeParser *parser = g_mime_parser_new_with_stream(in);
	GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
	if (m != NULL) {
		g_mime_message_get_subject(m);
		g_mime_message_get_date(m);
		internet_address_list_length(g_mime_message_get_from(m));
		internet_address_list_length(g_mime_message_get_to(m));
		g_mime_message_foreach(m, gmime_leaf, NULL);
		g_object_unref(m);
	}
	g_object_unref(parser);
	g_object_unref(in);
}

static void
measure(int rounds, char **files, struct spool *spool)
{
	struct spool *message[512];
	size_t n = 0;
	uint64_t octets = 0;
	int64_t ours = 0, theirs = 0;

	g_mime_init();
	for (; n < COUNT_OF(message) && files[n] != NULL; n++) {
		message[n] = spool_new(-1, SIZE_MAX);
		read_message(files[n], message[n]);
		octets += spool_len(message[n]);
	}
	for (int i = 0; i < rounds; i++) {
		int64_t begin = cpu_us();

		for (size_t j = 0; j < n; j++)
			with_parts(message[j], spool);
		ours += cpu_us() - begin;
		begin = cpu_us();
		for (size_t j = 0; j < n; j++)
			with_gmime(spool_memory(message[j]));
		theirs += cpu_us() - begin;
	}
	for (size_t j = 0; j < n; j++)
		spool_free(&message[j]);
	printf("%zu messages, %.1f MB, %d rounds: parts %.1f ms a round, GMime %.1f ms a round\n",
	    n, (double)octets / 1e6, rounds, (double)ours / 1e3 / rounds,
	    (double)theirs / 1e3 / rounds);
}

int
main(int argc, char **argv)
{
	size_t memory = DUMP_MEMORY;
	long rounds = 0;
	struct buf out;
	int c;

	while ((c = getopt(argc, argv, "m:t:")) != -1) {
		if (c == 'm')
			memory = strtoul(optarg, NULL, 10);
		else if (c == 't')
			rounds = strtol(optarg, NULL, 10);
		else
			return 64;
	}
	AUTO(file_close) int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool *message = spool_new(dir, memory), *spool = spool_new(dir, memory);
	buf_init(&out, DUMP_JSON_MAX);
	if (rounds > 0) {
		spool_free(&spool);
		spool = spool_new(dir, 256 * 1024 * 1024);
		measure((int)rounds, argv + optind, spool);
	} else {
		for (char **file = argv + optind; *file != NULL; file++)
			dump(*file, message, spool, &out);
	}
	buf_done(&out);
	spool_free(&message);
	spool_free(&spool);
	return 0;
}
