#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace trawl::nse {

// What is known of a service; "" for what is not.
struct PortVersion {
  std::string name{}, product{}, version{}, extra_info{}, host_name{}, os_type{}, device_type{};
  std::string fingerprint{};  // Of what no pattern matched.
  std::vector<std::string> cpe{};
  double confidence = 0;   // Of the name, 0 to 10.
  bool tunnelled = false;  // Through TLS.
  bool probed = false;     // Else the name is from the table of ports.
};

struct PortFacts {
  std::uint16_t number = 0;
  std::string protocol = "tcp";
  std::string state{};   // "open|filtered"...
  std::string reason{};  // "syn-ack"
  int reason_ttl = 0;
  PortVersion version{};
};

// What scripts see of a host. MAC addresses are six bytes, "" for none.
struct HostFacts {
  IpAddress ip{};
  std::optional<IpAddress> source{};  // Ours, on the way there.
  std::string name{};                 // By reverse DNS.
  std::string target_name{};          // As the target was given, unless that is an address.
  std::string interface {};
  int interface_mtu = 0;
  std::optional<bool> directly_connected{};
  std::string mac{}, mac_source{}, mac_next_hop{};
  std::string reason{};  // Why it is taken to be up.
  int reason_ttl = 0;
  // In seconds; no times at all without a timeout.
  std::optional<double> srtt{}, rttvar{}, timeout{};
  struct OsClass {
    std::string vendor{}, family{}, generation{}, type{};
    std::vector<std::string> cpe{};
  };
  struct OsMatch {
    std::string name{};
    std::vector<OsClass> classes{};
  };
  std::vector<OsMatch> os{};  // Perfect matches.
  std::string os_fingerprint{};
  struct Hop {
    std::optional<IpAddress> ip{};  // None where nobody answered.
    std::string name{};
    double srtt = 0;  // Seconds.
  };
  std::vector<Hop> hops{};
};

struct InterfaceFacts {
  std::string device{};
  std::string short_name{};  // Without what follows ':' in an alias.
  IpAddress address{};
  unsigned prefix_length = 0;
  std::string link{};  // "ethernet", "loopback", "p2p" or "other".
  std::string mac{};
  std::optional<IpAddress> broadcast{};
  bool up = false;
  int mtu = 0;
};

}  // namespace trawl::nse
