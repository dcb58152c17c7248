#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/survey/target_spec.h"
#include "tests/fuzz/error_check.h"
#include "tests/fuzz/many_ranges.h"

namespace {

using trawl::Ipv4Set;

bool parses_to(std::string_view content, const Ipv4Set& want) {
  Ipv4Set set;
  return trawl::control::parse_target_lines(content, "again", set) &&
         std::ranges::equal(set.intervals(), want.intervals());
}

std::string with_crlf(std::string_view content) {
  std::string text;
  for (const char c : content) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content{reinterpret_cast<const char*>(data), size};
  if (trawl::has_many_ranges(content)) return 0;
  Ipv4Set set;
  const auto parsed = trawl::control::parse_target_lines(content, "exclude.txt", set);
  if (!parsed) {
    trawl::check_error(parsed.error(), trawl::ExitCode::BadInput);
    if (!parsed.error().message.starts_with("exclude.txt:")) std::abort();
    return 0;
  }
  // Line ends, a mark at the start and saying everything twice change nothing.
  if (!parses_to(with_crlf(content), set)) std::abort();
  const std::string once{content};
  if (!once.starts_with("\xef\xbb\xbf")) {
    if (!parses_to("\xef\xbb\xbf" + once, set)) std::abort();
    if (!parses_to(once + "\n" + once, set)) std::abort();
  }
  return 0;
}
