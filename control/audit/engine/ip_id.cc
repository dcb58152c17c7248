#include "control/audit/engine/ip_id.h"

#include <algorithm>

namespace trawl::control {
namespace {

constexpr std::uint16_t swapped(std::uint16_t id) noexcept {
  return static_cast<std::uint16_t>(id << 8U | id >> 8U);
}

constexpr std::uint16_t difference(std::uint16_t from, std::uint16_t to) noexcept {
  return static_cast<std::uint16_t>(to - from);
}

// Whether `holds` for each two neighbours' difference.
template <typename Holds>
bool all_differences(std::span<const std::uint16_t> ids, const Holds& holds) noexcept {
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (!holds(ids[i - 1], ids[i])) return false;
  }
  return true;
}

}  // namespace

IpIdClass classify_ip_ids(std::span<const std::uint16_t> ids) noexcept {
  constexpr std::size_t kLeast = 3;
  constexpr unsigned kFew = 10;
  constexpr unsigned kFewSwapped = 20;
  constexpr unsigned kMany = 1000;
  constexpr unsigned kTooMany = 20'000;
  if (ids.size() < kLeast) return IpIdClass::Unknown;
  if (std::ranges::all_of(ids, [](std::uint16_t id) { return id == 0; })) return IpIdClass::Zeros;
  const auto counts = [](unsigned sent, unsigned most) { return sent > 0 && sent <= most; };
  const bool by_two = all_differences(ids, [&](std::uint16_t a, std::uint16_t b) {
    return difference(a, b) % 2 == 0 && counts(difference(a, b), 2 * kFew);
  });
  if (by_two) return IpIdClass::IncrementalByTwo;
  if (all_differences(
          ids, [&](std::uint16_t a, std::uint16_t b) { return counts(difference(a, b), kFew); })) {
    return IpIdClass::Incremental;
  }
  if (all_differences(ids, [&](std::uint16_t a, std::uint16_t b) {
        return counts(difference(swapped(a), swapped(b)), kFewSwapped);
      })) {
    return IpIdClass::LittleEndian;
  }
  const auto largest = [&] {
    unsigned most = 0;
    for (std::size_t i = 1; i < ids.size(); ++i) {
      most = std::max<unsigned>(most, difference(ids[i - 1], ids[i]));
    }
    return most;
  }();
  if (largest >= kTooMany) return IpIdClass::Random;
  return largest > kMany ? IpIdClass::RandomIncrements : IpIdClass::Unknown;
}

std::string_view name_of(IpIdClass type) noexcept {
  switch (type) {
    case IpIdClass::Incremental: return "Incremental";
    case IpIdClass::IncrementalByTwo: return "Incrementing by 2";
    case IpIdClass::LittleEndian: return "Broken little-endian incremental";
    case IpIdClass::Zeros: return "All zeros";
    case IpIdClass::Random: return "Randomized";
    case IpIdClass::RandomIncrements: return "Random positive increments";
    default: return "Busy server or unknown class";
  }
}

int packets_between(IpIdClass type, std::uint16_t from, std::uint16_t to) noexcept {
  constexpr int kHalf = 32768;
  const bool swaps = type == IpIdClass::LittleEndian;
  const int sent = swaps ? difference(swapped(from), swapped(to)) : difference(from, to);
  if (sent >= kHalf) return -1;
  if (type != IpIdClass::IncrementalByTwo) return sent;
  return sent % 2 == 0 ? sent / 2 : -1;
}

}  // namespace trawl::control
