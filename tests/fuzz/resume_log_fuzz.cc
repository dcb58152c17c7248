#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/audit/resume/resume_log.h"
#include "tests/fuzz/error_check.h"

namespace {

using namespace trawl;
using namespace trawl::control;

Result<LogRun> read_in(std::string_view content, std::size_t piece) {
  ResumeLogReader reader{"log"};
  while (!content.empty()) {
    const std::size_t size = std::min(piece, content.size());
    if (auto taken = reader.take(content.substr(0, size)); !taken) return Failure{taken.error()};
    content.remove_prefix(size);
  }
  return reader.finish();
}

}  // namespace

// A report: the same in pieces of any size, and what is whole of it says the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content{reinterpret_cast<const char*>(data), size};
  const auto run = read_in(content, size + 1);
  const auto same = read_in(content, 7);
  if (run.has_value() != same.has_value()) std::abort();
  if (!run) {
    check_error(run.error(), ExitCode::Runtime);
    return 0;
  }
  if (run->whole > size || run->whole != same->whole || run->hosts != same->hosts) std::abort();
  if (!run->has_whole_start) return 0;
  const auto again = read_in(content.substr(0, run->whole), size + 1);
  if (!again || again->words != run->words) std::abort();
  // Of a text nobody knows any more that its last host is finished.
  const bool is_text = run->format == AuditOptions::Output::Format::Normal ||
                       run->format == AuditOptions::Output::Format::Grepable;
  if (!is_text && again->hosts != run->hosts) std::abort();
  return 0;
}
