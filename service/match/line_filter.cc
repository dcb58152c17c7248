#include "service/match/line_filter.h"

#include <hs/hs.h>

#include <algorithm>
#include <cstdlib>
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

}  // namespace

void LineFilter::DatabaseDeleter::operator()(hs_database* database) const noexcept {
  hs_free_database(database);
}

LineFilter LineFilter::of_everything(std::size_t lines) {
  LineFilter filter;
  filter.lines_ = lines;
  filter.always_.resize(lines);
  std::iota(filter.always_.begin(), filter.always_.end(), 0U);
  return filter;
}

LineFilter LineFilter::compile(std::span<const MatchLine> lines) {
  LineFilter filter;
  filter.lines_ = lines.size();
  std::map<std::pair<std::string, bool>, std::size_t> numbers;
  std::uint32_t line = 0;
  for (auto& chosen : choose_texts(lines)) {
    if (!chosen) {
      filter.always_.push_back(line++);
      continue;
    }
    const auto [number, is_new] =
        numbers.try_emplace({chosen->bytes, chosen->ignores_case}, filter.texts_.size());
    if (is_new) {
      filter.texts_.push_back(
          {.bytes = chosen->bytes, .ignores_case = chosen->ignores_case, .uses = {}});
    }
    const bool has_place = chosen->offset && !chosen->ignores_case;
    const auto place = has_place ? static_cast<std::uint32_t>(*chosen->offset) : kAnywhere;
    filter.texts_[number->second].uses.push_back({.line = line++, .offset = place});
  }
  if (filter.texts_.empty()) return filter;

  std::vector<std::string> patterns;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Text& text : filter.texts_) {
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
  if (done != HS_SUCCESS) return of_everything(lines.size());
  filter.database_.reset(database);
  return filter;
}

std::string LineFilter::save() const {
  PackWriter writer;
  writer.number(static_cast<std::uint32_t>(lines_));
  writer.number(static_cast<std::uint32_t>(always_.size()));
  for (const std::uint32_t line : always_) writer.number(line);
  writer.number(static_cast<std::uint32_t>(texts_.size()));
  for (const Text& text : texts_) {
    writer.bytes(text.bytes);
    writer.number(text.ignores_case ? 1 : 0);
    writer.number(static_cast<std::uint32_t>(text.uses.size()));
    for (const Use& use : text.uses) {
      writer.number(use.line);
      writer.number(use.offset);
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
  filter.always_.resize(reader.count(sizeof(std::uint32_t)));
  for (std::uint32_t& line : filter.always_) line = take_line();
  filter.texts_.resize(reader.count(3 * sizeof(std::uint32_t)));
  for (Text& text : filter.texts_) {
    text.bytes = reader.bytes();
    text.ignores_case = reader.number() != 0;
    text.uses.resize(reader.count(2 * sizeof(std::uint32_t)));
    for (Use& use : text.uses) {
      use.line = take_line();
      use.offset = reader.number();
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

  void add(const Text& text) const {
    for (const Use& use : text.uses) {
      // It may stand there as well as where it was found first.
      const bool is_there =
          use.offset == kAnywhere || (use.offset <= response.size() &&
                                      response.substr(use.offset, text.bytes.size()) == text.bytes);
      if (is_there) found.push_back(use.line);
    }
  }
  static int on_match(unsigned id, unsigned long long /*from*/, unsigned long long /*to*/,
                      unsigned /*flags*/, void* context) {
    const Scan& scan = *static_cast<const Scan*>(context);
    scan.add(scan.filter.texts_[id]);
    return 0;
  }
};

void LineFilter::find(std::string_view response, hs_scratch* scratch,
                      std::vector<std::uint32_t>& found) const {
  found.clear();
  Scan scan{.filter = *this, .response = response, .found = found};
  const bool fits = response.size() <= std::numeric_limits<unsigned>::max();
  const char* bytes = response.data() == nullptr ? "" : response.data();
  if (database_ && (!fits || hs_scan(database_.get(), bytes, static_cast<unsigned>(response.size()),
                                     0, scratch, &Scan::on_match, &scan) != HS_SUCCESS)) {
    found.resize(lines_);
    std::iota(found.begin(), found.end(), 0U);
    return;
  }
  found.insert(found.end(), always_.begin(), always_.end());
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

}  // namespace trawl::service
