#pragma once

#include <cstddef>
#include <cstdint>

namespace trawl::dataplane {

// The VLAN that a link is used in (IEEE 802.1Q), or none: frames are untagged then.
class VlanId {
 public:
  static constexpr std::uint16_t kLowest = 1;
  static constexpr std::uint16_t kHighest = 4094;

  constexpr VlanId() noexcept = default;
  // Needs kLowest <= id <= kHighest.
  constexpr explicit VlanId(std::uint16_t id) noexcept : id_{id} {}

  [[nodiscard]] constexpr bool tagged() const noexcept { return id_ != 0; }
  [[nodiscard]] constexpr std::uint16_t id() const noexcept { return id_; }
  // The bytes that a tag adds behind the source address of a frame.
  [[nodiscard]] constexpr std::size_t tag_size() const noexcept { return tagged() ? 4 : 0; }
  friend constexpr bool operator==(VlanId, VlanId) noexcept = default;

 private:
  std::uint16_t id_ = 0;
};

}  // namespace trawl::dataplane
