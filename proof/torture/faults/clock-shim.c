/*
 * Preloaded into Redis: shifts its wall clock by as many microseconds as the file that RAZONETE_CLOCK names says (one
 * signed 64-bit number; negative: behind the machine's clock). The file is mapped, so that a change counts at once. The
 * monotonic clock stays as it is, as when a machine's clock is set.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *offset = NULL;

__attribute__((constructor)) static void map_offset(void) {
  const char *path = getenv("RAZONETE_CLOCK");
  if (path == NULL) return;
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) offset = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  long failed = syscall(SYS_clock_gettime, clock, now);
  if (failed != 0 || offset == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return (int)failed;
  int64_t micros = (int64_t)now->tv_sec * 1000000 + now->tv_nsec / 1000 + *offset;
  now->tv_sec = micros / 1000000;
  now->tv_nsec = micros % 1000000 * 1000 + now->tv_nsec % 1000;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec fine;
  if (clock_gettime(CLOCK_REALTIME, &fine) != 0) return -1;
  now->tv_sec = fine.tv_sec;
  now->tv_usec = fine.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec fine;
  if (clock_gettime(CLOCK_REALTIME, &fine) != 0) return (time_t)-1;
  if (now != NULL) *now = fine.tv_sec;
  return fine.tv_sec;
}
