#include "osfp/active/scan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace trawl::osfp {
namespace {

constexpr std::size_t kWrapped = 72;

std::string port_text(const std::optional<std::uint16_t>& port) {
  return port ? fmt::format("{}", *port) : std::string{};
}

// A line without its values: "T2(R=%DF=%T=".
std::string names_in(std::string_view line) {
  std::string names;
  bool is_value = false;
  for (const char c : line) {
    if (c == '%') is_value = false;
    if (!is_value) names += c;
    if (c == '=') is_value = true;
  }
  return names;
}

}  // namespace

std::string print_scan_line(const ScanConditions& conditions) {
  std::string text =
      fmt::format("SCAN(V={}%E={}%D={}/{}%OT={}%CT={}%CU={}%PV={}", conditions.version,
                  conditions.ip_version, conditions.month, conditions.day,
                  port_text(conditions.open_port), port_text(conditions.closed_port),
                  port_text(conditions.udp_port), conditions.is_private ? 'Y' : 'N');
  if (conditions.distance) {
    text += fmt::format("%DS={}%DC={}", conditions.distance->hops,
                        static_cast<char>(conditions.distance->source));
  }
  text += fmt::format("%G={}", conditions.is_good ? 'Y' : 'N');
  if (conditions.mac_vendor) text += fmt::format("%M={:06X}", *conditions.mac_vendor);
  return text + fmt::format("%TM={:X}%P={})", conditions.time, conditions.platform);
}

std::string print_rounds(const ScanConditions& conditions, std::span<const Fingerprint> rounds) {
  std::string text = print_scan_line(conditions);
  text += '\n';
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    std::vector<std::string> told;
    for (const Fingerprint& round : rounds) {
      const std::string form = round.print(line_at(i));
      std::string names = names_in(form);
      if (form.empty() || std::find(told.begin(), told.end(), names) != told.end()) continue;
      told.push_back(std::move(names));
      text.append(form).append(1, '\n');
    }
  }
  return text;
}

std::string wrap_for_submission(std::string_view text) {
  std::string plain;
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain),
               [](char c) { return c != '\n'; });
  std::string wrapped;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view piece = rest.substr(0, kWrapped);
    rest.remove_prefix(piece.size());
    wrapped.append("OS:").append(piece).append(1, '\n');
  }
  return wrapped;
}

}  // namespace trawl::osfp
