#include "control/audit/resume/xml_log.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "control/audit/report/report_text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLongestEntity = 8;

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_element(std::string_view text, std::string_view name) {
  if (!text.starts_with('<') || !text.substr(1).starts_with(name)) return false;
  const std::string_view rest = text.substr(1 + name.size());
  return !rest.empty() && (is_space(rest.front()) || rest.front() == '>' || rest.front() == '/');
}

// RFC 3629.
void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x100) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | code >> 6U);
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0U | code >> 12U);
    out += static_cast<char>(0x80U | (code >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else {
    out += static_cast<char>(0xf0U | (code >> 18U & 7U));
    out += static_cast<char>(0x80U | (code >> 12U & 0x3fU));
    out += static_cast<char>(0x80U | (code >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  }
}

// `name` is what stands between "&" and ";". False for one that is not known.
bool append_entity(std::string& out, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [known, letter] : kNamed) {
    if (name != known) continue;
    out += letter;
    return true;
  }
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x');
  if (is_hex) name.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [stop, error] =
      std::from_chars(name.data(), name.data() + name.size(), code, is_hex ? 16 : 10);
  constexpr std::uint32_t kLast = 0x10ffff;
  if (error != std::errc{} || stop != name.data() + name.size() || code > kLast) return false;
  append_utf8(out, code);
  return true;
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t end =
        c == '&' ? text.substr(0, kLongestEntity + 2).find(';') : std::string_view::npos;
    if (end != std::string_view::npos && append_entity(out, text.substr(1, end - 1))) {
      text.remove_prefix(end + 1);
      continue;
    }
    out += c;
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::optional<std::string> xml_attribute(std::string_view text, std::string_view name) {
  const std::size_t first = text.find_first_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  while (true) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals + 1 >= text.size()) return std::nullopt;
    const char quote = text[equals + 1];
    if (quote != '"' && quote != '\'') return std::nullopt;
    const std::size_t end = text.find(quote, equals + 2);
    if (end == std::string_view::npos) return std::nullopt;
    if (text.substr(0, equals) == name) {
      return unescaped(text.substr(equals + 2, end - equals - 2));
    }
    text.remove_prefix(end + 1);
  }
}

bool XmlLog::take(const LogLine& line) {
  if (!line.has_line_feed) return true;  // Torn: what it is of is not finished.
  const std::string_view text = line.text;
  if (text.starts_with("<?xml ")) prologue_ = line.begin;
  if (is_element(text, "nmaprun")) return take_start(line);
  if (!has_begun()) {
    // A prologue, and comments in it, which may be of several lines.
    return text.empty() || text.front() != '{';
  }
  if (was_interrupted_) return true;
  if (text == kInterruptedComment) {
    was_interrupted_ = true;
    return true;
  }
  if (is_element(text, "debugging") && !run().has_whole_start) {
    run().has_whole_start = true;
    run().whole = line.end;
    return true;
  }
  if (is_element(text, "host")) {
    in_host_ = true;
    is_up_ = false;
    address_.clear();
  }
  if (text.starts_with("<runstats><finished ")) {
    in_host_ = false;
    run().has_ended = xml_attribute(text.substr(10), "exit").value_or("success") == "success";
  }
  // The rest of an older end is not cut off yet.
  if (!text.empty() && text.front() != '<') run().has_ended = false;
  if (!in_host_) return true;
  if (text.starts_with("</host>")) return end_host(line);
  take_host_part(text);
  return true;
}

bool XmlLog::take_start(const LogLine& line) {
  const auto command = xml_attribute(line.text, "args");
  if (line.is_cut || !command) return false;
  auto words = split_command_text(*command);
  if (words.empty()) return false;
  words.erase(words.begin());
  begin_run(std::move(words));
  run().start = prologue_;
  in_host_ = was_interrupted_ = false;
  const std::string start = xml_attribute(line.text, "start").value_or("");
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(start.data(), start.data() + start.size(), seconds);
  if (error == std::errc{} && stop == start.data() + start.size()) run().started = time_of(seconds);
  return true;
}

void XmlLog::take_host_part(std::string_view text) {
  // The status is on the line of the host.
  const std::size_t status = text.find("<status state=\"");
  if (status != std::string_view::npos)
    is_up_ = text.substr(status).starts_with("<status state=\"up\"");
  if (!address_.empty() || !is_element(text, "address")) return;
  const auto type = xml_attribute(text, "addrtype");
  if (type != "ipv4" && type != "ipv6") return;
  address_ = xml_attribute(text, "addr").value_or("");
}

bool XmlLog::end_host(const LogLine& line) {
  in_host_ = false;
  if (!run().has_whole_start || !add_host(address_, is_up_)) return false;
  run().whole = line.end;
  run().has_ended = false;
  return true;
}

}  // namespace trawl::control
