#include "control/survey/reserved_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace trawl::control {

ReservedMemory::ReservedMemory(ByteCount wanted, ByteCount least) {
  for (ByteCount size = std::max(wanted, least);;
       size = std::max(ByteCount{size.count() / 2}, least)) {
    void* const data = mmap(nullptr, size.count(), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data != MAP_FAILED) {
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
