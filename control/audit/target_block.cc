#include "control/audit/target_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace trawl::control {
namespace {

constexpr unsigned kMostDigits = 9;

std::optional<unsigned> number_below(std::string_view text, unsigned limit) {
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value >= limit) {
    return std::nullopt;
  }
  return value;
}

// "7", "3-9", "-9", "200-", "-", "*".
bool add_octets(std::string_view item, std::bitset<256>& into) {
  unsigned first = 0;
  unsigned last = 255;
  if (item != "*") {
    const std::size_t dash = item.find('-');
    if (dash == std::string_view::npos) {
      const auto value = number_below(item, 256);
      if (!value) return false;
      first = last = *value;
    } else {
      const std::string_view low = item.substr(0, dash);
      const std::string_view high = item.substr(dash + 1);
      const auto from = low.empty() ? std::optional{0U} : number_below(low, 256);
      const auto to = high.empty() ? std::optional{255U} : number_below(high, 256);
      if (!from || !to || *from > *to) return false;
      first = *from;
      last = *to;
    }
  }
  for (unsigned value = first; value <= last; ++value) into.set(value);
  return true;
}

// Calls take(piece) for each piece of `text` between separators, while it returns true.
template <typename Take>
bool for_each_piece(std::string_view text, char separator, Take take) {
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (!take(text.substr(0, end))) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

std::optional<TargetBlock::Octets> parse_octets(std::string_view text) {
  TargetBlock::Octets octets;
  std::size_t count = 0;
  const bool good = for_each_piece(text, '.', [&](std::string_view part) {
    // "*" stands alone.
    const bool mixes = part.size() > 1 && part.find('*') != std::string_view::npos;
    if (count == octets.size() || mixes) return false;
    auto& octet = octets[count++];
    return for_each_piece(part, ',',
                          [&octet](std::string_view item) { return add_octets(item, octet); });
  });
  if (!good || count != octets.size()) return std::nullopt;
  return octets;
}

// All octets that share the bits of `mask` with one that is there.
std::bitset<256> widened(const std::bitset<256>& octets, unsigned mask) {
  std::bitset<256> wide;
  for (unsigned value = 0; value < 256; ++value) {
    if (!octets[value]) continue;
    for (unsigned free = 0; free < 256; ++free) {
      if ((free & mask) == 0) wide.set((value & mask) | free);
    }
  }
  return wide;
}

void widen(TargetBlock::Octets& octets, unsigned length) {
  for (unsigned i = 0; i < octets.size(); ++i) {
    const unsigned bits = std::clamp(length, 8 * i, 8 * i + 8) - 8 * i;
    octets[i] = widened(octets[i], 0xff00U >> bits & 0xffU);
  }
}

}  // namespace

TargetBlock::TargetBlock(const Octets& octets) : octets_{octets}, size_{1} {
  for (std::size_t i = 0; i < octets.size(); ++i) {
    for (unsigned value = 0; value < 256; ++value) {
      if (octets[i][value]) choices_[i].push_back(static_cast<std::uint8_t>(value));
    }
    size_ *= choices_[i].size();
  }
}

Uint128 TargetBlock::size_of_prefix() const noexcept {
  if (!v6_) return 0;
  if (v6_->length() == 0) return ~Uint128{0};
  return Uint128{1} << (Ipv6Address::kBits - v6_->length());
}

IpAddress TargetBlock::at(Uint128 index) const noexcept {
  if (v6_) return Ipv6Address{v6_->first().value() + index};
  auto rest = static_cast<std::uint64_t>(index);
  std::uint32_t value = 0;
  for (std::size_t i = choices_.size(); i-- > 0;) {
    const std::uint32_t octet = choices_[i][rest % choices_[i].size()];
    rest /= choices_[i].size();
    value |= octet << (8U * (3U - static_cast<unsigned>(i)));
  }
  return Ipv4Address{value};
}

bool TargetBlock::contains(const IpAddress& address) const noexcept {
  if (address.is_v4() == v6_.has_value()) return false;
  if (v6_) return v6_->contains(address.v6());
  const std::uint32_t value = address.v4().value();
  for (unsigned i = 0; i < octets_.size(); ++i) {
    if (!octets_[i][value >> (24U - 8U * i) & 0xffU]) return false;
  }
  return true;
}

bool TargetBlock::is_contiguous() const noexcept {
  if (v6_) return true;
  const auto first = static_cast<std::uint64_t>(at(0).v4().value());
  const auto last = static_cast<std::uint64_t>(at(size_ - 1).v4().value());
  return Uint128{last - first + 1} == size_;
}

TargetBlock block_around(const IpAddress& address, unsigned length) {
  if (!address.is_v4()) return TargetBlock{Ipv6Prefix{address.v6(), length}};
  TargetBlock::Octets octets;
  for (unsigned i = 0; i < octets.size(); ++i) {
    octets[i].set(address.v4().value() >> (24U - 8U * i) & 0xffU);
  }
  widen(octets, length);
  return TargetBlock{octets};
}

std::variant<TargetExpression, std::string> parse_target_expression(std::string_view text,
                                                                    AddressFamily family) {
  const unsigned most = family == AddressFamily::V4 ? Ipv4Address::kBits : Ipv6Address::kBits;
  const std::size_t slash = text.rfind('/');
  const std::string_view host = text.substr(0, slash);
  unsigned length = most;
  std::string warning;
  if (slash != std::string_view::npos) {
    const auto written = number_below(text.substr(slash + 1), 1U << 30U);
    if (!written)
      return fmt::format("Unable to split netmask from target expression: \"{}\"", text);
    if (*written > most) {
      // Nmap says nothing of it for IPv6.
      if (family == AddressFamily::V4) {
        warning = fmt::format("Illegal netmask in \"{}\". Assuming /{} (one host)", text, most);
      }
    } else {
      length = *written;
    }
  }
  if (family == AddressFamily::V4) {
    if (auto octets = parse_octets(host)) {
      widen(*octets, length);
      return TargetExpression{TargetBlock{*octets}, std::move(warning)};
    }
    const bool has_ports = host.starts_with('[') && host.find("]:") != std::string_view::npos;
    if (Ipv6Address::parse(host) || has_ports) {
      return fmt::format(
          "{} looks like an IPv6 target specification -- you have to use the -6 option.", text);
    }
  } else if (const auto address = Ipv6Address::parse(host.substr(0, host.find('%')))) {
    // No frame carries those (RFC 4291 section 2.5.5.2).
    if (length >= 96 && IpAddress{*address}.is_v4()) {
      return fmt::format("{} means an IPv4 address -- name that, without the -6 option.", text);
    }
    TargetExpression expression{TargetBlock{Ipv6Prefix{*address, length}}, std::move(warning)};
    if (const std::size_t zone = host.find('%'); zone != std::string_view::npos) {
      expression.zone = host.substr(zone + 1);
      if (expression.zone.empty()) return fmt::format("Failed to resolve \"{}\".", text);
    }
    return expression;
  }
  return TargetExpression{NamedTarget{std::string{host}, length}, std::move(warning)};
}

}  // namespace trawl::control
