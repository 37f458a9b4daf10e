/*
 * Preloaded into a server: records what would survive a loss of power. After each fsync or fdatasync of a
 * regular file, the file <inode> in the folder that FSYNC_RECORD names holds how many bytes the file had when the call
 * began, and when it was made (an inode may serve another file later). What was written while the call ran may be on
 * disk or not; it counts as not.
 *
 * The folder has to be on a disk that does not fill up: if a record cannot be written, the server is aborted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void record_size(const struct statx *file) {
  const char *folder = getenv("FSYNC_RECORD");
  if (folder == NULL) return;
  char path[4096];
  snprintf(path, sizeof path, "%s/%llu", folder, (unsigned long long)file->stx_ino);
  /* Always of one length and written in one call: after a kill a reader finds the old or the new record, no mixture. */
  char line[64];
  int length = snprintf(line, sizeof line, "%020llu %020lld%09u\n", (unsigned long long)file->stx_size,
                        (long long)file->stx_btime.tv_sec, file->stx_btime.tv_nsec);
  int record = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (record < 0 || pwrite(record, line, (size_t)length, 0) != length) {
    perror("fsync-shim: what was synced cannot be recorded");
    abort();
  }
  close(record);
}

static int sync_and_record(int fd, long call) {
  struct statx before;
  int known = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &before) == 0 && S_ISREG(before.stx_mode);
  int result = (int)syscall(call, fd);
  if (result == 0 && known) {
    int error = errno;
    record_size(&before);
    errno = error;
  }
  return result;
}

int fsync(int fd) { return sync_and_record(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_and_record(fd, SYS_fdatasync); }
