#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::service {

enum class Transport : std::uint8_t { Tcp, Udp };

// Ports as a set, of `ports`, `sslports` and `Exclude` lines.
class PortSet {
 public:
  struct Range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
  };
  PortSet() = default;
  // Of ranges in any order, which may overlap. Cost: that of sorting them.
  explicit PortSet(std::vector<Range> ranges);
  [[nodiscard]] bool contains(std::uint16_t port) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  // Sorted, disjoint and with a gap between any two.
  [[nodiscard]] const std::vector<Range>& ranges() const noexcept { return ranges_; }

 private:
  std::vector<Range> ranges_;  // Sorted, disjoint.
};

// A match or softmatch line (Nmap book, "nmap-service-probes File Format"). Its fields and CPEs are
// templates as the file has them, for substitution.h.
struct MatchLine {
  enum class Field : std::uint8_t { Product, Version, Info, Hostname, Os, Device };
  static constexpr std::size_t kFields = 6;

  std::size_t line = 0;  // Of the file, from 1.
  bool is_soft = false;
  std::string service;  // "http"; for "ssl/http" that is the service, and is_tls.
  bool is_tls = false;
  std::string pattern;
  bool ignores_case = false;       // i
  bool dot_takes_newline = false;  // s
  std::array<std::string, kFields> fields;
  std::vector<std::string> cpes;  // Whole: "cpe:/a:openbsd:openssh:$2"; flags are dropped.
};

struct Probe {
  std::size_t line = 0;
  Transport transport = Transport::Tcp;
  std::string name;
  std::string payload;  // Unescaped bytes; "" for NULL.
  bool no_payload = false;
  PortSet ports;
  PortSet tls_ports;
  unsigned rarity = 5;  // 1 to 9; 0 for NULL.
  std::chrono::milliseconds total_wait{5000};
  std::chrono::milliseconds wrapped_wait{2000};  // tcpwrappedms
  std::vector<std::string> fallback_names;
  std::vector<std::size_t> fallbacks;  // Probes of the file, in order; NULL is not among them.
  std::vector<MatchLine> matches;      // In file order, soft ones too.

  [[nodiscard]] bool is_null() const noexcept {
    return payload.empty() && transport == Transport::Tcp;
  }
  // Has a line for that service.
  [[nodiscard]] bool can_match(std::string_view service) const noexcept;
};

// A wrong line, which is left out; the rest of the file is used.
struct ProbeFileProblem {
  std::size_t line = 0;
  std::string reason;
};

struct ProbeFile {
  std::string path;  // For messages.
  std::vector<Probe> probes;
  PortSet excluded_tcp;
  PortSet excluded_udp;
  std::vector<ProbeFileProblem> problems;
  std::optional<std::size_t> null_probe;

  // nullptr when there is none of that name. The same name may be there for TCP and for UDP.
  [[nodiscard]] const Probe* find_probe(std::string_view name, Transport transport) const noexcept;

  static constexpr std::size_t kMostBytes = std::size_t{64} << 20U;
  static constexpr std::size_t kMostProbes = 4096;
  static constexpr std::size_t kMostMatches = 200'000;  // Of all probes.
  static constexpr std::size_t kLongestLine = std::size_t{64} << 10U;
  static constexpr std::size_t kMostProblems = 256;  // One more says that there are more.
};

// Parses a whole file. Wrong lines are among `problems`; the lines of a probe that is left out are
// left out with it. Cost: grows with the text's length, whatever it holds.
[[nodiscard]] ProbeFile parse_probe_file(std::string_view text, std::string path);

// Fails with BadInput, naming the file, when it cannot be read, is over 64 MiB, or holds no probe.
[[nodiscard]] Result<ProbeFile> read_probe_file(const std::string& path);

}  // namespace trawl::service
