#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trawl {

__extension__ using Uint128 = unsigned __int128;

// An IPv4 address in host order; bytes are swapped only where frames are read or written.
class Ipv4Address {
 public:
  using Value = std::uint32_t;
  using Count = std::uint64_t;  // Holds 2^32.
  static constexpr unsigned kBits = 32;

  constexpr Ipv4Address() noexcept = default;
  constexpr explicit Ipv4Address(Value value) noexcept : value_{value} {}
  // Exactly four decimal octets without leading zeros ("198.18.0.1"); anything else is nullopt.
  [[nodiscard]] static std::optional<Ipv4Address> parse(std::string_view text) noexcept;
  [[nodiscard]] constexpr Value value() const noexcept { return value_; }
  [[nodiscard]] std::string to_string() const;
  friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) noexcept = default;

 private:
  Value value_ = 0;
};

// An IPv6 address in host order.
class Ipv6Address {
 public:
  using Value = Uint128;
  using Count = Uint128;  // The one set of 2^128 addresses counts as 2^128 - 1.
  static constexpr unsigned kBits = 128;

  constexpr Ipv6Address() noexcept = default;
  constexpr explicit Ipv6Address(Value value) noexcept : value_{value} {}
  // RFC 4291 section 2.2 text, without zone or brackets.
  [[nodiscard]] static std::optional<Ipv6Address> parse(std::string_view text) noexcept;
  [[nodiscard]] constexpr Value value() const noexcept { return value_; }
  // RFC 5952 canonical text.
  [[nodiscard]] std::string to_string() const;
  friend constexpr bool operator==(Ipv6Address a, Ipv6Address b) noexcept {
    return a.value_ == b.value_;
  }
  friend constexpr std::strong_ordering operator<=>(Ipv6Address a, Ipv6Address b) noexcept {
    if (a.value_ == b.value_) return std::strong_ordering::equal;
    return a.value_ < b.value_ ? std::strong_ordering::less : std::strong_ordering::greater;
  }

 private:
  Value value_ = 0;
};

// An address of either family, in the bits of the longer one: an IPv4 address is held as its
// IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), which no frame carries.
//
// Thread: a value. Not for polling cores: they work on one family.
class IpAddress {
 public:
  constexpr IpAddress() noexcept = default;          // 0.0.0.0
  constexpr IpAddress(Ipv4Address address) noexcept  // NOLINT(google-explicit-constructor)
      : low_{kMapped | address.value()} {}
  constexpr IpAddress(Ipv6Address address) noexcept  // NOLINT(google-explicit-constructor)
      : high_{static_cast<std::uint64_t>(address.value() >> 64U)},
        low_{static_cast<std::uint64_t>(address.value())} {}
  // Of either family; anything else is nullopt.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr bool is_v4() const noexcept {
    return high_ == 0 && low_ >> 32U == kMapped >> 32U;
  }
  // Needs is_v4().
  [[nodiscard]] constexpr Ipv4Address v4() const noexcept {
    return Ipv4Address{static_cast<std::uint32_t>(low_)};
  }
  [[nodiscard]] constexpr Ipv6Address v6() const noexcept {
    return Ipv6Address{Uint128{high_} << 64U | low_};
  }
  [[nodiscard]] std::string to_string() const;
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  static constexpr std::uint64_t kMapped = std::uint64_t{0xffff} << 32U;

  std::uint64_t high_ = 0;
  std::uint64_t low_ = kMapped;
};

// All addresses that share their first length() bits. Host bits are zero.
template <typename Address>
class Prefix {
 public:
  constexpr Prefix() noexcept = default;
  // Host bits of `address` are cleared. Needs length <= Address::kBits.
  constexpr Prefix(Address address, unsigned length) noexcept
      : first_{static_cast<typename Address::Value>(address.value() & ~host_mask(length))},
        length_{length} {}
  // "address/length", or an address alone for one host.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text) noexcept;
  [[nodiscard]] constexpr Address first() const noexcept { return first_; }
  [[nodiscard]] constexpr Address last() const noexcept {
    return Address{static_cast<typename Address::Value>(first_.value() | host_mask(length_))};
  }
  [[nodiscard]] constexpr unsigned length() const noexcept { return length_; }
  [[nodiscard]] constexpr bool contains(Address a) const noexcept {
    return a >= first() && a <= last();
  }
  [[nodiscard]] std::string to_string() const;
  friend constexpr bool operator==(const Prefix&, const Prefix&) noexcept = default;

 private:
  [[nodiscard]] static constexpr typename Address::Value host_mask(unsigned length) noexcept {
    using Value = typename Address::Value;
    return length == 0 ? static_cast<Value>(~Value{0})
                       : static_cast<Value>((Value{1} << (Address::kBits - length)) - 1);
  }
  Address first_;
  unsigned length_ = Address::kBits;
};

using Ipv4Prefix = Prefix<Ipv4Address>;
using Ipv6Prefix = Prefix<Ipv6Address>;

}  // namespace trawl
