#pragma once

#include <memory>

namespace trawl::service {

// Threads of TBB's. It has a source of its own since the thread sanitizer knows nothing of how
// TBB's library hands tasks over; what they read is to be guarded otherwise.
class WorkerArena {
 public:
  // At least one thread is used, at most what TBB has: one less than processors.
  explicit WorkerArena(unsigned threads);
  ~WorkerArena();
  WorkerArena(const WorkerArena&) = delete;
  WorkerArena& operator=(const WorkerArena&) = delete;

  // Calls run(context) soon, on one of the threads. The arena does not wait for it.
  void enqueue(void (*run)(void*), void* context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::service
