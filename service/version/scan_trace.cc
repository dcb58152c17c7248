#include "service/version/scan_trace.h"

#include <fmt/format.h>

#include <string_view>

namespace trawl::service {
namespace {

// As it may be shown on a terminal.
std::string printable(std::string_view bytes) {
  std::string text{bytes};
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '.';
  }
  return text;
}

std::string field(const LineMatch& match, MatchLine::Field which) {
  return printable(match.fields[static_cast<std::size_t>(which)]);
}

}  // namespace

std::string port_text(const ServicePort& port) {
  return fmt::format("{}:{}", port.host.to_string(), port.port);
}

std::string sending_line(const ServicePort& port, const Probe& probe) {
  return fmt::format("Service scan sending probe {} to {} ({})", probe.name, port_text(port),
                     port.transport == Transport::Tcp ? "tcp" : "udp");
}

std::string match_line(const ServicePort& port, const ProbeFile& file, const InquiryCommand& told) {
  using Field = MatchLine::Field;
  const LineMatch& match = *told.match;
  const Probe& whose = file.probes[match.probe];
  const std::size_t line = match.index < whose.matches.size() ? whose.matches[match.index].line : 0;
  const std::string product = field(match, Field::Product);
  const std::string version = field(match, Field::Version);
  const std::string info = field(match, Field::Info);
  const bool has_version = !(product.empty() && version.empty() && info.empty());
  const std::string_view tunnel = told.is_tls ? "SSL/" : match.is_tls ? "ssl/" : "";
  const std::string text =
      fmt::format("(Probe {} matched with {} line {}): {} is {}{}", file.probes[told.probe].name,
                  whose.name, line, port_text(port), tunnel, printable(match.service));
  if (match.is_soft && !has_version) return "Service scan soft match " + text;
  return fmt::format("Service scan match {}.  Version: |{}|{}|{}|", text, product, version, info);
}

std::string abort_line(bool timed_out) {
  return fmt::format("Got nsock CONNECT response with status {} - aborting this service",
                     timed_out ? "TIMEOUT" : "ERROR");
}

}  // namespace trawl::service
