#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace trawl::control {

// What the command line says of scripts (Nmap book, "Nmap Scripting Engine: Usage and Examples").
struct ScriptOptions {
  bool are_wanted = false;               // -sC, -A, --script
  std::vector<std::string> choices;      // Each of --script; none for "default".
  std::vector<std::string> arguments;    // Each of --script-args; the later ones count more.
  std::string arguments_file;            // --script-args-file, "" for none.
  std::chrono::milliseconds timeout{0};  // --script-timeout, 0 for none.
  bool is_traced = false;                // --script-trace
  unsigned cores = 1;                    // --script-cores
  bool updates_database = false;         // --script-updatedb
  std::vector<std::string> help;         // Each of --script-help: nothing else is done.
  bool is_sandboxed = true;              // Scripts outside of the data folders are.
};

}  // namespace trawl::control
