#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace trawl::control {

// Who answers for a survey, as a URI: "mailto:scans@example.net", "https://example.net/scans" or
// "tel:+1-201-555-0123", the three that RFC 9511 names.
//
// Takes such a URI, or an e-mail address alone, which becomes a mailto: URI. Only the form is
// checked. Fails with Usage, naming `option`.
[[nodiscard]] Result<std::string> parse_contact(std::string_view text, std::string_view option);

}  // namespace trawl::control
