#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "service/match/line_filter.h"
#include "service/match/line_pattern.h"

namespace trawl::service {

// Memories to match with: as many as threads ever matched at once.
//
// Thread: take() from any number, once all filters are known.
class MemoryPool {
 public:
  MemoryPool() = default;
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // Memories made from now on do for this filter. Throws std::bad_alloc.
  void allocate_for(const LineFilter& filter);

  struct Return {
    MemoryPool* pool = nullptr;
    void operator()(MatchMemory* memory) const;
  };
  using Lease = std::unique_ptr<MatchMemory, Return>;
  // Goes back by itself.
  [[nodiscard]] Lease take();

 private:
  hs_scratch* prototype_ = nullptr;
  std::mutex mutex_;
  std::vector<std::unique_ptr<MatchMemory>> free_;
};

}  // namespace trawl::service
