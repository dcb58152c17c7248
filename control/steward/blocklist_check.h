#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/steward/address_list.h"

namespace trawl::control {

// The lists that hold for every survey of a machine, besides the special-purpose blocks.
struct BlocklistSources {
  std::vector<std::string> blocklists;  // Paths.
  std::vector<std::string> opt_outs;
  std::vector<std::string> allow_special;  // As --allow-special takes them.
};

// What is known of one address.
struct AddressCheck {
  AnyAddress address;
  std::vector<std::string> blocked_by;  // One text for each list that holds it; empty: not blocked.
  std::string allowed;                  // The special-purpose block that is allowed for it, or "".

  // One line a reason, or one that says it is not blocked; each with a line feed.
  [[nodiscard]] std::string to_text() const;
};

// Looks every address up in every list. Fails with BadInput: no address, or a list that cannot be
// read.
[[nodiscard]] Result<std::vector<AddressCheck>> check_addresses(
    std::span<const std::string> addresses, const BlocklistSources& sources);

// All of it as one list.
[[nodiscard]] Result<AddressList> merge_lists(const BlocklistSources& sources);

}  // namespace trawl::control
