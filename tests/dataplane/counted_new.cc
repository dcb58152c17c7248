#include "tests/dataplane/counted_new.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace trawl::dataplane {

std::atomic<bool> counting_allocations{false};
std::atomic<std::uint64_t> allocations{0};
thread_local bool is_control_thread = false;

namespace {

void* allocate(std::size_t size, std::size_t alignment) {
  if (counting_allocations.load(std::memory_order_relaxed) && !is_control_thread) ++allocations;
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + alignment - 1) & ~(alignment - 1);
  void* const memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

}  // namespace
}  // namespace trawl::dataplane

using trawl::dataplane::allocate;

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
