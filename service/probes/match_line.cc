#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <utility>

#include "service/probes/line_parts.h"

namespace trawl::service {
namespace {

constexpr std::size_t kLongestService = 128;
constexpr std::size_t kMostCpes = 32;
constexpr std::string_view kFieldLetters = "pvihod";  // In the order of MatchLine::Field.
static_assert(kFieldLetters.size() == MatchLine::kFields);

// Only a leading "ssl/" means a tunnel; "H.323/Q.931" is a name.
Part<bool> set_service(MatchLine& line, std::string_view name) {
  constexpr std::string_view kTunnel = "ssl/";
  if (name.starts_with(kTunnel)) {
    line.is_tls = true;
    name.remove_prefix(kTunnel.size());
  }
  if (name.empty()) return wrong("the service has no name");
  if (name.size() > kLongestService) return wrong("the service's name is too long");
  line.service = name;
  return true;
}

Part<bool> take_pattern(MatchLine& line, LineParts& parts) {
  if (!parts.take("m")) {
    return wrong(fmt::format("a pattern m/.../ should be where {} is", quoted(parts.rest())));
  }
  const auto pattern = parts.delimited();
  if (!pattern) return wrong(fmt::format("in the pattern, {}", pattern.error()));
  line.pattern = *pattern;
  for (const char flag : parts.letters()) {
    if (flag == 'i') {
      line.ignores_case = true;
    } else if (flag == 's') {
      line.dot_takes_newline = true;
    } else {
      return wrong(fmt::format("the pattern's flag '{}' is unknown", flag));
    }
  }
  return true;
}

Part<bool> take_cpe(MatchLine& line, LineParts& parts) {
  const auto text = parts.delimited();
  if (!text) return wrong(fmt::format("in the cpe, {}", text.error()));
  if (text->size() < 2 || (*text)[1] != ':' ||
      std::string_view{"aho"}.find(text->front()) == std::string_view::npos) {
    return wrong(fmt::format("the cpe {} begins with none of a:, h: and o:", quoted(*text)));
  }
  if (line.cpes.size() == kMostCpes) return wrong("it has too many cpes");
  line.cpes.push_back(fmt::format("cpe:/{}", *text));
  // "a" says that a program derived it (Nmap book): nothing for a report.
  if (const auto flags = parts.letters(); !flags.empty() && flags != "a") {
    return wrong(fmt::format("the cpe's flag {} is unknown", quoted(flags)));
  }
  return true;
}

Part<bool> take_field(MatchLine& line, LineParts& parts, std::bitset<MatchLine::kFields>& have) {
  if (parts.take("cpe:")) return take_cpe(line, parts);
  const std::size_t field = kFieldLetters.find(parts.rest().front());
  if (field == std::string_view::npos) {
    return wrong(fmt::format("{} is no field of a version", quoted(parts.rest())));
  }
  const char letter = kFieldLetters[field];
  (void)parts.take(kFieldLetters.substr(field, 1));
  const auto text = parts.delimited();
  if (!text) return wrong(fmt::format("in the field {}, {}", letter, text.error()));
  if (have.test(field)) return wrong(fmt::format("the field {} is there twice", letter));
  have.set(field);
  line.fields[field] = *text;
  return true;
}

}  // namespace

Part<MatchLine> parse_match(std::string_view text) {
  MatchLine line;
  LineParts parts{text};
  parts.skip_blanks();
  if (const auto good = set_service(line, parts.word()); !good) return wrong(good.error());
  parts.skip_blanks();
  if (const auto good = take_pattern(line, parts); !good) return wrong(good.error());
  std::bitset<MatchLine::kFields> have;
  for (;;) {
    if (!parts.at_end() && parts.rest().front() != ' ' && parts.rest().front() != '\t') {
      return wrong(fmt::format("a blank should be before {}", quoted(parts.rest())));
    }
    parts.skip_blanks();
    if (parts.at_end()) return line;
    if (const auto good = take_field(line, parts, have); !good) return wrong(good.error());
  }
}

}  // namespace trawl::service
