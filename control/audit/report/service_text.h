#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"

// What version detection found, in words that more than one format has. Texts come from servers:
// each format escapes them in its own way.
namespace trawl::control {

// The service of a port as reports tell it, whether it was asked or only looked up.
struct ServiceText {
  std::string_view name;     // "" for none; lives as long as the finding and the table.
  bool is_tls = false;       // Spoken within TLS: "ssl/http".
  bool is_probed = false;    // The server said so; else the number of the port does.
  bool is_guessed = false;   // It was asked in vain: "http?".
  unsigned confidence = 3;   // Nmap's: 3 of a table, 8 of tcpwrapped, 10 of an answer.
  std::string_view product;  // As the finding has them, but for RPC: "2-4", "RPC #100000".
  std::string version;
  std::string info;
};
[[nodiscard]] ServiceText service_text(const PortReport& port, const PortNames* names);

// "ssl/http", "smtp?"
[[nodiscard]] std::string service_column(const ServiceText& service, std::string_view unnamed);
// "Apache httpd 2.4.57 ((Debian))", "" for nothing.
[[nodiscard]] std::string version_column(const ServiceText& service);

// Its CPEs: application, hardware, system; of several of a kind the last, as in Nmap's reports.
[[nodiscard]] std::vector<std::string_view> cpes_of(const service::ServiceFinding& finding);

// What the services of a host say of the host: each thing once, at most five of a kind.
struct HostHints {
  std::vector<std::string_view> names;
  std::vector<std::string_view> systems;
  std::vector<std::string_view> devices;
  std::vector<std::string_view> cpes;  // Of hardware and systems.
};
[[nodiscard]] HostHints host_hints(const std::vector<const PortReport*>& ports);

// The fingerprint in lines as Nmap breaks them, "SF:" in front of all but the first.
[[nodiscard]] std::string fingerprint_lines(std::string_view fingerprint);

}  // namespace trawl::control
