#pragma once

#include <string>

#include "base/result.h"

namespace trawl::control {

enum class ListFormat { Table, JsonLines };

// Prints every recipe with its package, the version installed, address and ports; what is missing
// is told in place of the version. Fails with Runtime when dpkg cannot be asked.
[[nodiscard]] Result<void> print_servers(ListFormat format);

}  // namespace trawl::control
