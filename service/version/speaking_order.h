#pragma once

#include <string_view>

namespace trawl::service {

// Whether the protocol of this service, by its name in probe files, has the client speak first: a
// server that was asked nothing sends nothing, so no banner is to be waited for. Services of which
// no specification says so are false. The table names its sources.
[[nodiscard]] bool speaks_only_when_asked(std::string_view service) noexcept;

}  // namespace trawl::service
