#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace trawl::simnet {

// A large array of zeros of which only the pages that are used are ever backed by memory.
//
// Thread: as any array. Cost: the first use of a page faults.
template <typename Value>
class ZeroPages {
 public:
  static_assert(std::is_trivial_v<Value>);

  ZeroPages() noexcept = default;
  // Empty when the address space or memory does not suffice.
  explicit ZeroPages(std::size_t count) noexcept {
    void* const at = mmap(nullptr, count * sizeof(Value), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return;
    values_ = static_cast<Value*>(at);
    count_ = count;
  }
  ~ZeroPages() {
    if (values_ != nullptr) munmap(values_, count_ * sizeof(Value));
  }
  ZeroPages(ZeroPages&& other) noexcept
      : values_{std::exchange(other.values_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  ZeroPages& operator=(ZeroPages&& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(count_, other.count_);
    return *this;
  }

  // For arrays that are used all over: fewer page faults and address translations. What is not too
  // much is taken now, so that no probe waits for it.
  void expect_use_all_over() noexcept {
    constexpr std::size_t kTakenNow = std::size_t{1} << 30U;
    const std::size_t size = count_ * sizeof(Value);
    (void)madvise(values_, size, MADV_HUGEPAGE);
    if (size <= kTakenNow) (void)madvise(values_, size, MADV_POPULATE_WRITE);  // Linux 5.14.
  }

  // The same, but nothing is taken now.
  void ask_for_huge_pages() noexcept {
    (void)madvise(values_, count_ * sizeof(Value), MADV_HUGEPAGE);
  }

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] Value& operator[](std::size_t i) noexcept { return values_[i]; }
  [[nodiscard]] const Value& operator[](std::size_t i) const noexcept { return values_[i]; }

 private:
  Value* values_ = nullptr;
  std::size_t count_ = 0;
};

// One entry for each /24 of the IPv4 space.
inline constexpr std::size_t kIpv4Networks = std::size_t{1} << 24U;

}  // namespace trawl::simnet
