#include "service/match/line_filter.h"

#include <hs/hs.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "service/match/byte_pack.h"
#include "service/match/line_pattern.h"
#include "service/match/pattern_prefix.h"
#include "service/match/text_choice.h"

namespace trawl::service {
namespace {

// A text as a pattern that means just its bytes.
std::string as_pattern(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string pattern;
  pattern.reserve(4 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    pattern += "\\x";
    pattern += kDigits[byte >> 4U];
    pattern += kDigits[byte & 15U];
  }
  return pattern;
}

// As many texts as Vectorscan finds reliably, none shorter than kShortestText.
constexpr std::size_t kFewest = 256;

constexpr std::size_t kChecks = 8;  // For each text.
constexpr std::string_view kFillers{"a \0\n\xffz0", 7};

constexpr std::size_t kMostSets = std::numeric_limits<std::uint16_t>::max();

std::string_view set_bytes(const ByteSet& set) noexcept {
  return {reinterpret_cast<const char*>(set.words.data()), sizeof set.words};
}

// Gives each set a number, the first one to that of all bytes.
class SetNumbers {
 public:
  explicit SetNumbers(std::vector<ByteSet>& sets) : sets_{sets} { number_of(ByteSet::all()); }

  std::uint16_t number_of(const ByteSet& set) {
    if (sets_.size() == kMostSets && !numbers_.contains(set)) return 0;
    const auto [number, is_new] =
        numbers_.try_emplace(set, static_cast<std::uint16_t>(sets_.size()));
    if (is_new) sets_.push_back(set);
    return number->second;
  }

 private:
  std::vector<ByteSet>& sets_;
  std::map<ByteSet, std::uint16_t> numbers_;
};

// A branch of a line's pattern.
struct Branch {
  std::uint32_t line = 0;
  PatternPrefix prefix;
};

// All branches, and the texts that each needs.
struct Branches {
  std::vector<Branch> list;
  std::vector<std::vector<NeededText>> needed;
};

Branches branches_of(std::span<const MatchLine> lines) {
  Branches branches;
  for (std::uint32_t line = 0; line < lines.size(); ++line) {
    const auto read = read_pattern(lines[line].pattern, lines[line].ignores_case);
    if (!read) {
      branches.list.push_back({.line = line, .prefix = LinePattern::prefix(lines[line])});
      branches.needed.emplace_back();
      continue;
    }
    for (const PatternBranch& branch : *read) {
      branches.list.push_back({.line = line, .prefix = pattern_prefix(branch)});
      branches.needed.push_back(needed_texts(branch));
    }
  }
  return branches;
}

}  // namespace

void LineFilter::DatabaseDeleter::operator()(hs_database* database) const noexcept {
  hs_free_database(database);
}

void LineFilter::choose(std::span<const MatchLine> lines) {
  lines_ = lines.size();
  const Branches branches = branches_of(lines);
  const auto chosen = choose_texts(branches.needed);
  SetNumbers sets{sets_};
  std::map<std::pair<std::string, bool>, std::size_t> numbers;
  std::vector<std::vector<LineUse>> uses;  // Of each text.
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Branch& branch = branches.list[i];
    LineUse use{.line = branch.line,
                .least = branch.prefix.least,
                .ignores_case = lines[branch.line].ignores_case};
    std::transform(branch.prefix.sets.begin(), branch.prefix.sets.end(), use.sets.begin(),
                   [&sets](const ByteSet& set) { return sets.number_of(set); });
    if (chosen[i] && chosen[i]->fixed) {
      use.offset = static_cast<std::uint32_t>(*chosen[i]->fixed->offset);
      use.set_fixed(chosen[i]->fixed->bytes);
    }
    const std::string text = chosen[i] ? chosen[i]->bytes : std::string{};
    if (text.size() < kShortestText) {
      directs_.push_back({.use = use, .text = text});
      continue;
    }
    const auto [number, is_new] = numbers.try_emplace({text, use.ignores_case}, texts_.size());
    if (is_new) texts_.push_back({.bytes = text, .ignores_case = use.ignores_case});
    uses.resize(texts_.size());
    uses[number->second].push_back(use);
  }
  for (const auto& each : uses) {
    first_uses_.push_back(static_cast<std::uint32_t>(uses_.size()));
    uses_.insert(uses_.end(), each.begin(), each.end());
  }
  first_uses_.push_back(static_cast<std::uint32_t>(uses_.size()));
}

