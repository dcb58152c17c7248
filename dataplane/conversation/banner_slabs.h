#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "dataplane/banner.h"
#include "dataplane/conversation/one_to_one_ring.h"
#include "dataplane/conversation/zeroed_array.h"

namespace trawl::dataplane {

// Where banners are put together and handed to the control plane: slabs of one size, each a Banner
// and room for its bytes. The last one given back is used first, so that few are ever touched while
// the control plane keeps up.
//
// Thread: obtain() to available() one polling core, take() and give_back() the control thread.
class BannerSlabs {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Slabs for banners of `most_bytes`, as many as `memory` holds, at least one and at most `most`.
  // Fails with Runtime when the address space does not suffice.
  [[nodiscard]] static Result<BannerSlabs> make(ByteCount most_bytes, ByteCount memory,
                                                std::size_t most);

  // kNone when all are in use.
  [[nodiscard]] std::uint32_t obtain() noexcept;
  // Puts back one that was not published.
  void release(std::uint32_t slab) noexcept { free_[free_count_++] = slab; }
  [[nodiscard]] Banner& banner(std::uint32_t slab) noexcept {
    return *reinterpret_cast<Banner*>(memory_.data() + slab * stride_);
  }
  [[nodiscard]] std::span<std::byte> room(std::uint32_t slab) noexcept {
    return {memory_.data() + slab * stride_ + sizeof(Banner), most_bytes_};
  }
  // Hands it to the control plane, which gives it back.
  void publish(std::uint32_t slab) noexcept;
  // How many obtain() can return, without those given back since it last looked.
  [[nodiscard]] std::size_t available() noexcept {
    if (free_count_ + (count_ - fresh_) < count_ / 2) collect();
    return free_count_ + (count_ - fresh_);
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  // Returns how many. Each is the caller's until it is given back.
  [[nodiscard]] std::size_t take(std::span<Banner*> into) noexcept;
  void give_back(std::span<Banner* const> banners) noexcept;

 private:
  BannerSlabs(ByteCount most_bytes, std::size_t stride, std::size_t count);
  void collect() noexcept;

  std::size_t most_bytes_;
  std::size_t stride_;
  std::size_t count_;
  std::size_t fresh_ = 0;  // From here on none was ever used.
  std::size_t free_count_ = 0;
  std::vector<std::uint32_t> free_;
  ZeroedArray<std::byte> memory_;
  // Each holds all slabs, so that neither is ever full.
  std::unique_ptr<OneToOneRing<std::uint32_t>> ready_;
  std::unique_ptr<OneToOneRing<std::uint32_t>> returned_;
};

}  // namespace trawl::dataplane
