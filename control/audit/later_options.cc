#include <array>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array kLater{
    LaterOption{{"allports", None}, "version detection"},
    LaterOption{{"A", None}, "OS and version detection, scripts and traceroute"},
    LaterOption{{"b", Required}, "the FTP bounce scan"},
    LaterOption{{"defeat-icmp-ratelimit", None}, "UDP scans"},
    LaterOption{{"defeat-rst-ratelimit", None}, "SYN scans"},
    LaterOption{{"dns-servers", Required}, "name servers of your own"},
    LaterOption{{"fuzzy", None}, "OS detection"},
    LaterOption{{"iflist", None}, "the list of interfaces"},
    LaterOption{{"iR", Required}, "random targets"},
    LaterOption{{"log-errors", None}, "errors in outputs"},
    LaterOption{{"max-os-tries", Required}, "OS detection"},
    LaterOption{{"noninteractive", None}, "keys at run time"},
    LaterOption{{"nsock-engine", Required}, "the choice of an event loop"},
    LaterOption{{"O", Optional}, "OS detection"},
    LaterOption{{"osscan-guess", None}, "OS detection"},
    LaterOption{{"osscan-limit", None}, "OS detection"},
    LaterOption{{"proxies", Required}, "proxies"},
    LaterOption{{"release-memory", None}, "memory given back at the end"},
    LaterOption{{"resume", Required}, "audits that go on"},
    LaterOption{{"script", Required}, "scripts"},
    LaterOption{{"script-args", Required}, "scripts"},
    LaterOption{{"script-args-file", Required}, "scripts"},
    LaterOption{{"script-help", Required}, "scripts"},
    LaterOption{{"script-timeout", Required}, "scripts"},
    LaterOption{{"script-trace", None}, "scripts"},
    LaterOption{{"script-updatedb", None}, "scripts"},
    LaterOption{{"sI", Required}, "the idle scan"},
    LaterOption{{"system-dns", None}, "the system's resolver"},
    LaterOption{{"version-all", None}, "version detection"},
    LaterOption{{"version-intensity", Required}, "version detection"},
    LaterOption{{"version-light", None}, "version detection"},
    LaterOption{{"version-trace", None}, "version detection"},
    LaterOption{{"versiondb", Required}, "version detection"},
};

}  // namespace

std::span<const LaterOption> later_options() noexcept { return kLater; }

}  // namespace trawl::control
