#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/steward/configuration.h"
#include "tests/fuzz/error_check.h"
#include "tests/fuzz/many_ranges.h"

namespace {

using trawl::control::Configuration;

std::string with_crlf(std::string_view content) {
  std::string text;
  for (const char c : content) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text;
}

bool same(const Configuration& a, const Configuration& b) {
  return a.contact == b.contact && a.max_rate.has_value() == b.max_rate.has_value() &&
         a.blocklists == b.blocklists && a.opt_outs == b.opt_outs &&
         a.allow_special == b.allow_special;
}

bool parses_to(std::string_view content, const Configuration& want) {
  const auto again = trawl::control::parse_configuration(content, "again");
  return again && same(*again, want);
}

void check(const Configuration& configuration) {
  for (const auto* paths : {&configuration.blocklists, &configuration.opt_outs}) {
    if (!std::ranges::all_of(*paths, [](const auto& path) { return path.starts_with('/'); })) {
      std::abort();
    }
  }
  if (!std::ranges::all_of(configuration.contact, [](char c) { return c > 0x20 && c < 0x7f; })) {
    std::abort();
  }
  if (!configuration.max_rate) return;
  const auto rate = configuration.max_rate->rate.for_frame(trawl::ByteCount{74});
  if (rate.is_unlimited() || !std::isfinite(rate.per_second())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content{reinterpret_cast<const char*>(data), size};
  if (trawl::has_many_ranges(content)) return 0;
  const auto configuration = trawl::control::parse_configuration(content, "t.conf");
  if (!configuration) {
    trawl::check_error(configuration.error(), trawl::ExitCode::BadInput);
    if (!configuration.error().message.starts_with("t.conf:")) std::abort();
    return 0;
  }
  check(*configuration);
  // Line ends, a mark at the start and comments between lines change nothing.
  if (!parses_to(with_crlf(content), *configuration)) std::abort();
  const std::string once{content};
  if (!parses_to(once + "\n# contact = x\n", *configuration)) std::abort();
  if (!once.starts_with("\xef\xbb\xbf")) {
    if (!parses_to("\xef\xbb\xbf" + once, *configuration)) std::abort();
    if (!parses_to("# first\n" + once, *configuration)) std::abort();
  }
  return 0;
}
