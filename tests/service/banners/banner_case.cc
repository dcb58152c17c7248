#include "tests/service/banners/banner_case.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace trawl::service {
namespace {

namespace fs = std::filesystem;

// Reads the JSON that README.md allows: one object of strings, arrays of strings, true and false.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool take(char byte) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != byte) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty()) {
      const char byte = rest_.front();
      rest_.remove_prefix(1);
      if (byte == '"') return text;
      if (byte != '\\') {
        text += byte;
        continue;
      }
      const std::optional<char> escaped = escape();
      if (!escaped) return std::nullopt;
      text += *escaped;
    }
    return std::nullopt;
  }

  std::optional<std::vector<std::string>> strings() {
    std::vector<std::string> all;
    if (!take('[')) return std::nullopt;
    if (take(']')) return all;
    do {
      auto one = string();
      if (!one) return std::nullopt;
      all.push_back(std::move(*one));
    } while (take(','));
    if (!take(']')) return std::nullopt;
    return all;
  }

  std::optional<bool> truth() {
    skip_blanks();
    for (const auto& [word, value] :
         {std::pair{std::string_view{"true"}, true}, {"false", false}}) {
      if (rest_.substr(0, word.size()) != word) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    return std::nullopt;
  }

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  // What follows a backslash; \u only up to U+00FF, as a character is a byte here.
  std::optional<char> escape() {
    if (rest_.empty()) return std::nullopt;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kKinds = "\"\\/bfnrt";
    constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    if (const std::size_t at = kKinds.find(kind); at != std::string_view::npos) return kBytes[at];
    if (kind != 'u' || rest_.size() < 4) return std::nullopt;
    unsigned value = 0;
    const auto read = std::from_chars(rest_.data(), rest_.data() + 4, value, 16);
    if (read.ec != std::errc{} || read.ptr != rest_.data() + 4 || value > 0xff) return std::nullopt;
    rest_.remove_prefix(4);
    return static_cast<char>(value);
  }

  std::string_view rest_;
};

std::string* text_field(BannerCase& found, std::string_view key) {
  constexpr std::array<std::string_view, MatchLine::kFields> kFields = {
      "product", "version", "info", "hostname", "os", "device"};
  if (key == "probe") return &found.probe;
  if (key == "response") return &found.response;
  if (key == "service") return &found.service;
  if (key == "source") return &found.source;
  const auto* at = std::find(kFields.begin(), kFields.end(), key);
  if (at == kFields.end()) return nullptr;
  return &found.fields[static_cast<std::size_t>(at - kFields.begin())];
}

// False when the value is not what the key asks for, or the key is unknown.
bool read_member(Reader& reader, std::string_view key, BannerCase& found) {
  if (key == "cpe") {
    auto cpes = reader.strings();
    if (cpes) found.cpes = std::move(*cpes);
    return cpes.has_value();
  }
  if (key == "soft") {
    const auto soft = reader.truth();
    found.is_soft = soft.value_or(false);
    return soft.has_value();
  }
  auto text = reader.string();
  if (!text) return false;
  if (key == "transport") {
    found.transport = *text == "udp" ? Transport::Udp : Transport::Tcp;
    return *text == "udp" || *text == "tcp";
  }
  std::string* field = text_field(found, key);
  if (field != nullptr) *field = std::move(*text);
  return field != nullptr;
}

}  // namespace

Result<BannerCase> parse_banner_case(std::string_view line, const std::string& place) {
  const auto wrong = [&](const std::string& why) {
    return fail(ExitCode::BadInput, place + ": " + why);
  };
  BannerCase found{.place = place};
  Reader reader(line);
  if (!reader.take('{')) return wrong("not an object");
  do {
    const auto key = reader.string();
    if (!key || !reader.take(':')) return wrong("a key and a colon are missing");
    if (!read_member(reader, *key, found)) return wrong("\"" + *key + "\" is unknown or wrong");
  } while (reader.take(','));
  if (!reader.take('}') || !reader.at_end()) return wrong("the object does not end the line");
  if (found.probe.empty() || found.response.empty() || found.service.empty()) {
    return wrong("probe, response and service must be there");
  }
  return found;
}

Result<std::vector<BannerCase>> read_banner_cases(const std::string& folder) {
  std::vector<fs::path> groups;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".jsonl" && path.stem() != "recorded") groups.push_back(path);
  }
  if (problem) return fail(ExitCode::BadInput, folder + ": " + problem.message());
  std::sort(groups.begin(), groups.end());
  std::vector<BannerCase> cases;
  for (const fs::path& group : groups) {
    std::ifstream in(group, std::ios::binary);
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      auto one = parse_banner_case(line, group.filename().string() + ":" + std::to_string(number));
      if (!one) return tl::unexpected(one.error());
      cases.push_back(std::move(*one));
    }
    if (!in.eof()) return fail(ExitCode::BadInput, group.string() + ": cannot be read");
  }
  return cases;
}

}  // namespace trawl::service
