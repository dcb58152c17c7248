#include "nse/engine/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "nse/engine/script_expression.h"

namespace trawl::nse {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlank = " \t\r\n\v\f";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

class Chooser {
 public:
  explicit Chooser(const ScriptSources& sources) : sources_{sources} {}

  [[nodiscard]] Result<void> choose(std::string_view part) {
    const std::string_view whole = part;
    const bool forced = part.starts_with('+');
    if (forced) part = trim(part.substr(1));
    if (choose_indexed(part, forced) || choose_file(part, forced)) return {};
    if (found_folder_) {
      return fail(
          ExitCode::Usage,
          fmt::format("--script: {} is a folder; write {}/ for all scripts in it", whole, whole));
    }
    return fail(ExitCode::Usage,
                fmt::format("--script: '{}' is no category, script, file or folder/", whole));
  }
  [[nodiscard]] std::vector<ChosenScript> take() { return std::move(chosen_); }

 private:
  void add(const fs::path& path, bool named, bool forced) {
    const auto [it, is_new] = known_.try_emplace(path.lexically_normal().string(), chosen_.size());
    if (is_new) chosen_.push_back({path, false, false});
    ChosenScript& script = chosen_[it->second];
    script.named = script.named || named;
    script.forced = script.forced || forced;
  }

  bool choose_indexed(std::string_view part, bool forced) {
    const auto expression = ScriptExpression::parse(part);
    if (!expression) return false;
    return std::any_of(
        sources_.databases.begin(), sources_.databases.end(),
        [&](const IndexedScripts& database) { return choose_in(database, *expression, forced); });
  }

  bool choose_in(const IndexedScripts& database, const ScriptExpression& expression, bool forced) {
    bool any = false;
    for (const DatabaseEntry& entry : database.entries) {
      const ScriptExpression::Answer answer = expression.ask(entry);
      if (!answer.chosen) continue;
      any = true;
      add(database.folder / entry.filename, answer.named, forced);
    }
    return any;
  }

  bool choose_file(std::string_view part, bool forced) {
    if (part.empty() || part.find('\0') != std::string_view::npos) return false;
    const fs::path name{part};
    if (name.is_absolute()) return choose_at(name, forced);
    return std::any_of(sources_.search_folders.begin(), sources_.search_folders.end(),
                       [&](const fs::path& folder) { return choose_at(folder / name, forced); });
  }

  bool choose_at(const fs::path& path, bool forced) {
    std::error_code none;
    if (fs::is_directory(path, none)) {
      if (path.has_filename()) {
        found_folder_ = true;
        return false;
      }
      return choose_folder(path, forced);
    }
    for (const fs::path& file : {path, fs::path{path.string() + ".nse"}}) {
      if (!fs::is_regular_file(file, none)) continue;
      add(file, true, forced);
      return true;
    }
    return false;
  }

  bool choose_folder(const fs::path& folder, bool forced) {
    std::error_code none;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder, none}) {
      if (entry.path().extension() == ".nse") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) add(file, true, forced);
    return !files.empty();
  }

  const ScriptSources& sources_;
  std::vector<ChosenScript> chosen_;
  std::map<std::string, std::size_t> known_;
  bool found_folder_ = false;
};

}  // namespace

Result<std::vector<ChosenScript>> choose_scripts(std::string_view text,
                                                 const ScriptSources& sources) {
  Chooser chooser{sources};
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    if (auto done = chooser.choose(part); !done) return Failure{done.error()};
  }
  return chooser.take();
}

}  // namespace trawl::nse
