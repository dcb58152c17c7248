#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/service_fact.h"
#include "service/probes/probe_file.h"

namespace trawl::service {

// Whom version detection asks.
struct ServicePort {
  IpAddress host{};
  std::uint32_t zone = 0;
  std::uint16_t port = 0;
  Transport transport = Transport::Tcp;
  bool is_certain = true;   // False for open|filtered: nothing that answers leaves it unknown.
  std::string host_name{};  // For SNI; "" for none.
  std::uint64_t tag = 0;    // Of the asker.
};

// Why it is called so.
struct Evidence {
  std::string probe;       // "GetRequest", "" for none.
  std::string line_probe;  // Whose line matched: another one's where the probe falls back to it.
  std::size_t line = 0;    // Of the probe file, 0 for none.
  std::string response;    // The bytes that decided, at most kMostEvidence.
};

// What a port's service is.
struct ServiceFinding {
  enum class Outcome : std::uint8_t {
    Excluded,     // Exclude of the probe file; it was not asked.
    Silent,       // It answered nothing; it is what the table says.
    Unknown,      // It answered what no line knows: fingerprint.
    SoftMatched,  // `name` is known, the version is not: fingerprint.
    Matched,
    Wrapped,    // tcpwrapped
    Failed,     // It could not be asked: `trouble`.
    Incomplete  // Soft-matched, and then it took no connection any more: a guess.
  };
  Outcome outcome = Outcome::Silent;
  std::string name;     // "http"; "" where it is not known.
  bool is_tls = false;  // tunnel="ssl"
  std::string product, version, info, hostname, os, device;
  std::vector<std::string> cpes;
  bool answered = false;    // Something came: an open|filtered port is open.
  std::string fingerprint;  // "SF-Port80-TCP:V=...;", in one line; "" for none.
  struct Rpc {
    std::uint32_t number = 0;
    std::uint32_t low = 0, high = 0;  // Versions.
  };
  std::optional<Rpc> rpc;  // What RPC grinding found; `name` is the program's.
  Evidence evidence;
  std::string trouble;
  std::shared_ptr<const ServiceFact> host;  // What was found out about its host along with it.

  static constexpr std::size_t kMostEvidence = 4096;
};

}  // namespace trawl::service
