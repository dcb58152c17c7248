#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "service/probes/substitution.h"

// The first line is a template; of the others each is a group, and "-" one that took no part.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::service;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < 12) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.empty()) return 0;
  for (auto& line : lines) {
    if (line == "-") line = {};
  }
  const Captures captures{lines.data() + 1, lines.size() - 1};
  constexpr std::size_t kLongest = 78;
  for (const std::string& said :
       {substitute(lines[0], captures, kLongest), substitute_cpe(lines[0], captures, kLongest)}) {
    if (said.size() > kLongest) std::abort();
    for (const char byte : said) {
      if (byte < ' ' || byte > '~') std::abort();
    }
  }
  MatchLine match;
  match.fields.fill(std::string{lines[0]});
  match.cpes = {"cpe:/a:b:" + std::string{lines[0]}};
  for (std::size_t field = 0; const std::string& said : substitute_line(match, captures).fields) {
    if (said.size() > kLongestFields[field++]) std::abort();
  }
  return 0;
}
