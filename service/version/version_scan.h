#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "service/match/match_engine.h"
#include "service/nsock/loop.h"
#include "service/probes/probe_file.h"
#include "service/rpc/rpc_table.h"
#include "service/version/service_finding.h"

namespace trawl::service {

struct VersionSettings {
  unsigned intensity = 7;         // 0 to 9.
  bool all_ports = false;         // --allports: Exclude does not count.
  bool is_strict = false;         // --strict-nmap: one connection after the other.
  unsigned parallelism = 3;       // Connections to a port at once (1 when strict).
  std::size_t most_ports = 0;     // Asked at once; 0 for what descriptors allow.
  unsigned per_host = 0;          // Connections to a host at once; 0 for a default.
  std::string program_version{};  // For fingerprints: V=...
  SocketSettings sockets{};       // Source address, device.
  // What RPC servers are asked for; without one, what is compiled in.
  std::shared_ptr<const RpcTable> rpc_programs{};
  // How long that may take, besides a quarter of a second for each answer.
  Wait rpc_patience{std::chrono::seconds{60}};
};

// Asks open ports who they are (Nmap book, "Service and Application Version Detection").
//
// Thread: that of the loop.
class VersionScan {
 public:
  struct Hooks {
    std::function<void(const ServicePort&, ServiceFinding&&)> done;
    // "Service scan sending probe NULL to 198.18.0.5:22 (tcp)", "Service scan match (Probe ...".
    std::function<void(std::string_view)> trace;
    std::function<void(std::string_view)> warn;
  };

  VersionScan(Loop& loop, std::shared_ptr<const ProbeFile> file,
              std::shared_ptr<const MatchEngine> engine, VersionSettings settings, Hooks hooks);
  ~VersionScan();
  VersionScan(const VersionScan&) = delete;
  VersionScan& operator=(const VersionScan&) = delete;

  void add(ServicePort port);
  // Ports that are asked no more: the host timed out, or the audit ends. No callback comes.
  void drop(const IpAddress& host);
  // The same of one that must not get a packet more.
  void abandon(const IpAddress& host);
  [[nodiscard]] std::size_t pending() const noexcept;  // Added and not done.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::service
