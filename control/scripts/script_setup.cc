#include "control/scripts/script_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "control/audit/audit_setup.h"
#include "control/audit/ports/data_file.h"
#include "control/scripts/script_runner.h"
#include "nse/engine/script_args.h"
#include "nse/engine/script_database.h"

namespace trawl::control {
namespace {

namespace fs = std::filesystem;
using Warn = std::function<void(std::string_view)>;

// What rpc-grind asks version detection asks itself, faster.
constexpr std::string_view kVersionScripts = "version and not rpc-grind";

// One text for all of --script: each may be there more than once.
std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

// Version detection brings those of the category version with it, where there are any.
Result<std::vector<nse::ChosenScript>> chosen_scripts(const AuditOptions& options,
                                                      const nse::ScriptSources& sources) {
  std::vector<std::string> choices = options.scripts.choices;
  if (options.scripts.are_wanted && choices.empty()) choices.emplace_back("default");
  if (options.version.is_wanted) {
    if (nse::choose_scripts(kVersionScripts, sources)) choices.emplace_back(kVersionScripts);
  }
  if (choices.empty()) return std::vector<nse::ChosenScript>{};
  return nse::choose_scripts(joined(choices), sources);
}

AuditResult<nse::ArgumentTable> arguments_of(const ScriptOptions& options) {
  nse::ArgumentTable all;
  if (!options.arguments_file.empty()) {
    const SharedText text = read_whole_file(options.arguments_file);
    if (text == nullptr) {
      return bad_value(fmt::format("--script-args-file: {} cannot be read: {}",
                                   options.arguments_file, std::system_category().message(errno)));
    }
    auto parsed = nse::parse_script_args_file(*text);
    if (!parsed) {
      return bad_value(fmt::format("--script-args-file: {}: {}", options.arguments_file,
                                   parsed.error().message));
    }
    nse::add_arguments(all, *parsed);
  }
  for (const std::string& text : options.arguments) {
    auto parsed = nse::parse_script_args(text);
    if (!parsed) return bad_value(fmt::format("--script-args: {}", parsed.error().message));
    nse::add_arguments(all, *parsed);
  }
  return all;
}

// Each core has its share.
nse::SocketLimits socket_limits(const Timing& timing, unsigned cores) {
  nse::SocketLimits limits;
  if (timing.max_parallelism != 0) {
    limits = {.per_host = timing.max_parallelism, .all = timing.max_parallelism};
  }
  limits.all = std::max<std::size_t>(1, limits.all / cores);
  return limits;
}

// The servers of /etc/resolv.conf, unless the user names some.
std::vector<std::string> dns_servers(const AuditOptions& options) {
  std::vector<std::string> servers;
  if (options.names.servers) {
    for (const auto& server : *options.names.servers) servers.push_back(server.ip.to_string());
    return servers;
  }
  const SharedText text = read_whole_file("/etc/resolv.conf");
  if (text == nullptr) return servers;
  DataLines lines{*text};
  while (lines.next()) {
    if (lines.word() != "nameserver") continue;
    const std::string_view word = lines.word();
    if (IpAddress::parse(word)) servers.emplace_back(word);
  }
  return servers;
}

// Ports that must not be touched, as --exclude-ports says; a text that means nothing was refused
// before.
std::function<bool(std::string_view, std::uint16_t)> excluded_ports(const AuditPlan& plan) {
  return [excluded = plan.excluded_ports](std::string_view protocol, std::uint16_t port) {
    for (std::size_t i = 0; i < kPortProtocols; ++i) {
      if (name_of(static_cast<PortProtocol>(i)) == protocol) {
        return std::ranges::binary_search(excluded[i], port);
      }
    }
    return false;
  };
}

ScriptScope scope_of(const AuditOptions& options, const AuditPlan& plan) {
  ScriptScope scope;
  scope.verbosity = options.verbosity;
  scope.debugging = options.debugging;
  scope.timing_level = plan.timing.level;
  scope.version_intensity = static_cast<int>(options.version.intensity);
  scope.is_privileged = may_send_raw(options);
  scope.family = options.ipv6 ? AddressFamily::V6 : AddressFamily::V4;
  if (options.style.ttl) scope.ttl = *options.style.ttl;
  scope.payload_length = static_cast<int>(options.style.data.size());
  scope.socket_limits = socket_limits(plan.timing, options.scripts.cores);
  scope.sockets.from = plan.network.source;
  scope.sockets.device = options.interface;
  if (!options.interface.empty()) scope.interface = options.interface;
  scope.dns_servers = dns_servers(options);
  scope.data_folders = script_data_folders(options.datadir);
  scope.is_excluded = excluded_ports(plan);
  if (plan.network.guard) {
    scope.may_send = [guard = plan.network.guard](const IpAddress& ip) {
      return guard->allows(ip);
    };
  }
  return scope;
}

// Whether a host may come that scripts could run against, or they run without any.
bool are_possible(const AuditOptions& options, const AuditPlan& plan, const Warn& warn) {
  if (!options.scripts.are_wanted && !options.version.is_wanted) return false;
  if (options.list_only || options.lists_interfaces) return false;
  const bool scans_protocols =
      std::ranges::find(plan.types, ScanType::IpProtocol) != plan.types.end();
  if (scans_protocols && options.scripts.are_wanted) {
    warn("WARNING: Disabling script scan (-sC) as it is incompatible with the IPProto Scan (-sO)");
  }
  return !scans_protocols;
}

}  // namespace

std::vector<std::string> script_data_folders(const std::string& datadir) {
  std::vector<std::string> folders = data_folders(datadir);
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none).parent_path();
  // Of a build folder, and of an installation.
  for (const fs::path& share : {program / "share/trawl", program.parent_path() / "share/trawl"}) {
    if (!fs::is_directory(share / "nselib", none)) continue;
    folders.push_back(share.string());
    break;
  }
  return folders;
}

