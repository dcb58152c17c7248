#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/probes/probe_file.h"

namespace trawl::service {

// A response and what is to be found in it; README.md describes the file.
struct BannerCase {
  std::string place{};  // "mail.jsonl:12", for people.
  std::string probe{};
  Transport transport = Transport::Tcp;
  std::string response{};
  std::string service{};
  bool is_soft = false;
  std::array<std::string, MatchLine::kFields> fields{};
  std::vector<std::string> cpes{};
  std::string source{};
};

// Reads one line of a group. Fails with BadInput, naming the place and what is wrong.
[[nodiscard]] Result<BannerCase> parse_banner_case(std::string_view line, const std::string& place);

// Reads all groups of a folder, in the order of their names. Fails when one cannot be read.
[[nodiscard]] Result<std::vector<BannerCase>> read_banner_cases(const std::string& folder);

}  // namespace trawl::service
