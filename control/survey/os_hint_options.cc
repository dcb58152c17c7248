#include "control/survey/os_hint_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "control/survey/survey_options.h"

namespace trawl::control {
namespace {

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

}  // namespace

void add_os_hint_options(CLI::App& app, OsHintOptions& options) {
  constexpr const char* kGroup = "What stands behind open ports";
  app.add_flag("--os-hints", options.is_wanted,
               "Tell which operating system the SYN-ACK of each open TCP port\n"
               "hints at, and addresses whose ports are on different machines;\n"
               "sends nothing for it")
      ->disable_flag_override()
      ->group(kGroup);
  app.add_option("--os-signatures", options.signatures,
                 "Take the signatures of SYN-ACKs from FILE, as p0f 3 has them\n"
                 "(default: our own)")
      ->type_name("FILE")
      ->group(kGroup);
}

Result<void> take_os_hint_options(const CLI::App& app, SurveyOptions& options) {
  if (!options.os_hints.is_wanted) {
    if (app.count("--os-signatures") > 0) {
      return usage("--os-signatures is about --os-hints; add that, or leave it out");
    }
    const auto hint = std::ranges::find_if(options.fields.lines, is_of_hints);
    if (hint == options.fields.lines.end()) return {};
    return usage(fmt::format(
        "--fields: {} is told with --os-hints alone; add that, or leave it out", to_string(*hint)));
  }
  if (app.count("--os-signatures") > 0 && options.os_hints.signatures.empty()) {
    return usage("--os-signatures: an empty file name is given; name a file");
  }
  if (options.probe != dataplane::ProbeKind::TcpSyn) {
    return usage(fmt::format("--os-hints looks at SYN-ACKs; --probe {} gets none",
                             to_string(options.probe)));
  }
  if (options.dry_run) {
    return usage(
        "--os-hints has no meaning with --dry-run, which sends nothing; leave one of "
        "them out");
  }
  options.fields.has_hints = true;
  return {};
}

}  // namespace trawl::control
