#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/audit/command_words.h"

namespace trawl::control {

// What a command line of Nmap's asks of an audit, with no file read and nothing resolved.
struct AuditOptions {
  // Targets.
  std::vector<std::string> targets;
  std::vector<std::string> target_files;  // "-" is standard input.
  std::vector<std::string> excludes;      // Comma-separated lists.
  std::vector<std::string> exclude_files;
  bool ipv6 = false;
  bool unique = false;
  bool resolve_all = false;
  bool randomize_hosts = false;
  bool reverse_dns = true;

  // What comes out.
  struct Output {
    enum class Format { Normal, Xml, Grepable };
    Format format = Format::Normal;
    std::string path;  // "-" is standard output.
  };
  std::vector<Output> outputs;
  bool list_only = false;
  int verbosity = 0;
  int debugging = 0;

  // The words as outputs tell them: options first, as getopt(3) leaves them.
  std::vector<std::string> command_line;
};

enum class AuditQuestion { Help, Version };

// Parses the words after the program's name. `program` is what errors call it. What trawl cannot do
// yet is refused by name.
[[nodiscard]] AuditResult<std::variant<AuditOptions, AuditQuestion>> parse_audit_options(
    std::span<const char* const> words, std::string_view program);

}  // namespace trawl::control
