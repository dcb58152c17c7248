#pragma once

#include <string_view>

namespace trawl::control {

// Whether bytes begin as a TLS server's do, whatever port they come from: with the header of a
// record that holds a handshake message of a server or an alert (RFC 8446 sections 5.1 and 6, RFC
// 5246 section 6.2.1). What is cut short behind that does not matter.
[[nodiscard]] bool begins_as_tls(std::string_view bytes) noexcept;

}  // namespace trawl::control
