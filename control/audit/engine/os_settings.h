#pragma once

#include <optional>
#include <string>

namespace trawl::control {

// What is asked of OS detection (Nmap book, "OS Detection").
struct OsSettings {
  bool is_wanted = false;       // -O
  bool only_promising = false;  // --osscan-limit: only hosts with an open and a closed TCP port.
  bool guesses = false;         // --osscan-guess
  std::optional<unsigned> most_tries{};  // --max-os-tries
  bool per_port = false;                 // --os-per-port
};

}  // namespace trawl::control
