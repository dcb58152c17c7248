#include "control/survey/output/masscan_formatter.h"

#include <string_view>

#include "control/survey/output/text_writer.h"

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

}  // namespace trawl::control
