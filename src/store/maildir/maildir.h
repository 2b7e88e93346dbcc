/* Names and directories of a Maildir++ tree (design.md 3, rules.md 3.1, 3.3, 3.4), for the sink
 * that writes one and the tree that reads one. A message is <identity>,S=<file bytes>,W=<wire
 * bytes>:2,<flags><keyword letters> with the identity <stamp>.V<uidvalidity>U<uid>.imex; what is
 * before ":2," is called its base. */
#ifndef STORE_MAILDIR_MAILDIR_H
#define STORE_MAILDIR_MAILDIR_H

#include <dirent.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/slice.h"
#include "mail/msg.h"

enum {
	MAILDIR_IDENTITY_MAX = 64,
	MAILDIR_NAME_MAX = 256		/* any name in a directory, NUL included; ours: 160 */
};

/* A name that carries our mark, taken apart. */
struct maildir_entry {
	uint32_t uidvalidity, uid;
	size_t identity_len, base_len;
	uint8_t system;			/* flags that the letters say */
};

/* False when the name is not one of ours. */
bool maildir_parse(struct slice name, struct maildir_entry *ret);
void maildir_identity(char ret[MAILDIR_IDENTITY_MAX], const struct date *d, uint32_t uidvalidity,
    uint32_t uid);
/* That of a name of ours; another name stays whole. */
void maildir_identity_in(char ret[MAILDIR_NAME_MAX], const char *name);
/* From date, uid, file_bytes and wire_bytes of m. */
void maildir_base(char ret[MAILDIR_NAME_MAX], const struct msg *m, uint32_t uidvalidity);
/* The whole name; bit n of `letters` is the keyword letter 'a' + n. */
void maildir_file(char ret[MAILDIR_NAME_MAX], const struct msg *m, uint32_t uidvalidity,
    uint8_t system, uint32_t letters);
/* "" or one component that starts with a dot and leads nowhere else. */
bool maildir_path_valid(const char *path);

/* The directories of one folder, shared by the sink's thread and the batches that the keeper
 * has. */
struct name_index;
struct maildir_dirs {
	atomic_uint refs;
	char *path;			/* below the account; "" for its root */
	int folder, cur, tmp;
	int sidecar;			/* appended by the keeper alone; -1: none */
	struct name_index *index;	/* the keeper's */
};

/* Open what is there; err->sys is ENOENT when it is not. Without a sidecar. */
int maildir_dirs_open(struct maildir_dirs **ret, int root, const char *path, struct err *err)
    WARN_UNUSED;
/* A folder's directory below the root gets another name, durable on return. *ret_done false: it keeps
 * its own, since `to` is there, is no name of a folder, or the folder is INBOX. Done, too, when it was moved before. */
int maildir_move_folder(int root, const char *from, const char *to, bool *ret_done, struct err *err)
    WARN_UNUSED;
struct maildir_dirs *maildir_dirs_ref(struct maildir_dirs *d);
void maildir_dirs_unref(struct maildir_dirs **d);

/* The names of a directory below a folder, without those that start with a dot; a directory that is
 * not there has none. maildir_walk_end says whether the walk broke off. */
struct maildir_walk {
	DIR *dir;
	int sys;
};
int maildir_walk_begin(struct maildir_walk *w, int folder, const char *sub, struct err *err)
    WARN_UNUSED;
const char *maildir_walk_next(struct maildir_walk *w);
int maildir_walk_end(struct maildir_walk *w, struct err *err) WARN_UNUSED;
void maildir_walk_drop(struct maildir_walk *w);	/* in the middle, or after the end */

#endif
