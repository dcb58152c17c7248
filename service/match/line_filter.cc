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

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_same_letter(char a, char b) noexcept { return lower(a) == lower(b); }

}  // namespace

void LineFilter::DatabaseDeleter::operator()(hs_database* database) const noexcept {
  hs_free_database(database);
}

bool LineFilter::Use::allows(std::string_view response) const noexcept {
  if (response.size() < offset || response.size() - offset < fixed.size()) return false;
  const std::string_view there = response.substr(offset, fixed.size());
  return ignores_case ? std::equal(there.begin(), there.end(), fixed.begin(), is_same_letter)
                      : there == fixed;
}

bool LineFilter::Text::stands_in(std::string_view response) const noexcept {
  if (!ignores_case) {
    return ::memmem(response.data(), response.size(), bytes.data(), bytes.size()) != nullptr;
  }
  return std::search(response.begin(), response.end(), bytes.begin(), bytes.end(),
                     is_same_letter) != response.end();
}

void LineFilter::choose(std::span<const MatchLine> lines) {
  lines_ = lines.size();
  std::map<std::pair<std::string, bool>, std::size_t> numbers;
  std::uint32_t line = 0;
  for (const auto& chosen : choose_texts(lines)) {
    if (!chosen) {
      others_.push_back({.line = line, .lead = LinePattern::lead(lines[line])});
      ++line;
      continue;
    }
    Use use{.line = line++, .ignores_case = chosen->ignores_case, .offset = 0, .fixed = {}};
    if (chosen->fixed) {
      use.offset = static_cast<std::uint32_t>(*chosen->fixed->offset);
      use.fixed = chosen->fixed->bytes;
    }
    const bool is_short = chosen->bytes.size() < kShortestText;
    std::vector<Text>& texts = is_short ? alone_ : texts_;
    const auto [number, is_new] =
        numbers.try_emplace({chosen->bytes, chosen->ignores_case}, texts.size());
    if (is_new) {
      texts.push_back({.bytes = chosen->bytes, .ignores_case = chosen->ignores_case, .uses = {}});
    }
    texts[number->second].uses.push_back(std::move(use));
  }
}

LineFilter LineFilter::compile(std::span<const MatchLine> lines) {
  LineFilter filter;
  filter.choose(lines);
  const bool is_good =
      filter.texts_.size() >= kFewest && filter.compile_database() && filter.finds_its_texts();
  if (!is_good) filter.give_up_database();
  return filter;
}

void LineFilter::give_up_database() {
  database_.reset();
  std::move(texts_.begin(), texts_.end(), std::back_inserter(alone_));
  texts_.clear();
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
  std::vector<std::uint32_t> found;
  std::size_t before = 0;
  for (std::size_t i = 0; i < kChecks * texts_.size() && is_good; ++i) {
    const Text& text = texts_[i / kChecks];
    // Steps that share no factor with the widths of vector registers.
    before = (before + 37) % 251;
    std::string response(text.uses[0].offset, kFillers[i % kFillers.size()]);
    response += text.uses[0].fixed;
    response.append(before, kFillers[i % kFillers.size()]);
    response += text.bytes;
    response.append((before * 7) % 83, kFillers[before % kFillers.size()]);
    found.clear();
    is_good = scan(response, scratch, found) &&
              std::find(found.begin(), found.end(), text.uses[0].line) != found.end();
  }
  hs_free_scratch(scratch);
  return is_good;
}

std::string LineFilter::save() const {
  PackWriter writer;
  writer.number(static_cast<std::uint32_t>(lines_));
  writer.number(static_cast<std::uint32_t>(others_.size()));
  for (const Other& other : others_) {
    writer.number(other.line);
    writer.number(static_cast<std::uint32_t>(other.lead.least));
    writer.bytes(other.lead.firsts.to_string());
  }
  for (const auto* texts : {&texts_, &alone_}) {
    writer.number(static_cast<std::uint32_t>(texts->size()));
    for (const Text& text : *texts) {
      writer.bytes(text.bytes);
      writer.number(text.ignores_case ? 1 : 0);
      writer.number(static_cast<std::uint32_t>(text.uses.size()));
      for (const Use& use : text.uses) {
        writer.number(use.line);
        writer.number(use.offset);
        writer.bytes(use.fixed);
      }
    }
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

std::optional<LineFilter> LineFilter::load(std::string_view bytes, std::size_t lines) {
  LineFilter filter;
  PackReader reader{bytes};
  filter.lines_ = reader.number();
  if (filter.lines_ != lines) return std::nullopt;
  bool is_good = true;
  const auto take_line = [&] {
    const std::uint32_t line = reader.number();
    is_good = is_good && line < lines;
    return line;
  };
  filter.others_.resize(reader.count(3 * sizeof(std::uint32_t)));
  for (Other& other : filter.others_) {
    other.line = take_line();
    other.lead.least = reader.number();
    const std::string_view firsts = reader.bytes();
    is_good = is_good && firsts.size() == other.lead.firsts.size() &&
              firsts.find_first_not_of("01") == std::string_view::npos;
    if (!is_good) return std::nullopt;
    other.lead.firsts = std::bitset<256>{firsts.data(), firsts.size()};
  }
  for (auto* texts : {&filter.texts_, &filter.alone_}) {
    texts->resize(reader.count(3 * sizeof(std::uint32_t)));
    for (Text& text : *texts) {
      text.bytes = reader.bytes();
      text.ignores_case = reader.number() != 0;
      text.uses.resize(reader.count(3 * sizeof(std::uint32_t)));
      for (Use& use : text.uses) {
        use.line = take_line();
        use.ignores_case = text.ignores_case;
        use.offset = reader.number();
        use.fixed = reader.bytes();
      }
    }
  }
  const std::string_view database = reader.bytes();
  if (!is_good || !reader.is_at_end() || database.empty() != filter.texts_.empty())
    return std::nullopt;
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
    const Text& text = scan.filter.texts_[id];
    for (const Use& use : text.uses) {
      if (use.allows(scan.response)) scan.found.push_back(use.line);
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
  for (const Other& other : others_) {
    if (other.lead.allows(response)) found.push_back(other.line);
  }
  for (const Text& text : alone_) {
    std::optional<bool> is_there;
    for (const Use& use : text.uses) {
      if (!use.allows(response)) continue;
      if (!is_there) is_there = text.stands_in(response);
      if (*is_there) found.push_back(use.line);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

}  // namespace trawl::service
