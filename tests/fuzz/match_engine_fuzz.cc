#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "service/match/match_engine.h"

namespace {

using namespace trawl::service;

// Lines of every kind, and enough of them that Vectorscan looks for their texts.
std::shared_ptr<const ProbeFile> make_file() {
  std::string text = "Probe TCP NULL q||\n";
  for (int i = 100; i < 400; ++i) {
    const std::string number = std::to_string(i);
    text += "match s" + number + " m|^220 .*server" + number + " v([\\d.]+)| v/$1/\n";
  }
  text +=
      "match ssh m|^SSH-([\\d.]+)-(\\w+)| p/$2/ i/protocol $1/ cpe:/a:$2:ssh/\n"
      "softmatch ftp m|^220[ -].*ftp|i\n"
      "match nul m|^\\0.\\0(..)\\0|s p/$P(1)/ v/$I(1,\">\")/\n"
      "match twice m|(\\w{3})-\\1| p/$SUBST(1,\"a\",\"b\")/\n"
      "match not m|^(?!HTTP|SSH)[^\\n]*login: $|\n"
      "match odd m|^[0-9A-F]{6}$|\n"
      "match empty m|^\\n*$|\n"
      "match boom m|^(?:x+x+)+y|\n"
      "Probe TCP Other q|x|\n"
      "fallback NULL\n"
      "match http m|^HTTP/1\\.[01] \\d\\d\\d .*\\r\\nServer: ([^\\r\\n]+)|s p/$1/\n"
      "match ssl/high m|^[\\x80-\\xff]\\x03|\n";
  return std::make_shared<const ProbeFile>(parse_probe_file(text, "fuzz"));
}

std::unique_ptr<MatchEngine> make_engine(bool uses_prefilter) {
  static const auto file = make_file();
  auto engine = MatchEngine::open(file, {.cache_folder = "",
                                         .deadline = std::chrono::milliseconds{0},
                                         .uses_prefilter = uses_prefilter});
  if (!engine) std::abort();
  return std::move(*engine);
}

}  // namespace

// The first byte says what is asked; the rest is the response.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto fast = make_engine(true);
  static const auto plain = make_engine(false);
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (text.empty()) return 0;
  const MatchRequest request{.probe = text[0] & 1U, .response = text.substr(1)};
  const auto a = fast->match(request);
  const auto b = plain->match(request);
  if (a.has_value() != b.has_value()) std::abort();
  if (!a) return 0;
  if (a->probe != b->probe || a->index != b->index || a->fields != b->fields ||
      a->cpes != b->cpes) {
    std::abort();
  }
  return 0;
}
