#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/port_class.h"
#include "base/verdict.h"

namespace trawl {

// What was found out about an open port after it was found open: a record of its own, which may
// follow the port's Verdict much later.
struct ServiceFact {
  std::chrono::system_clock::time_point time{};
  IpAddress ip{};
  std::uint16_t port = 0;
  Protocol protocol = Protocol::Tcp;
  PortClass port_class = PortClass::Unknown;
  // Who said so: "banner" (a conversation of the polling cores) or "version"
  // (service detection), or "os" of what its host is (active OS detection, told with one of its
  // open ports).
  enum class Source : std::uint8_t { Banner, Version, Os } source = Source::Banner;
  std::string service{};  // "http"; "" where it is not known.
  bool is_tls = false;
  std::string product{}, version{}, info{}, hostname{}, os{}, device{};
  std::vector<std::string> cpes{};
  std::string
      probe{};  // The payload or probe that was answered: "GetRequest", "NULL"; "" for none.
  std::uint32_t line = 0;     // Of the probe file, which decided; 0 for none.
  std::string banner{};       // The bytes that came, in order; at most --banner-bytes.
  bool is_cut = false;        // There was more.
  std::string fingerprint{};  // Of version detection, where no line matched.
  std::string trouble{};      // Why it could not be asked.
  std::string evidence{};     // Why a port without words has its class; what a host was told by.
  // What a host may be, the best first.
  struct System {
    std::string name;
    unsigned accuracy = 100;  // Percent; 100 is a perfect match.
    std::uint32_t line = 0;   // Of the file of fingerprints.
  };
  std::vector<System> systems{};
};

}  // namespace trawl
