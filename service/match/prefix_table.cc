#include "service/match/prefix_table.h"

#include <map>

namespace trawl::service {

PrefixTable::PrefixTable(std::span<const PrefixSets> prefixes, std::span<const ByteSet> sets)
    : words_{(prefixes.size() + 63) / 64} {
  if (prefixes.empty()) return;
  last_ = ~std::uint64_t{0} >> (64 * words_ - prefixes.size());
  rows_.resize(PatternPrefix::kPositions * 256 * words_);
  for (std::size_t place = 0; place < PatternPrefix::kPositions; ++place) {
    // Most prefixes share their sets.
    std::map<std::uint16_t, std::vector<std::uint64_t>> users;
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
      auto& bits = users[prefixes[i][place]];
      bits.resize(words_);
      bits[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    for (const auto& [set, bits] : users) {
      sets[set].for_each([&, &bits = bits](unsigned char byte) {
        std::uint64_t* row = rows_.data() + (256 * place + byte) * words_;
        for (std::size_t word = 0; word < words_; ++word) row[word] |= bits[word];
      });
    }
  }
}

}  // namespace trawl::service
