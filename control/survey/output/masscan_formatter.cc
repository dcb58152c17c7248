#include "control/survey/output/masscan_formatter.h"

#include <string_view>

#include "control/survey/output/text_writer.h"

namespace trawl::control {
namespace {

std::string_view status_of(PortState state) noexcept {
  return state == PortState::Unreachable ? "unknown" : to_string(state);
}

// masscan spells out the flags of a reset.
std::string_view reason_of(Reason reason) noexcept {
  return reason == Reason::Reset ? "rst-ack" : to_string(reason);
}

}  // namespace

char* MasscanJsonFormatter::write(char* out, const Verdict& verdict,
                                  std::uint64_t before) noexcept {
  if (before > 0) out = put(out, ",\n");
  out = put_address(put(out, R"({   "ip": ")"), verdict.ip);
  out = put_number(put(out, R"(",   "timestamp": ")"), unix_seconds(verdict.time));
  out = put_number(put(out, R"(", "ports": [ {"port": )"), verdict.port);
  out = put_protocol(put(out, R"(, "proto": ")"), verdict);
  out = put(put(out, R"(", "status": ")"), status_of(verdict.state));
  out = put(put(out, R"(", "reason": ")"), reason_of(verdict.reason));
  out = put_number(put(out, R"(", "ttl": )"), verdict.ttl);
  return put(out, "} ] }\n");
}

char* MasscanListFormatter::write(char* out, const Verdict& verdict,
                                  std::uint64_t /*before*/) noexcept {
  out = put(out, status_of(verdict.state));
  *out++ = ' ';
  out = put_protocol(out, verdict);
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
