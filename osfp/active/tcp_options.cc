#include "osfp/active/tcp_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

// Kinds, of RFC 9293 section 3.1, RFC 7323 section 2 and RFC 2018 section 2.
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNothing = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kScale = 3;
constexpr std::uint8_t kSackPermitted = 4;
constexpr std::uint8_t kSack = 5;
constexpr std::uint8_t kTimestamps = 8;

// The whole of an option of this kind in bytes; 0 where any length from two on is right.
constexpr std::size_t length_of(std::uint8_t kind) noexcept {
  switch (kind) {
    case kEnd:
    case kNothing: return 1;
    case kSackPermitted: return 2;
    case kScale: return 3;
    case kMss: return 4;
    case kTimestamps: return 10;
    default: return 0;
  }
}

constexpr std::size_t kSackBlock = 8;  // RFC 2018 section 3.

// The option at the start of `rest`, nullopt when its length is wrong.
std::optional<std::span<const std::byte>> first_option(std::span<const std::byte> rest) noexcept {
  const std::size_t expected = length_of(wire::read8(rest.data()));
  if (expected == 1) return rest.first(1);
  if (rest.size() < 2) return std::nullopt;
  const std::size_t said = wire::read8(rest.data() + 1);
  if (wire::read8(rest.data()) == kSack && (said < 2 + kSackBlock || said % kSackBlock != 2)) {
    return std::nullopt;
  }
  if (said < 2 || said > rest.size() || (expected != 0 && said != expected)) return std::nullopt;
  return rest.first(said);
}

void append(std::span<const std::byte> option, std::string& text) {
  const auto out = std::back_inserter(text);
  const std::byte* const value = option.data() + 2;
  switch (wire::read8(option.data())) {
    case kEnd: text += 'L'; break;
    case kNothing: text += 'N'; break;
    case kSackPermitted: text += 'S'; break;
    case kMss: fmt::format_to(out, "M{:X}", wire::read16(value)); break;
    case kScale: fmt::format_to(out, "W{:X}", wire::read8(value)); break;
    case kTimestamps:
      fmt::format_to(out, "T{}{}", wire::read32(value) == 0 ? 0 : 1,
                     wire::read32(value + 4) == 0 ? 0 : 1);
      break;
    default:  // Others have no letter.
      break;
  }
}

}  // namespace

TcpOptions::TcpOptions(std::span<const std::byte> bytes) noexcept
    : size_{static_cast<std::uint8_t>(std::min(bytes.size(), kMostBytes))} {
  std::copy_n(bytes.begin(), size_, bytes_.begin());
}

std::optional<TcpOptions::Stamps> TcpOptions::stamps() const noexcept {
  for (std::span<const std::byte> rest = bytes(); !rest.empty();) {
    const auto option = first_option(rest);
    if (!option) return std::nullopt;
    if (wire::read8(option->data()) == kTimestamps) {
      return Stamps{.value = wire::read32(option->data() + 2),
                    .echo = wire::read32(option->data() + 6)};
    }
    rest = rest.subspan(option->size());
  }
  return std::nullopt;
}

std::optional<std::string> TcpOptions::signature() const {
  std::string text;
  for (std::span<const std::byte> rest = bytes(); !rest.empty();) {
    const auto option = first_option(rest);
    if (!option) return std::nullopt;
    append(*option, text);
    rest = rest.subspan(option->size());
  }
  return text;
}

}  // namespace trawl::osfp
