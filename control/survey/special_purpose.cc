#include "control/survey/special_purpose.h"

#include <fmt/format.h>

#include <cassert>
#include <vector>

#include "control/survey/special_purpose_text.h"

namespace trawl::control {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The text up to `separator`, taken off together with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return trimmed(taken);
}

template <typename Address>
std::vector<SpecialPurpose<Address>> parse_table(std::string_view text) {
  std::vector<SpecialPurpose<Address>> blocks;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    const auto prefix = Prefix<Address>::parse(take_until(line, '|'));
    assert(prefix);  // Compiled in, and checked row by row in special_purpose_test.cc.
    if (!prefix) continue;
    const std::string_view rfc = take_until(line, '|');
    const std::string_view allocated = take_until(line, '|');
    blocks.push_back(
        {.prefix = *prefix, .rfc = rfc, .allocated = allocated, .name = trimmed(line)});
  }
  return blocks;
}

template <typename Address>
IntervalSet<Address> all_of(std::span<const SpecialPurpose<Address>> blocks) {
  IntervalSet<Address> set;
  for (const auto& block : blocks) set.add(block.prefix);
  return set;
}

template <typename Address>
const SpecialPurpose<Address>* smallest_with(std::span<const SpecialPurpose<Address>> blocks,
                                             Address address) {
  const SpecialPurpose<Address>* smallest = nullptr;
  for (const auto& block : blocks) {
    if (!block.prefix.contains(address)) continue;
    if (smallest == nullptr || block.prefix.length() > smallest->prefix.length()) {
      smallest = &block;
    }
  }
  return smallest;
}

}  // namespace

template <typename Address>
std::string SpecialPurpose<Address>::to_string() const {
  return fmt::format("{}, {}, {}", prefix.to_string(), name, rfc);
}

template struct SpecialPurpose<Ipv4Address>;
template struct SpecialPurpose<Ipv6Address>;

std::span<const SpecialPurposeBlock> special_purpose_blocks() {
  static const auto kBlocks = parse_table<Ipv4Address>(kSpecialPurposeIpv4Text);
  return kBlocks;
}

std::span<const SpecialPurposeIpv6Block> special_purpose_ipv6_blocks() {
  static const auto kBlocks = parse_table<Ipv6Address>(kSpecialPurposeIpv6Text);
  return kBlocks;
}

Ipv4Set special_purpose_addresses() { return all_of(special_purpose_blocks()); }

Ipv6Set special_purpose_ipv6_addresses() { return all_of(special_purpose_ipv6_blocks()); }

const SpecialPurposeBlock* special_purpose_block_of(Ipv4Address address) {
  return smallest_with(special_purpose_blocks(), address);
}

const SpecialPurposeIpv6Block* special_purpose_block_of(Ipv6Address address) {
  return smallest_with(special_purpose_ipv6_blocks(), address);
}

}  // namespace trawl::control
