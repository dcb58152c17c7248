#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "service/match/byte_pack.h"
#include "service/match/byte_set.h"
#include "service/match/prefix_table.h"

namespace trawl::service {

// What a response has to be like for a branch of a line's pattern, besides the text that it is
// looked for by.
//
// Takes one cache line: most responses are the first for a long time to need it.
struct alignas(64) LineUse {
  static constexpr std::size_t kPacked = 8 * sizeof(std::uint32_t);  // Bytes, at least.

  std::uint32_t line = 0;
  std::uint32_t least = 0;  // Bytes that the response has, at least.
  PrefixSets sets{};        // What it begins with.
  bool ignores_case = false;
  std::uint32_t offset = 0;     // Where the fixed text stands...
  std::uint8_t fixed_size = 0;  // ...which has so many bytes, 0 for none.
  std::array<char, 24> fixed{};

  // Needs at most as many bytes as there is room for.
  void set_fixed(std::string_view bytes) noexcept;

  [[nodiscard]] bool allows_begin(std::string_view response,
                                  std::span<const ByteSet> all) const noexcept;
  // All but the begin.
  [[nodiscard]] bool allows_rest(std::string_view response) const noexcept;

  void save(PackWriter& writer) const;
  // False where the bytes are none that save() wrote.
  [[nodiscard]] bool load(PackReader& reader);
};
static_assert(sizeof(LineUse) == 64);

// Whether a text stands anywhere in a response. Letters are those of ASCII.
[[nodiscard]] bool stands_in(std::string_view text, bool ignores_case,
                             std::string_view response) noexcept;

}  // namespace trawl::service
