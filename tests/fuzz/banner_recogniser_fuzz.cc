// What strangers say to the polling cores: what it is taken for depends on its bytes alone,
// remembered or not, and what begins as TLS is TLS, however it goes on.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "control/banners/banner_recogniser.h"
#include "control/banners/tls_record.h"
#include "service/probes/probe_source.h"

namespace {

using namespace trawl;           // NOLINT(google-build-using-namespace)
using namespace trawl::control;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kLines =
    "Probe TCP NULL q||\n"
    "match ssh m|^SSH-([\\d.]+)-([^\\r\\n]+)| p/$2/ i/protocol $1/ cpe:/a:ssh:$2/\n"
    "softmatch smtp m|^220[ -]|\n"
    "Probe TCP GetRequest q|GET / HTTP/1.0\\r\\n\\r\\n|\n"
    "ports 80\n"
    "match http m|^HTTP/1\\.[01] \\d\\d\\d .*\\r\\nServer: ([^\\r\\n]+)|s p/$1/\n"
    "Probe TCP TLSSessionReq q|\\x16\\x03\\x01\\0\\x01\\x01|\n"
    "ports 443\n"
    "fallback GetRequest\n";

struct Recognisers {
  Recognisers() {
    const auto file =
        std::make_shared<const service::ProbeFile>(service::parse_probe_file(kLines, "fuzz"));
    // Without a deadline, which the clock decides.
    auto opened = service::MatchEngine::open(
        file, {.cache_folder = {}, .deadline = std::chrono::milliseconds{0}});
    if (!opened) std::abort();
    const std::shared_ptr<const service::MatchEngine> engine = std::move(*opened);
    const BannerQuestions questions = make_questions(*file, ByteCount{1024});
    remembering = std::make_unique<BannerRecogniser>(engine, file, questions, 1U << 16U);
    forgetful = std::make_unique<BannerRecogniser>(engine, file, questions, 0);
  }
  std::unique_ptr<BannerRecogniser> remembering, forgetful;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Recognisers recognisers;
  if (size == 0) return 0;
  const std::size_t payloads = recognisers.forgetful->questions().payloads.size();
  const auto payload = static_cast<std::uint8_t>(data[0] % payloads);
  const std::string_view bytes{reinterpret_cast<const char*>(data + 1), size - 1};
  const auto fresh = recognisers.forgetful->recognise(payload, bytes);
  if (fresh->is_tls != begins_as_tls(bytes)) std::abort();
  if (fresh->is_tls && fresh->service.empty()) std::abort();
  for (int i = 0; i < 2; ++i) {
    const auto known = recognisers.remembering->recognise(payload, bytes);
    if (known->service != fresh->service || known->fields != fresh->fields ||
        known->is_tls != fresh->is_tls || known->line != fresh->line ||
        known->cpes != fresh->cpes) {
      std::abort();
    }
  }
  if (bytes.size() > 5 && begins_as_tls(bytes) && !begins_as_tls(bytes.substr(0, 6))) std::abort();
  return 0;
}
