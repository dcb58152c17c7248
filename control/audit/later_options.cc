#include <array>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array kLater{
    LaterOption{{"A", None}, "OS and version detection, scripts and traceroute"},
    LaterOption{{"fuzzy", None}, "OS detection"},
    LaterOption{{"max-os-tries", Required}, "OS detection"},
    LaterOption{{"nsock-engine", Required}, "the choice of an event loop"},
    LaterOption{{"O", Optional}, "OS detection"},
    LaterOption{{"osscan-guess", None}, "OS detection"},
    LaterOption{{"osscan-limit", None}, "OS detection"},
    LaterOption{{"script", Required}, "scripts"},
    LaterOption{{"script-args", Required}, "scripts"},
    LaterOption{{"script-args-file", Required}, "scripts"},
    LaterOption{{"script-help", Required}, "scripts"},
    LaterOption{{"script-timeout", Required}, "scripts"},
    LaterOption{{"script-trace", None}, "scripts"},
    LaterOption{{"script-updatedb", None}, "scripts"},
};

}  // namespace

std::span<const LaterOption> later_options() noexcept { return kLater; }

}  // namespace trawl::control
