/* A folder's directory under another name. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "store/maildir/maildir.h"

int
maildir_move_folder(int root, const char *from, const char *to, bool *ret_done, struct err *err)
{
	*ret_done = false;
	if (*from == '\0' || *to == '\0' || !maildir_path_valid(from) || !maildir_path_valid(to))
		return 0;
	if (file_there(root, from)) {
		if (file_there(root, to))
			return 0;
		if (file_rename(root, from, root, to, err) < 0)
			return -1;
	} else if (!file_there(root, to)) {
		return 0;
	}
	*ret_done = true;
	return file_sync(root, err);
}
