#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "service/match/byte_set.h"
#include "service/match/pattern_prefix.h"

namespace trawl::service {

// The sets of a prefix, as numbers in a list of sets.
using PrefixSets = std::array<std::uint16_t, PatternPrefix::kPositions>;

// Which of many prefixes a response begins with, all of them at once: a row of bits, one for each
// prefix, for each byte at each place; what is left of the rows of a response's first bytes counts.
//
// Thread: immutable once made.
// Cost:   for_each() reads a word of each place's row for 64 prefixes.
class PrefixTable {
 public:
  // Of no prefix at all.
  PrefixTable() = default;
  // Needs numbers of sets that are there.
  PrefixTable(std::span<const PrefixSets> prefixes, std::span<const ByteSet> sets);

  // Calls with the number of each prefix that the bytes there are allow, ascending.
  template <typename Call>
  void for_each(std::string_view response, Call&& call) const {
    std::array<const std::uint64_t*, PatternPrefix::kPositions> rows{};
    const std::size_t places = std::min(response.size(), rows.size());
    for (std::size_t i = 0; i < places; ++i) {
      rows[i] = row(i, static_cast<unsigned char>(response[i]));
    }
    for (std::size_t word = 0; word < words_; ++word) {
      std::uint64_t left = word + 1 < words_ ? ~std::uint64_t{0} : last_;
      for (std::size_t i = 0; i < places && left != 0; ++i) left &= rows[i][word];
      for (; left != 0; left &= left - 1) {
        call(64 * word + static_cast<unsigned>(std::countr_zero(left)));
      }
    }
  }

 private:
  [[nodiscard]] const std::uint64_t* row(std::size_t place, unsigned char byte) const noexcept {
    return rows_.data() + (256 * place + byte) * words_;
  }

  std::vector<std::uint64_t> rows_;
  std::size_t words_ = 0;   // Of a row.
  std::uint64_t last_ = 0;  // The bits that count in its last one.
};

}  // namespace trawl::service
