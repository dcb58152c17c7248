#include "control/steward/blocklist_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "control/steward/blocklist_check.h"
#include "control/steward/configuration.h"

namespace trawl::control {
namespace {

constexpr int kBlocked = 1;

enum class Family { Both, Ipv4, Ipv6 };

int finish(const Error& error) {
  log_error("{}", error.message);
  return static_cast<int>(error.code);
}

// False, with errno, when standard output took less than all of it.
bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

int finish_printing(std::string_view text, int code) {
  if (print(text)) return code;
  log_error("standard output cannot be written; choose another place to write to");
  return static_cast<int>(ExitCode::Output);
}

Result<BlocklistSources> sources_of_machine(const std::vector<std::string>& more) {
  auto configuration = load_configuration();
  if (!configuration) return Failure{configuration.error()};
  BlocklistSources sources{.blocklists = std::move(configuration->blocklists),
                           .opt_outs = std::move(configuration->opt_outs),
                           .allow_special = std::move(configuration->allow_special)};
  sources.blocklists.insert(sources.blocklists.end(), more.begin(), more.end());
  return sources;
}

int check(const std::vector<std::string>& addresses, const BlocklistSources& sources) {
  const auto checks = check_addresses(addresses, sources);
  if (!checks) return finish(checks.error());
  std::string text;
  bool any_blocked = false;
  for (const AddressCheck& each : *checks) {
    text += each.to_text();
    any_blocked = any_blocked || !each.blocked_by.empty();
  }
  return finish_printing(text, any_blocked ? kBlocked : 0);
}

int show(Family family, const BlocklistSources& sources) {
  auto list = merge_lists(sources);
  if (!list) return finish(list.error());
  if (family == Family::Ipv4) list->v6 = {};
  if (family == Family::Ipv6) list->v4 = {};
  return finish_printing(list->to_text(), 0);
}

CLI::App& add_command(CLI::App& app, const char* name, const char* help,
                      std::vector<std::string>& files) {
  CLI::App& command = *app.add_subcommand(name, help);
  command
      .add_option("--blocklist-file", files,
                  "Add the list in FILE to those of trawl.conf; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("FILE");
  return command;
}

}  // namespace

int blocklist_main(std::span<const char* const> args) {
  CLI::App app{"What no survey of this machine probes: special-purpose addresses and its lists.",
               "trawl blocklist"};
  app.require_subcommand(1);
  std::vector<std::string> files;
  std::vector<std::string> addresses;
  bool ipv4 = false;
  bool ipv6 = false;
  CLI::App& check_command =
      add_command(app, "check", "Say whether addresses are blocked, and by what", files);
  check_command.add_option("addresses", addresses, "IPv4 and IPv6 addresses")
      ->required()
      ->type_name("ADDRESS");
  check_command.footer(
      "Exit codes: 0 none is blocked, 1 at least one is, 2 or more for a mistake.");
  CLI::App& show_command =
      add_command(app, "show", "Print everything that is blocked, as prefixes", files);
  auto* const only_ipv4 = show_command.add_flag("--ipv4", ipv4, "IPv4 only");
  show_command.add_flag("--ipv6", ipv6, "IPv6 only")->excludes(only_ipv4);
  std::vector<std::string> words{args.begin(), args.end()};
  std::ranges::reverse(words);  // The order CLI11 wants.
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  const auto sources = sources_of_machine(files);
  if (!sources) return finish(sources.error());
  if (check_command.parsed()) return check(addresses, *sources);
  return show(ipv4 ? Family::Ipv4 : (ipv6 ? Family::Ipv6 : Family::Both), *sources);
}

}  // namespace trawl::control
