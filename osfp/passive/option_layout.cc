#include "osfp/passive/option_layout.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>

#include "base/hash.h"

namespace trawl::osfp {

std::uint64_t OptionLayout::hash() const noexcept {
  const std::uint64_t end = (std::uint64_t{padding_} << 1U) | (has_end_ ? 1U : 0U);
  std::uint64_t hash = mix64((std::uint64_t{size_} << 16U) | end);
  // Words of no options are left out: the usual five kinds take one round.
  for (std::size_t at = 0; at < size_; at += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, kinds_.data() + at, sizeof word);
    hash = mix64(hash ^ word);
  }
  return hash;
}

std::string OptionLayout::print() const {
  std::string text;
  const auto out = std::back_inserter(text);
  for (const std::uint8_t kind : kinds()) {
    if (!text.empty()) text += ',';
    switch (kind) {
      case kNop: text += "nop"; break;
      case kMss: text += "mss"; break;
      case kScale: text += "ws"; break;
      case kSackPermitted: text += "sok"; break;
      case kSack: text += "sack"; break;
      case kTimestamps: text += "ts"; break;
      default: fmt::format_to(out, "?{}", kind); break;
    }
  }
  if (has_end_) fmt::format_to(out, "{}eol+{}", text.empty() ? "" : ",", padding_);
  return text;
}

}  // namespace trawl::osfp