Result<ScriptFolders> find_script_folders(const AuditOptions& options, bool reads_databases) {
  ScriptFolders found;
  std::error_code none;
  found.sources.search_folders.emplace_back(".");
  for (const std::string& folder : script_data_folders(options.datadir)) {
    const fs::path scripts = fs::path{folder} / "scripts";
    const fs::path libraries = fs::path{folder} / "nselib";
    if (fs::is_directory(libraries, none)) found.libraries.push_back(libraries);
    found.sources.search_folders.emplace_back(folder);
    found.sources.search_folders.push_back(scripts);
    if (!fs::is_directory(scripts, none)) continue;
    found.trusted.push_back(scripts);
    const fs::path database = scripts / "script.db";
    const SharedText text = reads_databases ? read_whole_file(database.string()) : nullptr;
    if (text == nullptr) continue;
    auto entries = nse::parse_script_database(*text);
    if (!entries) {
      return fail(ExitCode::Usage, fmt::format("{}: {}; --script-updatedb makes it anew",
                                               database.string(), entries.error().message));
    }
    found.sources.databases.push_back({.folder = scripts, .entries = std::move(*entries)});
  }
  return found;
}

AuditResult<void> choose_scripts(const AuditOptions& options, const PortNames* names,
                                 AuditPlan& plan, const Warn& warn) {
  if (!are_possible(options, plan, warn)) return {};
  auto folders = find_script_folders(options);
  if (!folders) return bad_value(fmt::format("NSE: {}", folders.error().message));
  auto chosen = chosen_scripts(options, folders->sources);
  if (!chosen) return bad_value(fmt::format("NSE: {}", chosen.error().message));
  if (chosen->empty()) return {};
  auto arguments = arguments_of(options.scripts);
  if (!arguments) return tl::unexpected{arguments.error()};
  ScriptRunner::Settings settings;
  settings.engine.library_folders = std::move(folders->libraries);
  settings.engine.trusted_folders = std::move(folders->trusted);
  settings.engine.sandboxes_others = options.scripts.is_sandboxed;
  settings.engine.arguments = std::move(*arguments);
  settings.engine.limits.script_timeout = options.scripts.timeout;
  settings.chosen = std::move(*chosen);
  settings.cores = options.scripts.cores;
  settings.scope = scope_of(options, plan);
  settings.loop.proxies = plan.proxies;
  settings.loop.may_send = settings.scope.may_send;
  settings.names = names;
  settings.is_quiet = !options.scripts.are_wanted;
  settings.tells_notes = options.debugging > 0;
  settings.traces = options.scripts.is_traced || options.traces_packets;
  plan.scripts = [settings] { return ScriptRunner::open(settings); };
  return {};
}

}  // namespace trawl::control
