#include "control/audit/report/kiddie_format.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

namespace trawl::control {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Addresses, ports and times: changed, they could not be read back.
bool stays(std::string_view word) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::any_of(word, is_digit) || std::ranges::count(word, ':') > 1;
}

// A line of an OS fingerprint, "OS:SCAN(V=..." or "SEQ(SP=...)": databases are written by it.
bool is_fingerprint(std::string_view line) {
  if (line.starts_with("OS:")) return true;
  const auto is_name = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const std::string_view name = line.substr(0, line.find('('));
  return !name.empty() && name.size() < line.size() && line.ends_with(')') &&
         std::ranges::all_of(name, is_name);
}

char replaced(char c, std::uint32_t dice) {
  switch (c | 0x20) {
    case 'a': return dice % 3 == 0 ? '4' : c;
    case 'e': return dice % 3 != 0 ? '3' : c;
    case 'i': return dice % 4 == 0 ? '!' : (dice % 4 == 1 ? '|' : c);
    case 'o': return dice % 3 != 0 ? '0' : c;
    case 's': return dice % 3 == 0 ? '$' : (dice % 3 == 1 ? 'z' : c);
    default: return c;
  }
}

std::string spelled(std::string text) {
  std::uint32_t dice = 2166136261U;  // FNV-1a over what came before, so no state is kept.
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n()", at), text.size());
    if (at == 0 || text[at - 1] == '\n') {
      const std::size_t line_end = std::min(text.find('\n', at), text.size());
      if (is_fingerprint(std::string_view{text}.substr(at, line_end - at))) {
        at = line_end + 1;
        continue;
      }
    }
    const bool kept = stays(std::string_view{text}.substr(at, end - at));
    for (; at < end; ++at) {
      dice = (dice ^ static_cast<unsigned char>(text[at])) * 16777619U;
      if (kept || !is_letter(text[at])) continue;
      const char c = replaced(text[at], dice >> 16U);
      const bool flips = is_letter(c) && (dice >> 24U) % 4 == 0;
      text[at] = flips ? static_cast<char>(c ^ 0x20) : c;
    }
    ++at;
  }
  return text;
}

}  // namespace

std::string KiddieFormat::header() const { return spelled(screen_.header()); }

std::string KiddieFormat::host(const HostReport& report) const {
  return spelled(screen_.host(report));
}

std::string KiddieFormat::scripts(bool is_before, const std::vector<ScriptReport>& scripts) const {
  return spelled(screen_.scripts(is_before, scripts));
}

std::string KiddieFormat::footer(const AuditTotals& totals) const {
  return spelled(screen_.footer(totals));
}

std::string KiddieFormat::lone_text(std::string_view text) const {
  return spelled(screen_.lone_text(text));
}

}  // namespace trawl::control
