#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "control/audit/audit_command.h"
#include "control/audit/complain.h"
#include "control/lab/lab_command.h"
#include "control/nic/nic_command.h"
#include "control/steward/blocklist_command.h"
#include "control/steward/probing_txt_command.h"
#include "control/survey/resume_command.h"
#include "control/survey/survey_command.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace {

constexpr std::string_view kHelp =
    R"(trawl, a network scanner that says what it could not see

usage: trawl COMMAND [OPTIONS...]
       trawl [NMAP'S OPTIONS...] TARGETS...

commands:
  scan         look at chosen hosts, with Nmap's options; the command when none is named
               ('trawl scan --help' lists the options)
  survey       sweep a target space statelessly over DPDK
  resume       go on with a survey from its checkpoint
  blocklist    say whether an address is blocked and why, or print all that is
  probing-txt  write the file that tells the probed who you are (RFC 9511)
  nic          list network interfaces, and mend what killed surveys left on them
  lab          bring up, inspect and take down the sealed practice network

'trawl COMMAND --help' explains a command; trawl(1) and the page of each command, such as
trawl-survey(1), say more. Called as "nmap", it is trawl scan.
)";

constexpr std::array<std::string_view, 7> kCommands{"scan",        "survey", "resume", "blocklist",
                                                    "probing-txt", "nic",    "lab"};

int to_int(trawl::ExitCode code) { return static_cast<int>(code); }

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<const char* const> words{argv + 1, static_cast<std::size_t>(argc - 1)};
  const std::string_view program = name_of(argv[0]);
  if (program == "nmap") return trawl::control::audit_main(words, program);
  if (words.empty()) {
    trawl::control::complain(kHelp);
    return to_int(trawl::ExitCode::Usage);
  }
  const std::string_view command = words.front();
  const auto rest = words.subspan(1);
  if (command == "scan") return trawl::control::audit_main(rest, "trawl");
  if (command == "survey") return to_int(trawl::control::survey_main(rest));
  if (command == "resume") return to_int(trawl::control::resume_main(rest));
  if (command == "blocklist") return trawl::control::blocklist_main(rest);
  if (command == "probing-txt") return trawl::control::probing_txt_main(rest);
  if (command == "nic") return trawl::control::nic_main(rest);
  if (command == "lab") return trawl::control::lab_main(rest);
  if (command == "--help" || command == "-h" || command == "help") {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (command == "--version" || command == "-V") {
    fmt::print("trawl {}\n", trawl::control::kVersion);
    return 0;
  }
  // Anything else is Nmap's, but for what looks like a command: to resolve it as a name would ask
  // strangers about a slip of the finger.
  const std::string hint = trawl::control::did_you_mean(command, kCommands);
  if (!command.starts_with('-') && !hint.empty()) {
    trawl::control::complain(
        fmt::format("trawl: unknown command '{}'{}; a host of that name is looked at by 'trawl "
                    "scan' (see trawl --help)\n",
                    command, hint));
    return to_int(trawl::ExitCode::Usage);
  }
  return trawl::control::audit_main(words, "trawl");
}