LineFilter LineFilter::compile(std::span<const MatchLine> lines) {
  LineFilter filter;
  filter.choose(lines);
  const bool is_good =
      filter.texts_.size() >= kFewest && filter.compile_database() && filter.finds_its_texts();
  if (!is_good) filter.give_up_database();
  filter.make_table();
  return filter;
}

void LineFilter::give_up_database() {
  database_.reset();
  for (std::size_t text = 0; text < texts_.size(); ++text) {
    for (const LineUse& use : uses_of(text)) {
      directs_.push_back({.use = use, .text = texts_[text].bytes});
    }
  }
  texts_.clear();
  uses_.clear();
  first_uses_.assign(1, 0);
}

void LineFilter::make_table() {
  std::vector<PrefixSets> prefixes;
  prefixes.reserve(directs_.size());
  for (const Direct& direct : directs_) prefixes.push_back(direct.use.sets);
  table_ = PrefixTable{prefixes, sets_};
}

bool LineFilter::compile_database() {
  std::vector<std::string> patterns;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Text& text : texts_) {
    ids.push_back(static_cast<unsigned>(patterns.size()));
    patterns.push_back(as_pattern(text.bytes));
    flags.push_back(HS_FLAG_SINGLEMATCH | (text.ignores_case ? HS_FLAG_CASELESS : 0U));
  }
  std::vector<const char*> pointers;
  for (const std::string& pattern : patterns) pointers.push_back(pattern.c_str());
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const auto done = hs_compile_multi(pointers.data(), flags.data(), ids.data(),
                                     static_cast<unsigned>(pointers.size()), HS_MODE_BLOCK, nullptr,
                                     &database, &error);
  hs_free_compile_error(error);
  database_.reset(database);
  return done == HS_SUCCESS;
}

// Whether each text is found at different places of responses of different lengths.
bool LineFilter::finds_its_texts() const {
  hs_scratch* scratch = nullptr;
  bool is_good = allocate(scratch);
  struct Sought {
    unsigned text = 0;
    bool is_there = false;
  };
  const auto on_match = [](unsigned id, unsigned long long, unsigned long long, unsigned,
                           void* context) {
    Sought& sought = *static_cast<Sought*>(context);
    if (id == sought.text) sought.is_there = true;
    return 0;
  };
  std::size_t before = 0;
  for (std::size_t i = 0; i < kChecks * texts_.size() && is_good; ++i) {
    Sought sought{.text = static_cast<unsigned>(i / kChecks)};
    const std::string& text = texts_[sought.text].bytes;
    // Steps that share no factor with the widths of vector registers.
    before = (before + 37) % 251;
    std::string response(before, kFillers[i % kFillers.size()]);
    response += text;
    response.append((before * 7) % 83, kFillers[before % kFillers.size()]);
    is_good = hs_scan(database_.get(), response.data(), static_cast<unsigned>(response.size()), 0,
                      scratch, on_match, &sought) == HS_SUCCESS &&
              sought.is_there;
  }
  hs_free_scratch(scratch);
  return is_good;
}

std::string LineFilter::save() const {
  PackWriter writer;
  writer.number(static_cast<std::uint32_t>(lines_));
  writer.number(static_cast<std::uint32_t>(sets_.size()));
  for (const ByteSet& set : sets_) writer.bytes(set_bytes(set));
  writer.number(static_cast<std::uint32_t>(directs_.size()));
  for (const Direct& direct : directs_) {
    writer.bytes(direct.text);
    direct.use.save(writer);
  }
  writer.number(static_cast<std::uint32_t>(texts_.size()));
  for (std::size_t text = 0; text < texts_.size(); ++text) {
    writer.bytes(texts_[text].bytes);
    writer.number(texts_[text].ignores_case ? 1 : 0);
    writer.number(static_cast<std::uint32_t>(uses_of(text).size()));
    for (const LineUse& use : uses_of(text)) use.save(writer);
  }
  char* bytes = nullptr;
  std::size_t size = 0;
  if (database_ && hs_serialize_database(database_.get(), &bytes, &size) == HS_SUCCESS) {
    writer.bytes({bytes, size});
    std::free(bytes);
  } else {
    writer.bytes({});
  }
  return writer.take();
}

