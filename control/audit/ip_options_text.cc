#include "control/audit/ip_options_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/ip.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using namespace dataplane::wire;

constexpr std::uint8_t kRecordRoute = 7;
constexpr std::uint8_t kTimestamp = 68;
constexpr std::uint8_t kLooseRoute = 131;
constexpr std::uint8_t kStreamId = 136;
constexpr std::uint8_t kStrictRoute = 137;
constexpr std::size_t kWord = 4;

std::string hex_text(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += fmt::format("\\x{:02x}", std::to_integer<unsigned>(byte));
  }
  return text;
}

std::string address_text(const std::byte* at) { return Ipv4Address{read32(at)}.to_string(); }

// Of RR, LSRR and SSRR; `option` begins with its type.
std::string route_text(std::span<const std::byte> option) {
  constexpr std::size_t kFirst = 3;
  if (option.size() < kFirst) return {};
  const std::size_t pointer = read8(option.data() + 2);
  std::string text;
  const bool is_aligned = pointer % kWord == 0;
  if (pointer < kWord || !is_aligned || pointer > option.size() + 1) {
    text = fmt::format(" [bad ptr={:02}]", pointer);
  }
  std::size_t at = kFirst;
  for (; is_aligned && at + kWord <= option.size(); at += kWord) {
    text += at + 1 == pointer ? '#' : ' ';
    text += address_text(option.data() + at);
  }
  if (at == option.size() && at + 1 == pointer) text += '#';
  return text + hex_text(option.subspan(at));
}

// Flag 0 has times only, any other an address before each.
std::string timestamp_text(std::span<const std::byte> option) {
  constexpr std::size_t kFirst = 4;
  if (option.size() < kFirst) return {};
  const std::size_t pointer = read8(option.data() + 2);
  const std::uint8_t flags = read8(option.data() + 3);
  const bool has_addresses = (flags & 0xfU) != 0;
  const std::size_t entry = has_addresses ? 2 * kWord : kWord;
  std::string text;
  const bool is_aligned = pointer % kWord == 1;
  if (pointer <= kWord || !is_aligned || pointer > option.size() + 1) {
    text = fmt::format(" [bad ptr={:02}]", pointer);
  }
  text += fmt::format("[{} hosts not recorded]", flags >> 4U);
  std::size_t at = kFirst;
  for (; is_aligned && at + entry <= option.size(); at += entry) {
    text += at + 1 == pointer ? '#' : ' ';
    if (has_addresses) text += fmt::format("{}@", address_text(option.data() + at));
    text += fmt::format("{}", read32(option.data() + at + entry - kWord));
  }
  if (at == option.size() && at > kFirst) text += at + 1 == pointer ? '#' : ' ';
  return text + hex_text(option.subspan(at));
}

std::string stream_text(std::span<const std::byte> option) {
  constexpr std::size_t kSize = 4;
  if (option.size() == kSize) return fmt::format("id={}", read16(option.data() + 2));
  return fmt::format("[bad len {:02}]{}", option.size(),
                     hex_text(option.subspan(std::min<std::size_t>(2, option.size()))));
}

std::string option_text(std::span<const std::byte> option) {
  switch (read8(option.data())) {
    case kRecordRoute: return fmt::format("RR{{{}}}", route_text(option));
    case kLooseRoute: return fmt::format("LSRR{{{}}}", route_text(option));
    case kStrictRoute: return fmt::format("SSRR{{{}}}", route_text(option));
    case kTimestamp: return fmt::format("TM{{{}}}", timestamp_text(option));
    case kStreamId: return fmt::format("SI{{{}}}", stream_text(option));
    default: return fmt::format("??{{{}}}", hex_text(option));
  }
}

}  // namespace

std::string ip_options_text(std::span<const std::byte> options) {
  if (options.empty()) return {};
  std::string text;
  while (!options.empty()) {
    const std::uint8_t kind = read8(options.data());
    std::size_t size = 1;
    if (kind < 2) {
      text += kind == 0 ? " EOL" : " NOP";
    } else {
      // One that is too short has its two bytes still, one that is too long what there is.
      size = options.size() < 2 ? 1 : std::max<std::size_t>(read8(options.data() + 1), 2);
      size = std::min(size, options.size());
      text += fmt::format(" {}", option_text(options.first(size)));
    }
    options = options.subspan(size);
  }
  return fmt::format("ipopts={{{}}}", text);
}

}  // namespace trawl::control
