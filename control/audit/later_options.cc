#include <array>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array kLater{
    LaterOption{{"nsock-engine", Required}, "the choice of an event loop"},
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
