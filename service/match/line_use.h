#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "service/match/byte_pack.h"
#include "service/match/byte_set.h"
#include "service/match/prefix_table.h"

namespace trawl::service {

// What a response has to be like for a branch of a line's pattern, besides the text that it is
// looked for by.
struct LineUse {
  static constexpr std::size_t kPacked = 8 * sizeof(std::uint32_t);  // Bytes, at least.

  std::uint32_t line = 0;
  bool ignores_case = false;
  std::uint32_t least = 0;   // Bytes that the response has, at least.
  PrefixSets sets{};         // What it begins with.
  std::uint32_t offset = 0;  // Where `fixed` stands...
  std::string fixed;         // ..."" for nothing.

  [[nodiscard]] bool allows_begin(std::string_view response,
                                  std::span<const ByteSet> all) const noexcept;
  // All but the begin.
  [[nodiscard]] bool allows_rest(std::string_view response) const noexcept;

  void save(PackWriter& writer) const;
  void load(PackReader& reader);
};

// Whether a text stands anywhere in a response. Letters are those of ASCII.
[[nodiscard]] bool stands_in(std::string_view text, bool ignores_case,
                             std::string_view response) noexcept;

}  // namespace trawl::service
