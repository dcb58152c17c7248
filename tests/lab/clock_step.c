// Preloaded into a process under test: its wall clock is off by the seconds that the file named by
// CLOCK_STEP_FILE says at the moment. The steady clock stays.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long step(void) {
  long seconds = 0;
  FILE* const file = fopen(getenv("CLOCK_STEP_FILE"), "re");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += step();
  return (int)result;
}
