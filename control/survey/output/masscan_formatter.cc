#include "control/survey/output/masscan_formatter.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "control/survey/output/text_writer.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

// What answers a ping is open there.
std::string_view status_of(PortState state) noexcept {
  switch (state) {
    case PortState::Open:
    case PortState::Up: return "open";
    case PortState::Closed: return "closed";
    case PortState::Unreachable:
    case PortState::Unfiltered: break;
  }
  return "unknown";
}

// masscan spells out the flags of a reset: one for a SYN acknowledges it, one for an ACK has no
// need to.
std::string_view reason_of(const Verdict& verdict) noexcept {
  if (verdict.reason != Reason::Reset) return to_string(verdict.reason);
  return verdict.state == PortState::Unfiltered ? "rst" : "rst-ack";
}

// masscan has no name for what it does not know, and a banner for nothing else.
bool has_banner(const ServiceFact& fact) noexcept {
  return !fact.banner.empty() || !fact.service.empty();
}

std::string name_of(const ServiceFact& fact) {
  return fact.service.empty() ? "unknown" : printable(fact.service);
}

// In the texts of masscan these are escaped as well, being markup somewhere.
bool is_markup(char c) noexcept {
  return c == '<' || c == '>' || c == '&' || c == '\\' || c == '"' || c == '\'';
}

void append_escaped(std::string& out, std::string_view bytes, std::string_view how) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && !is_markup(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "{}{:02x}", how, byte);
    }
  }
}

}  // namespace

char* MasscanJsonFormatter::write(char* out, const Verdict& verdict,
                                  std::uint64_t before) noexcept {
  if (before > 0) out = put(out, ",\n");
  out = put_address(put(out, R"({   "ip": ")"), verdict.ip);
  out = put_number(put(out, R"(",   "timestamp": ")"), unix_seconds(verdict.time));
  out = put_number(put(out, R"(", "ports": [ {"port": )"), verdict.port);
  out = put(put(out, R"(, "proto": ")"), to_string(verdict.protocol));
  out = put(put(out, R"(", "status": ")"), status_of(verdict.state));
  out = put(put(out, R"(", "reason": ")"), reason_of(verdict));
  out = put_number(put(out, R"(", "ttl": )"), verdict.ttl);
  return put(out, "} ] }\n");
}

char* MasscanListFormatter::write(char* out, const Verdict& verdict,
                                  std::uint64_t /*before*/) noexcept {
  out = put(out, status_of(verdict.state));
  *out++ = ' ';
  out = put(out, to_string(verdict.protocol));
  *out++ = ' ';
  out = put_number(out, verdict.port);
  *out++ = ' ';
  out = put_address(out, verdict.ip);
  *out++ = ' ';
  out = put_number(out, unix_seconds(verdict.time));
  *out++ = '\n';
  return out;
}

std::string MasscanJsonFormatter::fact_record(const ServiceFact& fact, std::uint64_t before) {
  if (!has_banner(fact)) return {};
  std::string out = before > 0 ? ",\n" : "";
  fmt::format_to(std::back_inserter(out),
                 R"({{   "ip": "{}",   "timestamp": "{}", "ports": [ {{"port": {}, )"
                 R"("proto": "{}", "service": {{"name": ")",
                 fact.ip.to_string(), unix_seconds(fact.time), fact.port, to_string(fact.protocol));
  append_escaped(out, fact.service.empty() ? "unknown" : std::string_view{fact.service}, "\\u00");
  out += R"(", "banner": ")";
  append_escaped(out, fact.banner, "\\u00");
  return out + "\"} } ] }\n";
}

std::string MasscanListFormatter::fact_record(const ServiceFact& fact, std::uint64_t /*before*/) {
  if (!has_banner(fact)) return {};
  std::string out = fmt::format("banner {} {} {} {} {} ", to_string(fact.protocol), fact.port,
                                fact.ip.to_string(), unix_seconds(fact.time), name_of(fact));
  append_escaped(out, fact.banner, "\\x");
  return out + '\n';
}

}  // namespace trawl::control
