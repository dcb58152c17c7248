#include "nse/engine/run_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace trawl::nse {
namespace {

// By rounds, for a chain of dependencies may be as long as there are scripts.
class Levels {
 public:
  explicit Levels(const std::vector<Dependent>& scripts)
      : scripts_{scripts}, levels_(scripts.size(), 0), needs_(scripts.size()) {
    std::map<std::string_view, std::size_t> by_id;
    for (std::size_t i = 0; i < scripts.size(); ++i) by_id.emplace(scripts[i].id, i);
    for (std::size_t i = 0; i < scripts.size(); ++i) {
      for (const std::string& id : scripts[i].dependencies) {
        if (const auto it = by_id.find(id); it != by_id.end()) needs_[i].push_back(it->second);
      }
    }
  }

  [[nodiscard]] Result<std::vector<int>> work_out() {
    std::size_t left = scripts_.size();
    for (int level = 1; left > 0; ++level) {
      std::vector<std::size_t> placed;
      for (std::size_t i = 0; i < scripts_.size(); ++i) {
        if (levels_[i] == 0 && may_run(i)) placed.push_back(i);
      }
      if (placed.empty()) return fail(ExitCode::BadInput, circle());
      for (const std::size_t i : placed) levels_[i] = level;
      left -= placed.size();
    }
    return levels_;
  }

 private:
  [[nodiscard]] bool may_run(std::size_t script) const {
    return std::all_of(needs_[script].begin(), needs_[script].end(),
                       [this](std::size_t other) { return levels_[other] != 0; });
  }

  // Every script left waits for one that is left, so following them comes round.
  [[nodiscard]] std::string circle() const {
    std::size_t at = 0;
    while (levels_[at] != 0) ++at;
    std::vector<std::size_t> way;
    for (;;) {
      const auto seen = std::find(way.begin(), way.end(), at);
      if (seen != way.end()) {
        std::string text;
        for (auto it = seen; it != way.end(); ++it) text += scripts_[*it].id + " -> ";
        return fmt::format("scripts depend on each other: {}{}", text, scripts_[at].id);
      }
      way.push_back(at);
      at = *std::find_if(needs_[at].begin(), needs_[at].end(),
                         [this](std::size_t other) { return levels_[other] == 0; });
    }
  }

  const std::vector<Dependent>& scripts_;
  std::vector<int> levels_;
  std::vector<std::vector<std::size_t>> needs_;
};

}  // namespace

Result<std::vector<int>> run_levels(const std::vector<Dependent>& scripts) {
  return Levels{scripts}.work_out();
}

}  // namespace trawl::nse
