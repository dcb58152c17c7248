#include "control/survey/reserved_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace trawl::control {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargePage = std::size_t{2} << 20U;

void* map(std::size_t size) noexcept {
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

// As map(), at the start of a large page where `size` is one or more: before Linux 6.7 the system
// does not see to that.
void* map_aligned(std::size_t size) noexcept {
  if (size < kLargePage) return map(size);
  auto* const data = static_cast<std::byte*>(map(size + kLargePage));
  if (data == nullptr) return nullptr;
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(data) % kLargePage;
  if (before > 0) munmap(data, before);
  const std::size_t used = (size + kPage - 1) / kPage * kPage;
  munmap(data + before + used, kLargePage - before - (used - size));
  return data + before;
}

}  // namespace

ReservedMemory::ReservedMemory(ByteCount wanted, ByteCount least) {
  for (ByteCount size = std::max(wanted, least);;
       size = std::max(ByteCount{size.count() / 2}, least)) {
    if (void* const data = map_aligned(size.count()); data != nullptr) {
      data_ = data;
      size_ = size;
      return;
    }
    if (size == least) throw std::bad_alloc{};
  }
}

ReservedMemory::~ReservedMemory() {
  if (data_ != nullptr) munmap(data_, size_.count());
}

void ReservedMemory::prefer_large_pages() const noexcept {
  if (data_ != nullptr) (void)madvise(data_, size_.count(), MADV_HUGEPAGE);
}

}  // namespace trawl::control
