/*
 * Preloaded into the server: while the file that FAILING_FSYNC names exists, fsync and fdatasync fail with EIO, as on
 * a disk that is going bad. The file holds how many are still to fail: each failure takes one off, and the last
 * one removes the file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_to_fail(void) {
  const char *path = getenv("FAILING_FSYNC");
  if (path == NULL) return 0;
  FILE *file = fopen(path, "r+");
  if (file == NULL) return 0;
  long left = 0;
  if (fscanf(file, "%ld", &left) != 1) left = 0;
  if (left > 1) {
    rewind(file);
    fprintf(file, "%-20ld", left - 1);
  }
  fclose(file);
  if (left <= 1) unlink(path);
  return left > 0;
}

int fsync(int fd) {
  if (is_to_fail()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  if (is_to_fail()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, fd);
}
