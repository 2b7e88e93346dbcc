#include "app/account/room_check.h"

#include <stdio.h>

#include "base/json.h"
#include "engine/forecast.h"

int
room_check(struct room_check *io, const struct options *o, const struct job *job, const char *dir,
    struct err *err)
{
	static const struct dest server;
	struct job into = *job;
	const struct forecast f = { io->folders, io->messages, io->octets, io->sizes_known };

	io->dir = dir;
	/* A copy into a server leaves the state alone there. */
	io->format = o->job ? "state" : format_words[o->format];
	into.dest = o->job ? &server : NULL;
	io->there = (struct room_there){ .block = 4096 };
	if (dir && room_look(dir, &io->there, err) < 0)
		return -1;
	io->floor = option_given(o, &o->min_free) ? o->min_free : room_default_floor(&io->there);
	forecast_need(&into, &f, io->there.block, &io->need);
	return 0;
}

bool
room_check_fits(const struct room_check *r)
{
	const struct room_there *t = &r->there;

	return !r->dir || !r->sizes_known ||
	       (r->need.inodes <= t->inodes && t->octets >= r->floor &&
		   r->need.octets <= t->octets - r->floor);
}

void
room_check_text(const struct room_check *r, struct out *o)
{
	char need[ROOM_TEXT_MAX], left[HUMAN_MAX], floor[HUMAN_MAX];

	room_need_text(&r->need, need);
	if (!r->sizes_known) {
		out_printf(o, "%-13sunknown: the server tells no sizes before its folders are listed; each\n"
		    "%-13spart is compared with the room there is before it is fetched\n", "Needs", "");
		return;
	}
	out_printf(o, "%-13sabout %s as %s\n", "Needs", need, r->format);
	if (!r->dir)
		return;
	human_bytes(r->there.octets, left);
	human_bytes(r->floor, floor);
	out_printf(o, "%-13s%s free on the disk of ", "Room", left);
	out_visible(o, r->dir);
	out_printf(o, ", %s stay free: %s\n", floor,
	    room_check_fits(r) ? "it fits" : "IT DOES NOT FIT");
}

void
room_check_json(const struct room_check *r, struct buf *b)
{
	json_open(b, "forecast");
	json_put_int(b, "messages", (int64_t)r->messages);
	json_put_bool(b, "sizes_known", r->sizes_known);
	if (r->sizes_known) {
		json_put_int(b, "octets", (int64_t)r->need.octets);
		json_put_int(b, "files", (int64_t)r->need.inodes);
	} else {
		json_put_null(b, "octets");
		json_put_null(b, "files");
	}
	if (r->dir) {
		json_put_int(b, "free", (int64_t)r->there.octets);
		json_put_int(b, "min_free", (int64_t)r->floor);
		json_put_bool(b, "fits", room_check_fits(r));
	}
	json_close(b);
}
