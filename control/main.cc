#include <fmt/format.h>

#include <cstdio>
#include <span>
#include <string_view>

#include "control/lab/lab_command.h"
#include "control/steward/blocklist_command.h"
#include "control/steward/probing_txt_command.h"
#include "control/survey/resume_command.h"
#include "control/survey/survey_command.h"
#include "control/survey/version.h"

namespace {

constexpr std::string_view kHelp =
    R"(trawl, a network scanner that says what it could not see

usage: trawl COMMAND [OPTIONS...]

commands:
  survey       sweep a target space statelessly over DPDK
  resume       go on with a survey from its checkpoint
  blocklist    say whether an address is blocked and why, or print all that is
  probing-txt  write the file that tells the probed who you are (RFC 9511)
  lab          bring up, inspect and take down the sealed practice network

'trawl COMMAND --help' explains a command; trawl(1) and the page of each command, such as
trawl-survey(1), say more.
)";

int to_int(trawl::ExitCode code) { return static_cast<int>(code); }

}  // namespace

int main(int argc, char** argv) {
  const std::span<const char* const> words{argv + 1, static_cast<std::size_t>(argc - 1)};
  if (words.empty()) {
    fmt::print(stderr, "{}", kHelp);
    return to_int(trawl::ExitCode::Usage);
  }
  const std::string_view command = words.front();
  const auto rest = words.subspan(1);
  if (command == "survey") return to_int(trawl::control::survey_main(rest));
  if (command == "resume") return to_int(trawl::control::resume_main(rest));
  if (command == "blocklist") return trawl::control::blocklist_main(rest);
  if (command == "probing-txt") return trawl::control::probing_txt_main(rest);
  if (command == "lab") return trawl::control::lab_main(rest);
  if (command == "--help" || command == "-h" || command == "help") {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (command == "--version" || command == "-V") {
    fmt::print("trawl {}\n", trawl::control::kVersion);
    return 0;
  }
  fmt::print(stderr,
             "trawl: unknown command '{}'; the commands are survey, resume, blocklist, probing-txt "
             "and lab (see trawl --help)\n",
             command);
  return to_int(trawl::ExitCode::Usage);
}