// All but the database. False where a number is none that can be.
bool LineFilter::load_lines(PackReader& reader) {
  sets_.resize(reader.count(sizeof(ByteSet)));
  for (ByteSet& set : sets_) {
    const std::string_view bytes = reader.bytes();
    if (bytes.size() != sizeof set.words) return false;
    std::memcpy(set.words.data(), bytes.data(), bytes.size());
  }
  directs_.resize(reader.count(LineUse::kPacked));
  for (Direct& direct : directs_) {
    direct.text = reader.bytes();
    if (!load_use(reader, direct.use)) return false;
  }
  texts_.resize(reader.count(3 * sizeof(std::uint32_t)));
  first_uses_.assign(1, 0);
  for (Text& text : texts_) {
    text.bytes = reader.bytes();
    text.ignores_case = reader.number() != 0;
    for (std::uint32_t left = reader.count(LineUse::kPacked); left > 0; --left) {
      if (!load_use(reader, uses_.emplace_back())) return false;
    }
    first_uses_.push_back(static_cast<std::uint32_t>(uses_.size()));
  }
  return reader.is_good();
}

bool LineFilter::load_use(PackReader& reader, LineUse& use) const {
  return use.load(reader) && use.line < lines_ &&
         std::all_of(use.sets.begin(), use.sets.end(),
                     [this](std::uint16_t set) { return set < sets_.size(); });
}

std::optional<LineFilter> LineFilter::load(std::string_view bytes, std::size_t lines) {
  LineFilter filter;
  PackReader reader{bytes};
  filter.lines_ = reader.number();
  if (filter.lines_ != lines || !filter.load_lines(reader)) return std::nullopt;
  filter.make_table();
  const std::string_view database = reader.bytes();
  if (!reader.is_at_end() || database.empty() != filter.texts_.empty()) return std::nullopt;
  if (database.empty()) return filter;
  hs_database_t* made = nullptr;
  if (hs_deserialize_database(database.data(), database.size(), &made) != HS_SUCCESS) {
    return std::nullopt;
  }
  filter.database_.reset(made);
  return filter;
}

std::string LineFilter::platform() {
  hs_platform_info_t info{};
  if (hs_populate_platform(&info) != HS_SUCCESS) info = {};
  return std::string{hs_version()} + ' ' + std::to_string(info.tune) + ' ' +
         std::to_string(info.cpu_features) + ' ' + std::to_string(sizeof(void*));
}

bool LineFilter::allocate(hs_scratch*& scratch) const {
  return !database_ || hs_alloc_scratch(database_.get(), &scratch) == HS_SUCCESS;
}

struct LineFilter::Scan {
  const LineFilter& filter;
  std::string_view response;
  std::vector<std::uint32_t>& found;

  static int on_match(unsigned id, unsigned long long /*from*/, unsigned long long /*to*/,
                      unsigned /*flags*/, void* context) {
    const Scan& scan = *static_cast<const Scan*>(context);
    for (const LineUse& use : scan.filter.uses_of(id)) {
      if (use.allows_begin(scan.response, scan.filter.sets_) && use.allows_rest(scan.response)) {
        scan.found.push_back(use.line);
      }
    }
    return 0;
  }
};

bool LineFilter::scan(std::string_view response, hs_scratch* scratch,
                      std::vector<std::uint32_t>& found) const {
  if (!database_) return true;
  Scan scan{.filter = *this, .response = response, .found = found};
  return response.size() <= std::numeric_limits<unsigned>::max() &&
         hs_scan(database_.get(), response.data(), static_cast<unsigned>(response.size()), 0,
                 scratch, &Scan::on_match, &scan) == HS_SUCCESS;
}

void LineFilter::find(std::string_view response, hs_scratch* scratch,
                      std::vector<std::uint32_t>& found) const {
  found.clear();
  if (response.data() == nullptr) response = std::string_view{""};
  if (!scan(response, scratch, found)) {
    found.resize(lines_);
    std::iota(found.begin(), found.end(), 0U);
    return;
  }
  table_.for_each(response, [&](std::size_t number) {
    const Direct& direct = directs_[number];
    if (direct.use.allows_rest(response) &&
        (direct.text.empty() || stands_in(direct.text, direct.use.ignores_case, response))) {
      found.push_back(direct.use.line);
    }
  });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

}  // namespace trawl::service
