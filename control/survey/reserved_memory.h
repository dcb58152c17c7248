#pragma once

#include <cstddef>
#include <utility>

#include "base/units.h"

namespace trawl::control {

// Zeroed memory that is reserved now and taken page by page as it is first touched, so that a table
// can grow in place and is never copied.
//
// Thread: one user.
class ReservedMemory {
 public:
  ReservedMemory() noexcept = default;
  // Reserves `wanted`, or the largest half, quarter, ... of it that the system allows, but no less
  // than `least`; from 2 MiB on it begins where a large page does. Throws std::bad_alloc when even
  // that is refused.
  ReservedMemory(ByteCount wanted, ByteCount least);
  ReservedMemory(ReservedMemory&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)},
        size_{std::exchange(other.size_, ByteCount{})} {}
  ReservedMemory& operator=(ReservedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ReservedMemory();

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] ByteCount size() const noexcept { return size_; }
  // Asks for large pages from now on: fewer misses when a big table is read at random places. Pages
  // that are there already stay as they are. A system without them ignores it.
  void prefer_large_pages() const noexcept;

 private:
  void* data_ = nullptr;
  ByteCount size_;
};

}  // namespace trawl::control
