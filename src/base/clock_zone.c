/* The time zone of the process. libc takes any text for TZ and silently makes UTC of what it does
 * not know, so that a slip of the pen would shift a whole migration: names are checked here first,
 * against the files of the zone data base, or the grammar of POSIX (XBD 8.3). */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

static const char zone_dir[] = "/usr/share/zoneinfo/";
static char zone_set[ZONE_MAX];

/* ---- files of the data base ---- */

/* Letters, digits and _ + - in parts with '/' between: no way out of the directory. */
static bool
zone_name_is_plain(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	for (const char *at = name; *at != '\0'; at++) {
		if (*at == '/' && (at[1] == '/' || at[1] == '\0'))
			return false;
		if (!isalnum((unsigned char)*at) && strchr("/_+-", *at) == NULL)
			return false;
	}
	return true;
}

static bool
zone_has_file(const char *name)
{
	char path[sizeof(zone_dir) + ZONE_MAX], magic[4];

	snprintf(path, sizeof(path), "%s%s", zone_dir, name);

	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
}

/* ---- POSIX strings: std offset [dst [offset] [,start[/time],end[/time]]] ---- */

/* "CET" or "<+03>". */
static bool
posix_name(const char **at)
{
	const char *from = *at, *to = from;
	bool quoted = *from == '<';

	if (quoted)
		from = ++to;
	while (isalpha((unsigned char)*to) ||
	       (quoted && (isdigit((unsigned char)*to) || *to == '+' || *to == '-')))
		to++;
	if (to - from < 3 || (quoted && *to != '>'))
		return false;
	*at = to + quoted;
	return true;
}

static bool
posix_number(const char **at, int max)
{
	int n = 0, digits = 0;

	for (; isdigit((unsigned char)**at) && digits < 3; digits++)
		n = n * 10 + (*(*at)++ - '0');
	return digits > 0 && n <= max && !isdigit((unsigned char)**at);
}

/* [+-]hh[:mm[:ss]] */
static bool
posix_time(const char **at, int max_hours)
{
	if (**at == '+' || **at == '-')
		++*at;
	if (!posix_number(at, max_hours))
		return false;
	for (int i = 0; i < 2 && **at == ':'; i++) {
		++*at;
		if (!posix_number(at, 59))
			return false;
	}
	return true;
}

/* ,Mm.w.d or ,Jn or ,n with /time */
static bool
posix_rule(const char **at)
{
	if (*(*at)++ != ',')
		return false;
	if (**at == 'M') {
		static const int max[] = { 12, 5, 6 };

		for (size_t i = 0; i < COUNT_OF(max); i++) {
			if (i > 0 && **at != '.')
				return false;
			++*at;
			if (!posix_number(at, max[i]))
				return false;
		}
	} else {
		*at += **at == 'J';
		if (!posix_number(at, 365))
			return false;
	}
	if (**at != '/')
		return true;
	++*at;
	return posix_time(at, 167);
}

static bool
zone_is_posix(const char *at)
{
	if (!posix_name(&at) || !posix_time(&at, 24))
		return false;
	if (*at == '\0')
		return true;
	if (!posix_name(&at))
		return false;
	if (*at != ',' && *at != '\0' && !posix_time(&at, 24))
		return false;
	return *at == '\0' || (posix_rule(&at) && posix_rule(&at) && *at == '\0');
}

/* ---- names ---- */

bool
clock_zone_known(const char *name)
{
	if (strlen(name) >= ZONE_MAX)
		return false;
	return strcmp(name, "UTC") == 0 || (zone_name_is_plain(name) && zone_has_file(name)) ||
	       zone_is_posix(name);
}

int
clock_set_zone(const char *name, struct err *err)
{
	if (!clock_zone_known(name))
		return err_set(err, ERR_USAGE,
		    "'%.60s' is no time zone; names as Europe/Berlin (those below %s), UTC, and "
		    "POSIX forms as CET-1CEST,M3.5.0,M10.5.0/3 are",
		    name, zone_dir);
	/* UTC without a data base would be no name, but this form always is. */
	if (setenv("TZ", strcmp(name, "UTC") == 0 ? "UTC0" : name, 1) < 0)
		mem_out();
	tzset();
	snprintf(zone_set, sizeof(zone_set), "%s", name);
	return 0;
}

/* The name in a path that leads into a data base; other text as it is. */
static const char *
zone_of_path(const char *path)
{
	const char *found = strstr(path, "zoneinfo/");

	found = found != NULL ? found + strlen("zoneinfo/") : path;
	return strncmp(found, "posix/", 6) == 0 ? found + 6 : found;
}

static bool
zone_keep(const char *name, char *ret)
{
	if (!clock_zone_known(name))
		return false;
	memcpy(ret, name, strlen(name) + 1); /* a known one is short enough */
	return true;
}

/* A copy in place of the link: Debian keeps its name beside it. */
static bool
zone_from_debian(char *ret)
{
	struct err ignored;
	struct buf text;
	bool known = false;

	buf_init(&text, 256);
	if (file_read(AT_FDCWD, "/etc/timezone", &text, &ignored) == 0 && text.len > 0) {
		text.data[strcspn(text.data, "\r\n")] = '\0';
		known = zone_keep(text.data, ret);
	}
	buf_done(&text);
	return known;
}

static void
zone_of_machine(char *ret)
{
	const char *tz = getenv("TZ");
	char path[PATH_MAX];

	snprintf(ret, ZONE_MAX, "UTC");
	if (tz != NULL) {
		(void)zone_keep(zone_of_path(tz + (*tz == ':')), ret);
		return;
	}

	ssize_t len = readlink("/etc/localtime", path, sizeof(path) - 1);

	if (len > 0) {
		path[len] = '\0';
		if (zone_keep(zone_of_path(path), ret))
			return;
	}
	(void)zone_from_debian(ret);
}

const char *
clock_zone_name(void)
{
	static char machine[ZONE_MAX];

	if (zone_set[0] != '\0')
		return zone_set;
	zone_of_machine(machine);
	return machine;
}

/* ---- local times ---- */

static int64_t
zone_offset(int64_t epoch)
{
	time_t at = (time_t)epoch;
	struct tm tm;

	return localtime_r(&at, &tm) != NULL ? tm.tm_gmtoff : 0;
}

int64_t
clock_from_local(int64_t local)
{
	enum { DAY_S = 86400 };
	int64_t before = zone_offset(local - DAY_S), after = zone_offset(local + DAY_S);
	int64_t first = local - (before > after ? before : after);
	int64_t second = local - (before > after ? after : before);

	if (first + zone_offset(first) == local)
		return first;
	if (second + zone_offset(second) == local)
		return second;
	return local - before;
}
