#include "control/survey/scan_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <string_view>

#include "base/hash.h"
#include "control/survey/output_file.h"

namespace trawl::control {
namespace {

// "0" to "255" with their lengths, so that an address is four copies.
struct OctetText {
  std::array<char, 3> digits{};
  std::uint8_t size = 0;
};

constexpr std::array<OctetText, 256> make_octets() noexcept {
  std::array<OctetText, 256> octets{};
  for (unsigned value = 0; value < octets.size(); ++value) {
    OctetText& octet = octets[value];
    if (value >= 100) octet.digits[octet.size++] = static_cast<char>('0' + value / 100);
    if (value >= 10) octet.digits[octet.size++] = static_cast<char>('0' + value / 10 % 10);
    octet.digits[octet.size++] = static_cast<char>('0' + value % 10);
  }
  return octets;
}

constexpr auto kOctets = make_octets();
constexpr std::size_t kLongestLine = sizeof "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535\n" - 1;

enum class Show : bool { Address, AddressAndPort };

// Writes one line; needs kLongestLine + 2 bytes at `out`, since octets are copied three at a time.
char* write_target(char* out, const dataplane::Target& target, Show show) noexcept {
  for (int shift = 24; shift >= 0; shift -= 8) {
    const OctetText& octet = kOctets[(target.ip.value() >> static_cast<unsigned>(shift)) & 0xffU];
    std::copy(octet.digits.begin(), octet.digits.end(), out);
    out += octet.size;
    *out++ = shift == 0 ? ':' : '.';
  }
  if (show == Show::AddressAndPort) {
    out = std::to_chars(out, out + 5, target.port).ptr;
  } else {
    --out;  // The colon.
  }
  *out++ = '\n';
  return out;
}

// As a URL has it: the port stands behind brackets (RFC 3986 section 3.2.2).
char* write_target(char* out, const dataplane::Target6& target, Show show) {
  const std::string address = target.ip.to_string();
  if (show == Show::Address) {
    out = std::copy(address.begin(), address.end(), out);
  } else {
    *out++ = '[';
    out = std::copy(address.begin(), address.end(), out);
    *out++ = ']';
    *out++ = ':';
    out = std::to_chars(out, out + 5, target.port).ptr;
  }
  *out++ = '\n';
  return out;
}

// The positions [first, last) of an order, to a file.
template <typename Target>
Result<void> print_range(const dataplane::TargetSpace& space, const dataplane::Permutation& order,
                         std::uint64_t first, std::uint64_t last, Show show, OutputFile& file) {
  constexpr std::size_t kBatch = 512;
  std::array<std::uint64_t, kBatch> indexes;
  std::array<Target, kBatch> targets;
  std::array<char, kBatch * kLongestLine + 2> text;
  for (std::uint64_t at = first; at < last; at += kBatch) {
    const std::size_t count = std::min<std::uint64_t>(kBatch, last - at);
    order.forward_batch(at, {indexes.data(), count});
    space.at_batch({indexes.data(), count}, std::span<Target>{targets.data(), count});
    char* end = text.data();
    for (std::size_t i = 0; i < count; ++i) end = write_target(end, targets[i], show);
    const std::string_view lines{text.data(), static_cast<std::size_t>(end - text.data())};
    if (auto done = file.append(lines); !done) return done;
  }
  return file.close();
}

}  // namespace

Uint128 draw_seed(const SurveyOptions& options) {
  if (options.seed) return *options.seed;
  std::random_device device;
  Uint128 seed = 0;
  for (int word = 0; word < 4; ++word) seed = (seed << 32U) | device();
  return seed;
}

dataplane::ScanKey scan_key(Uint128 seed) noexcept {
  dataplane::ScanKey key{};
  for (unsigned i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::uint8_t>(seed >> (120U - 8U * i));
  }
  return key;
}

dataplane::Permutation scan_order(std::uint64_t targets, Uint128 seed) noexcept {
  const auto low = static_cast<std::uint64_t>(seed);
  const auto high = static_cast<std::uint64_t>(seed >> 64U);
  return {targets, mix64(low ^ mix64(high)), mix64(high + mix64(low))};
}

std::pair<std::uint64_t, std::uint64_t> shard_of(std::uint64_t total, Shard shard) noexcept {
  const auto bound = [&](std::uint64_t part) {
    return static_cast<std::uint64_t>(Uint128{total} * part / shard.count);
  };
  return {bound(shard.number - 1), bound(shard.number)};
}

Result<void> print_targets(const SurveyOptions& options, const SurveyPlan& plan) {
  auto file = OutputFile::create(options.outputs.front().path);
  if (!file) return Failure{file.error()};
  const dataplane::TargetSpace space{plan.addresses, plan.ports};
  const dataplane::Permutation order = scan_order(space.size(), draw_seed(options));
  const std::uint64_t most =
      options.max_targets ? options.max_targets->of(space.size()) : space.size();
  const auto [first, last] = shard_of(most, options.shard);
  const Show show = has_ports(options.probe) ? Show::AddressAndPort : Show::Address;
  return plan.addresses.is_v4()
             ? print_range<dataplane::Target>(space, order, first, last, show, *file)
             : print_range<dataplane::Target6>(space, order, first, last, show, *file);
}

}  // namespace trawl::control
