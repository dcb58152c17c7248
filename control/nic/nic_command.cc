#include "control/nic/nic_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "control/nic/interface_facts.h"
#include "control/nic/nic_doctor.h"
#include "control/nic/nic_list.h"

namespace trawl::control {
namespace {

int to_int(ExitCode code) { return static_cast<int>(code); }

int print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return 0;
  }
  log_error("standard output cannot be written; choose another place to write to");
  return to_int(ExitCode::Output);
}

int list(bool json) {
  const auto interfaces = interface_facts();
  const auto cards = pci_facts();
  return print(json ? nic_json(interfaces, cards) : nic_table(interfaces, cards));
}

int doctor(const std::string& interface) {
  std::vector<std::string> names;
  for (const InterfaceFacts& facts : interface_facts()) {
    if (interface.empty() || facts.name == interface) names.push_back(facts.name);
  }
  if (names.empty() && !interface.empty()) {
    log_error("there is no interface '{}' in this network namespace; 'trawl nic list' lists them",
              interface);
    return to_int(ExitCode::Device);
  }
  const Diagnosis found = examine(names);
  std::string text;
  const auto add = [&text](const char* kind, const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences) text += fmt::format("{}: {}\n", kind, sentence);
  };
  add("mended", found.mended);
  add("left", found.left);
  add("lacking", found.lacking);
  add("note", found.notes);
  if (found.mended.empty() && found.left.empty()) text += "clean: no trawl left anything behind\n";
  const int printed = print(text);
  return printed != 0 ? printed : to_int(found.code());
}

}  // namespace

int nic_main(std::span<const char* const> args) {
  if (!args.empty() && std::string_view{args.front()} == "bind") {
    log_error(
        "trawl binds no cards to drivers; use DPDK's: 'dpdk-devbind.py -b vfio-pci 0000:3b:00.0'");
    return to_int(ExitCode::Usage);
  }
  CLI::App app{"Network interfaces: what there is, and what ended surveys left on it.",
               "trawl nic"};
  app.require_subcommand(1);
  bool json = false;
  std::string interface;
  auto* const list_command =
      app.add_subcommand("list", "List kernel interfaces and the cards that DPDK drives");
  list_command->add_flag("--json", json, "One JSON object a line");
  auto* const doctor_command =
      app.add_subcommand("doctor", "Mend what killed surveys left behind, and say what is lacking");
  doctor_command->add_option("INTERFACE", interface, "This one alone (default: all)")
      ->type_name("");
  std::vector<std::string> words{args.begin(), args.end()};
  std::ranges::reverse(words);  // The order CLI11 wants.
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : to_int(ExitCode::Usage);
  }
  return *list_command ? list(json) : doctor(interface);
}

}  // namespace trawl::control
