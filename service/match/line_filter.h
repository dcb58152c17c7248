#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/match/line_pattern.h"
#include "service/match/text_choice.h"

struct hs_database;
struct hs_scratch;

namespace trawl::service {

// Says which of a probe's lines a response may match: all that do, and few that do not. Vectorscan
// looks for a text of each line in one pass. It does so only where there are many texts, none of
// them short: Vectorscan 5.4.9 misses some of the others behind the first 60 bytes (its issue 317),
// and its compiler's work is checked. The rest are looked for one by one.
//
// Thread: find() from any number, each with a scratch of its own.
// Cost:   find() is about a microsecond for a response of some hundred bytes.
class LineFilter {
 public:
  // Of no line at all.
  LineFilter() = default;
  LineFilter(LineFilter&&) noexcept = default;
  LineFilter& operator=(LineFilter&&) noexcept = default;

  // Where Vectorscan cannot (it needs SSE 4.2), every line may match everything.
  [[nodiscard]] static LineFilter compile(std::span<const MatchLine> lines);

  // For load() on a machine of the same kind.
  [[nodiscard]] std::string save() const;
  // Needs bytes that save() wrote; nullopt where they are none, or are not about that many lines.
  [[nodiscard]] static std::optional<LineFilter> load(std::string_view bytes, std::size_t lines);
  // What decides whether bytes of save() can be loaded here: versions, processor.
  [[nodiscard]] static std::string platform();

  // Makes `scratch` do for this filter too. False without memory.
  [[nodiscard]] bool allocate(hs_scratch*& scratch) const;
  // Sets `found` to the lines, ascending.
  void find(std::string_view response, hs_scratch* scratch,
            std::vector<std::uint32_t>& found) const;

 private:
  // A line that needs a text.
  struct Use {
    std::uint32_t line = 0;
    bool ignores_case = false;
    std::uint32_t offset = 0;  // Where `fixed` stands in all that the line matches.
    std::string fixed;         // "" for nothing.

    [[nodiscard]] bool allows(std::string_view response) const noexcept;
  };
  struct Text {
    std::string bytes;
    bool ignores_case = false;
    std::vector<Use> uses;

    [[nodiscard]] bool stands_in(std::string_view response) const noexcept;
  };
  // A line that needs no text.
  struct Other {
    std::uint32_t line = 0;
    PatternLead lead;
  };
  struct DatabaseDeleter {
    void operator()(hs_database* database) const noexcept;
  };
  struct Scan;

  void choose(std::span<const MatchLine> lines);
  [[nodiscard]] bool compile_database();
  [[nodiscard]] bool finds_its_texts() const;
  void give_up_database();
  [[nodiscard]] bool scan(std::string_view response, hs_scratch* scratch,
                          std::vector<std::uint32_t>& found) const;

  std::size_t lines_ = 0;
  std::vector<Text> texts_;  // By the number that Vectorscan tells.
  std::vector<Text> alone_;  // Looked for one by one.
  std::vector<Other> others_;
  std::unique_ptr<hs_database, DatabaseDeleter> database_;  // None without texts_.
};

}  // namespace trawl::service
