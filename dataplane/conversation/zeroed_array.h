#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace trawl::dataplane {

// A large array of zeros of which only the pages that are used are ever backed by memory.
//
// Thread: as any array. Cost: the first use of a page faults.
template <typename Value>
class ZeroedArray {
 public:
  static_assert(std::is_trivially_copyable_v<Value> && std::is_trivially_destructible_v<Value>);

  // Empty when the address space does not suffice.
  explicit ZeroedArray(std::size_t count) noexcept {
    void* const at = mmap(nullptr, count * sizeof(Value), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return;
    values_ = static_cast<Value*>(at);
    count_ = count;
  }
  ~ZeroedArray() {
    if (values_ != nullptr) munmap(values_, count_ * sizeof(Value));
  }
  ZeroedArray(ZeroedArray&& other) noexcept
      : values_{std::exchange(other.values_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  ZeroedArray& operator=(ZeroedArray&&) = delete;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] Value* data() noexcept { return values_; }
  [[nodiscard]] Value& operator[](std::size_t i) noexcept { return values_[i]; }
  [[nodiscard]] const Value& operator[](std::size_t i) const noexcept { return values_[i]; }

 private:
  Value* values_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace trawl::dataplane
