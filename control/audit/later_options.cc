#include <array>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array kLater{
    LaterOption{{"nsock-engine", Required}, "the choice of an event loop"},
};

}  // namespace

std::span<const LaterOption> later_options() noexcept { return kLater; }

}  // namespace trawl::control
