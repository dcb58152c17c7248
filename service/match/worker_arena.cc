#include "service/match/worker_arena.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <cstddef>

namespace trawl::service {
namespace {

// TBB's own idea of the machine, but room for one worker besides the caller.
std::size_t threads_of_machine() {
  return std::max<std::size_t>(
      2, tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

// It complains of requests for more workers than it has.
int usable_threads(unsigned wanted) {
  return static_cast<int>(std::clamp<std::size_t>(wanted, 1, threads_of_machine() - 1));
}

}  // namespace

struct WorkerArena::Impl {
  explicit Impl(unsigned threads) : arena{usable_threads(threads), 0} {}

  tbb::global_control limit{tbb::global_control::max_allowed_parallelism, threads_of_machine()};
  tbb::task_arena arena;
};

WorkerArena::WorkerArena(unsigned threads) : impl_{std::make_unique<Impl>(threads)} {}
WorkerArena::~WorkerArena() = default;

void WorkerArena::enqueue(void (*run)(void*), void* context) {
  impl_->arena.enqueue([run, context] { run(context); });
}

}  // namespace trawl::service
