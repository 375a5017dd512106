/*
 * What a negative return value means, in the words of a dump.
 */
#include <errno.h>

#include "heapdump.h"

__attribute__((visibility("default"))) const char *heapdump_strerror(int error)
{
	switch (error) {
	case 0:
		return "no error";
	case -EBUSY:
		return "another dump is under way";
	case -ENOSPC:
		return "there is no room for the image";
	case -EDQUOT:
		return "the disk quota has no room for the image";
	case -EFBIG:
		return "the image would be larger than the limit";
	case -EIO:
		return "writing the image failed";
	case -EROFS:
		return "the file system is read-only";
	case -EACCES:
		return "no permission to write there";
	case -EPERM:
		return "the threads cannot be stopped: ptrace is refused and no signal is free, or "
		       "the program's seccomp filter forbids it";
	case -ENOSYS:
		return "valgrind cannot run what this needs";
	case -ENOENT:
		return "there is no such folder";
	case -ELOOP:
		return "the path is a link to itself";
	case -ENOTDIR:
		return "a part of the path is no folder";
	case -EISDIR:
		return "the path is a folder";
	case -ENAMETOOLONG:
		return "the path is too long";
	case -ENXIO:
		return "nobody reads from the pipe";
	case -EPIPE:
		return "the reader of the pipe has gone";
	case -EBADF:
		return "the descriptor is not open for writing";
	case -EINVAL:
		return "neither a path nor a descriptor was given, or a size is wrong";
	case -ENOMEM:
		return "there is no memory for the dump's own lists";
	case -EAGAIN:
		return "no process could be started";
	case -EMFILE:
	case -ENFILE:
		return "too many files are open";
	case -ECANCELED:
		return "the dump was killed";
	}
	return "the image could not be written";
}
