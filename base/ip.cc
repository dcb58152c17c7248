#include "base/ip.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>

namespace trawl {
namespace {

// Longest accepted text: an IPv6 address that ends in dotted IPv4.
constexpr std::size_t kLongestAddress = INET6_ADDRSTRLEN - 1;

// inet_pton wants a terminated string; a string_view has none.
bool to_network(int family, std::string_view text, void* out) noexcept {
  std::array<char, kLongestAddress + 1> buffer{};
  if (text.empty() || text.size() > kLongestAddress) return false;
  if (text.find('\0') != std::string_view::npos) return false;
  std::memcpy(buffer.data(), text.data(), text.size());
  return inet_pton(family, buffer.data(), out) == 1;
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) noexcept {
  in_addr raw{};
  if (!to_network(AF_INET, text, &raw)) return std::nullopt;
  return Ipv4Address{ntohl(raw.s_addr)};
}

std::string Ipv4Address::to_string() const {
  std::array<char, INET_ADDRSTRLEN> buffer{};
  const in_addr raw{htonl(value_)};
  inet_ntop(AF_INET, &raw, buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) noexcept {
  in6_addr raw{};
  if (!to_network(AF_INET6, text, &raw)) return std::nullopt;
  Value value = 0;
  for (const unsigned char byte : raw.s6_addr) value = (value << 8U) | byte;
  return Ipv6Address{value};
}

std::string Ipv6Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  in6_addr raw{};
  for (unsigned i = 0; i < 16; ++i) {
    raw.s6_addr[i] = static_cast<unsigned char>(value_ >> (120U - 8U * i));
  }
  inet_ntop(AF_INET6, &raw, buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  if (const auto v4 = Ipv4Address::parse(text)) return *v4;
  if (const auto v6 = Ipv6Address::parse(text)) return *v6;
  return std::nullopt;
}

std::string IpAddress::to_string() const { return is_v4() ? v4().to_string() : v6().to_string(); }

template <typename Address>
std::optional<Prefix<Address>> Prefix<Address>::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix{*address, Address::kBits};
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (length > Address::kBits) return std::nullopt;
  return Prefix{*address, length};
}

template <typename Address>
std::string Prefix<Address>::to_string() const {
  return first_.to_string() + "/" + std::to_string(length_);
}

template class Prefix<Ipv4Address>;
template class Prefix<Ipv6Address>;

}  // namespace trawl
