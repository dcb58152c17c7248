#include "service/match/memory_pool.h"

#include <hs/hs.h>

#include <new>

namespace trawl::service {

MemoryPool::~MemoryPool() { hs_free_scratch(prototype_); }

void MemoryPool::allocate_for(const LineFilter& filter) {
  if (!filter.allocate(prototype_)) throw std::bad_alloc{};
}

void MemoryPool::Return::operator()(MatchMemory* memory) const {
  std::unique_ptr<MatchMemory> owned{memory};
  const std::scoped_lock lock{pool->mutex_};
  pool->free_.push_back(std::move(owned));
}

MemoryPool::Lease MemoryPool::take() {
  std::unique_ptr<MatchMemory> memory;
  {
    const std::scoped_lock lock{mutex_};
    if (!free_.empty()) {
      memory = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!memory) memory = std::make_unique<MatchMemory>(prototype_);
  return Lease{memory.release(), Return{.pool = this}};
}

}  // namespace trawl::service
