/* What the parts of the shim share: shim.c (numbers, log, strikes), shim_files.c (calls that change
 * files), shim_calls.c (all others that can fail). See shim.c. */
#ifndef CRASH_SHIM_H
#define CRASH_SHIM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_ROOM = 2 * PATH_MAX };

/* Shared with shim.py. */
enum op {
	OP_CREATE = 1,	/* a name was made; or an open that could have made it */
	OP_TRUNCATE,	/* offset: the new length */
	OP_WRITE,	/* offset, data */
	OP_RENAME,
	OP_UNLINK,
	OP_MKDIR,
	OP_RMDIR,
	OP_LINK,
	OP_SYNC,	/* of one file or directory */
	OP_SYNC_ALL,
	OP_TIMES,	/* offset: the mtime in ns */
	OP_OTHER,	/* what the model cannot repeat: it must not occur */
	/* From here on they are counted only when CRASH_ALSO names them. */
	OP_SEND,	/* octets to a peer */
	OP_OPEN,	/* to read: a file, a directory */
	OP_READ,	/* of a file or directory */
	OP_LOOK,	/* stat */
	OP_RECV,
	OP_CONNECT,	/* look up a name, make a socket, connect it */
	OP_WAIT,	/* poll */
	OP_TLS,
	OP_DATABASE,
	OP_THREAD,
	OP_ALLOC
};

/* Shared with shim.py. */
struct entry {
	uint32_t number;
	uint8_t op, made, dir, struck;
	uint64_t inode, offset;
	int32_t result; /* errno of a failure, 0 */
	uint32_t path, other, data; /* lengths of what follows */
};

/* A call on its way through. */
struct call {
	enum op op;
	const char *name;
	char path[PATH_ROOM], other[PATH_ROOM];
	bool counted;
	unsigned long number;
	bool struck;
};

/* Whether the test asks for calls of this kind, or to do this at the number. */
bool shim_counts(enum op op);
bool shim_does(const char *what);

/* Paths: of an open file, of a name below an open directory; below CRASH_ROOT. */
bool shim_fd_path(int fd, char ret[PATH_ROOM]);
void shim_at_path(int dir, const char *path, char ret[PATH_ROOM]);
bool shim_below(const char *path);
void shim_peer(enum op op, int fd, char ret[PATH_ROOM]);
unsigned long shim_file_system(void);

/* Counts the call if it is below the root; then the mutex is held until shim_leave. */
void shim_enter(struct call *c, enum op op);
/* True: the call is to fail, errno is set, the mutex is free. */
bool shim_refuses(const struct call *c);
/* How much of a write is done. */
size_t shim_part(const struct call *c, size_t len);
void shim_leave(const struct call *c, long result, struct entry e, const void *data, size_t len);

/* For calls that may wait and that no model repeats. path: a path, or another name of the place.
 * True: the call is to fail, errno is set. len, or NULL: becomes the half where that is asked for. */
bool shim_meets(enum op op, const char *path, size_t *len);

#endif
