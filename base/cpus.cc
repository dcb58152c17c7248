#include "base/cpus.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace trawl {

std::vector<unsigned> allowed_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<unsigned> cpus_beside(std::span<const unsigned> polling) {
  std::vector<unsigned> others = allowed_cpus();
  std::erase_if(others, [polling](unsigned cpu) {
    return std::find(polling.begin(), polling.end(), cpu) != polling.end();
  });
  return others;
}

void run_on(std::span<const unsigned> cpus) noexcept {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : cpus) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace trawl
