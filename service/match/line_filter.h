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
#include "service/match/line_use.h"
#include "service/match/prefix_table.h"
#include "service/probes/probe_file.h"

struct hs_database;
struct hs_scratch;

namespace trawl::service {

// Says which of a probe's lines a response may match: all that do, and few that do not. A line is
// looked for by the branches of its pattern. Vectorscan looks for a text of each branch in one
// pass. It does so only where there are many texts, none of them short: Vectorscan 5.4.9 misses
// some of the others behind the first 60 bytes (its issue 317), and its compiler's work is checked.
// The rest are found by what a response begins with, all at once.
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
  // What Vectorscan looks for.
  struct Text {
    std::string bytes;
    bool ignores_case = false;
  };
  // A branch that is looked for without it.
  struct Direct {
    LineUse use;
    std::string text;  // "" for one that needs none.
  };
  struct DatabaseDeleter {
    void operator()(hs_database* database) const noexcept;
  };
  struct Scan;

  void choose(std::span<const MatchLine> lines);
  [[nodiscard]] bool compile_database();
  [[nodiscard]] bool finds_its_texts() const;
  void give_up_database();
  void make_table();
  [[nodiscard]] std::span<const LineUse> uses_of(std::size_t text) const noexcept {
    return std::span{uses_}.subspan(first_uses_[text], first_uses_[text + 1] - first_uses_[text]);
  }
  [[nodiscard]] bool load_lines(PackReader& reader);
  [[nodiscard]] bool load_use(PackReader& reader, LineUse& use) const;
  [[nodiscard]] bool scan(std::string_view response, hs_scratch* scratch,
                          std::vector<std::uint32_t>& found) const;

  std::size_t lines_ = 0;
  std::vector<ByteSet> sets_;  // Those of all prefixes.
  std::vector<Text> texts_;    // By the number that Vectorscan tells...
  std::vector<LineUse> uses_;  // ...and the branches that need each, one text's after another's.
  std::vector<std::uint32_t> first_uses_;  // Of each text; one more for the end.
  std::vector<Direct> directs_;            // By the number that the table tells.
  PrefixTable table_;
  std::unique_ptr<hs_database, DatabaseDeleter> database_;  // None without texts_.
};

}  // namespace trawl::service
