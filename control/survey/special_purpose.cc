#include "control/survey/special_purpose.h"

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

std::vector<SpecialPurposeBlock> parse_table(std::string_view text) {
  std::vector<SpecialPurposeBlock> blocks;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    const auto prefix = Ipv4Prefix::parse(take_until(line, '|'));
    assert(prefix);  // Compiled in, and checked row by row in special_purpose_test.cc.
    if (!prefix) continue;
    const std::string_view rfc = take_until(line, '|');
    blocks.push_back({.prefix = *prefix, .rfc = rfc, .name = trimmed(line)});
  }
  return blocks;
}

}  // namespace

std::span<const SpecialPurposeBlock> special_purpose_blocks() {
  static const std::vector<SpecialPurposeBlock> kBlocks = parse_table(kSpecialPurposeIpv4Text);
  return kBlocks;
}

Ipv4Set special_purpose_addresses() {
  Ipv4Set set;
  for (const SpecialPurposeBlock& block : special_purpose_blocks()) set.add(block.prefix);
  return set;
}

const SpecialPurposeBlock* special_purpose_block_of(Ipv4Address address) {
  const SpecialPurposeBlock* smallest = nullptr;
  for (const SpecialPurposeBlock& block : special_purpose_blocks()) {
    if (!block.prefix.contains(address)) continue;
    if (smallest == nullptr || block.prefix.length() > smallest->prefix.length()) {
      smallest = &block;
    }
  }
  return smallest;
}

}  // namespace trawl::control
