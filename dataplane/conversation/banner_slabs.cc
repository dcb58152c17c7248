#include "dataplane/conversation/banner_slabs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>

namespace trawl::dataplane {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kBatch = 64;

}  // namespace

Result<BannerSlabs> BannerSlabs::make(ByteCount most_bytes, ByteCount memory, std::size_t most) {
  const std::size_t stride = (sizeof(Banner) + most_bytes.count() + kLine - 1) / kLine * kLine;
  const std::size_t count = std::clamp<std::size_t>(memory.count() / stride, 1, most);
  BannerSlabs slabs{most_bytes, stride, count};
  if (slabs.memory_.empty()) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough address space for {} banners of {} bytes", count,
                            most_bytes.count()));
  }
  return slabs;
}

BannerSlabs::BannerSlabs(ByteCount most_bytes, std::size_t stride, std::size_t count)
    : most_bytes_{most_bytes.count()},
      stride_{stride},
      count_{count},
      free_(count),
      memory_{stride * count},
      ready_{std::make_unique<OneToOneRing<std::uint32_t>>(count)},
      returned_{std::make_unique<OneToOneRing<std::uint32_t>>(count)} {}

std::uint32_t BannerSlabs::obtain() noexcept {
  if (free_count_ == 0) collect();
  std::uint32_t slab = kNone;
  if (free_count_ > 0) {
    slab = free_[--free_count_];
  } else if (fresh_ < count_) {
    slab = static_cast<std::uint32_t>(fresh_++);
  } else {
    return kNone;
  }
  new (memory_.data() + slab * stride_) Banner{};
  return slab;
}

void BannerSlabs::collect() noexcept {
  free_count_ += returned_->take(std::span{free_}.subspan(free_count_));
}

void BannerSlabs::publish(std::uint32_t slab) noexcept { (void)ready_->put(slab); }

std::size_t BannerSlabs::take(std::span<Banner*> into) noexcept {
  std::array<std::uint32_t, kBatch> slabs{};
  std::size_t taken = 0;
  while (taken < into.size()) {
    const std::size_t want = std::min(kBatch, into.size() - taken);
    const std::size_t count = ready_->take({slabs.data(), want});
    for (std::size_t i = 0; i < count; ++i) into[taken + i] = &banner(slabs[i]);
    taken += count;
    if (count < want) break;
  }
  return taken;
}

void BannerSlabs::give_back(std::span<Banner* const> banners) noexcept {
  for (const Banner* const banner : banners) {
    const auto offset = reinterpret_cast<const std::byte*>(banner) - memory_.data();
    (void)returned_->put(static_cast<std::uint32_t>(static_cast<std::size_t>(offset) / stride_));
  }
}

}  // namespace trawl::dataplane
