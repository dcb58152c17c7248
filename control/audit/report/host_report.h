#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace trawl::control {

enum class HostStatus : std::uint8_t { Unknown, Up, Down };

// What an audit has to say of one host.
struct HostReport {
  IpAddress ip;
  std::string name;               // As the user gave it, "" for none.
  std::string reverse_name;       // Of its PTR record, "" for none.
  std::vector<IpAddress> others;  // Addresses of that name which were left alone.
  HostStatus status = HostStatus::Unknown;
  std::string_view reason = "user-set";
  std::uint8_t reason_ttl = 0;

  [[nodiscard]] std::string_view shown_name() const noexcept {
    return name.empty() ? reverse_name : name;
  }
};

// What the whole audit is, and came to.
struct AuditRun {
  std::string program;  // The name it was called by.
  std::vector<std::string> command_line;
  std::chrono::system_clock::time_point started;
  int verbosity = 0;
  int debugging = 0;
};

struct AuditTotals {
  std::uint64_t hosts = 0;
  std::uint64_t up = 0;
  std::chrono::steady_clock::time_point started;
  std::chrono::system_clock::time_point now;  // The end, or so far...
  std::chrono::duration<double> elapsed{0};   // ...and how long it took until then.

  void tell_time() {
    now = std::chrono::system_clock::now();
    elapsed = std::chrono::steady_clock::now() - started;
  }
};

}  // namespace trawl::control
