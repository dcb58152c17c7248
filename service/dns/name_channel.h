#pragma once

#include <ares.h>

#include "service/dns/name_settings.h"

namespace trawl::service {

// A channel of c-ares that asks as the settings say, or as this system does; /etc/hosts first.
// `others` and `which` are those of ares_init_options(3) beside what the settings rule. nullptr
// where it cannot be used: others than the servers that were asked for are not asked.
[[nodiscard]] ares_channel open_name_channel(const NameSettings& settings,
                                             const ares_options& others = {}, int which = 0);

}  // namespace trawl::service
