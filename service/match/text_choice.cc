#include "service/match/text_choice.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace trawl::service {
namespace {

constexpr std::size_t kGram = 3;
// Vectorscan confirms up to eight bytes of a text where it finds it; a longer one takes it twice as
// long.
constexpr std::size_t kLongest = 8;
constexpr std::size_t kLongestFixed = 24;
constexpr std::size_t kBefore = 8;  // Bytes of a fixed text that are kept before the chosen ones.

std::uint32_t lower(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 'A' && byte <= 'Z' ? byte + 32U : byte;
}

// Three bytes in lower case: lines with and without "i" are counted alike.
std::uint32_t gram_at(std::string_view text, std::size_t at) noexcept {
  return lower(text[at]) << 16U | lower(text[at + 1]) << 8U | lower(text[at + 2]);
}

using Counts = std::unordered_map<std::uint32_t, std::uint32_t>;

// In how many branches any three bytes stand.
Counts count_grams(std::span<const std::vector<NeededText>> branches) {
  Counts counts;
  std::vector<std::uint32_t> grams;
  for (const auto& texts : branches) {
    grams.clear();
    for (const NeededText& text : texts) {
      for (std::size_t at = 0; at + kGram <= text.bytes.size(); ++at) {
        grams.push_back(gram_at(text.bytes, at));
      }
    }
    std::sort(grams.begin(), grams.end());
    grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
    for (const std::uint32_t gram : grams) ++counts[gram];
  }
  return counts;
}

// How many branches have a text's rarest three bytes, and where they are.
struct Rareness {
  std::uint32_t branches = std::numeric_limits<std::uint32_t>::max();
  std::size_t at = 0;
};

Rareness rareness_of(std::string_view text, const Counts& counts) {
  Rareness best;
  for (std::size_t at = 0; at + kGram <= text.size(); ++at) {
    const std::uint32_t branches = counts.at(gram_at(text, at));
    if (branches < best.branches) best = {.branches = branches, .at = at};
  }
  return best;
}

NeededText cut(const NeededText& text, std::size_t begin) {
  NeededText part{.bytes = text.bytes.substr(begin, kLongestFixed), .offset = text.offset};
  if (part.offset) *part.offset += begin;
  return part;
}

// The longest of those whose place is sure.
const NeededText* longest_fixed(const std::vector<NeededText>& texts) {
  const NeededText* longest = nullptr;
  for (const NeededText& text : texts) {
    const bool is_longer = longest == nullptr || text.bytes.size() > longest->bytes.size();
    if (text.offset && is_longer) longest = &text;
  }
  return longest;
}

std::optional<ChosenText> choose(const std::vector<NeededText>& texts, const Counts& counts) {
  const NeededText* best = nullptr;
  Rareness rarest;
  for (const NeededText& text : texts) {
    const Rareness found = rareness_of(text.bytes, counts);
    const auto rank = [](const NeededText& of, const Rareness& rareness) {
      return std::tuple{of.bytes.size() < kShortestText, rareness.branches,
                        std::numeric_limits<std::size_t>::max() - of.bytes.size()};
    };
    if (best == nullptr || rank(text, found) < rank(*best, rarest)) {
      best = &text;
      rarest = found;
    }
  }
  if (best == nullptr) return std::nullopt;
  // Not beyond the end, so that something short remains only of something short.
  const std::size_t last = best->bytes.size() - std::min(best->bytes.size(), kLongest);
  const std::size_t begin = std::min(rarest.at, last);
  ChosenText chosen{.bytes = best->bytes.substr(begin, kLongest), .fixed = std::nullopt};
  if (best->offset) {
    chosen.fixed = cut(*best, begin > kBefore ? begin - kBefore : 0);
  } else if (const NeededText* other = longest_fixed(texts)) {
    chosen.fixed = cut(*other, 0);
  }
  return chosen;
}

}  // namespace

std::vector<std::optional<ChosenText>> choose_texts(
    std::span<const std::vector<NeededText>> needed) {
  const Counts counts = count_grams(needed);
  std::vector<std::optional<ChosenText>> chosen;
  chosen.reserve(needed.size());
  for (const auto& texts : needed) chosen.push_back(choose(texts, counts));
  return chosen;
}

}  // namespace trawl::service
