#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/audit/target_block.h"
#include "control/audit/target_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl;
  using namespace trawl::control;
  const int fd = ::memfd_create("targets", MFD_CLOEXEC);
  if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  const auto file = TargetFile::open("/proc/self/fd/" + std::to_string(fd));
  if (!file) std::abort();
  std::vector<TargetWord> words;
  std::size_t ports = 0;
  for (std::string word = file->next(); !word.empty(); word = file->next()) {
    if (word.size() > TargetFile::kLongestWord + 1) std::abort();
    if (word.find_first_of(" \t\n\r\v\f#") != std::string::npos) std::abort();
    for (const bool ipv6 : {false, true}) {
      TargetWord split = split_ports(word, ipv6);
      if (split.ports.size() > 1 || split.text.size() > word.size()) std::abort();
      // Without ports there is nothing to take off a second time.
      if (split.ports.empty() && !word.starts_with('[') && split.text != word) std::abort();
      (void)parse_target_expression(split.text.substr(0, 64),
                                    ipv6 ? AddressFamily::V6 : AddressFamily::V4);
      ports += split.ports.size();
      words.push_back(std::move(split));
    }
  }
  if (file->error() != 0) std::abort();
  std::size_t merged = 0;
  for (const TargetWord& word : merge_words(std::move(words))) merged += word.ports.size();
  if (merged != ports) std::abort();
  ::close(fd);
  return 0;
}
