#pragma once

#include <cstddef>
#include <vector>

namespace trawl::control {

// The TLS ClientHello that a conversation begins with: one record, always the same, that servers of
// TLS 1.0 to 1.3 answer with a ServerHello or an alert (RFC 8446 section 4.1.2, RFC 5246 section
// 7.4.1.2). It names no server (no server_name extension): a survey knows addresses alone.
//
// The key share is the base point of X25519 (RFC 7748 section 4.1), a public key like any other:
// the handshake is never finished.
[[nodiscard]] std::vector<std::byte> client_hello();

}  // namespace trawl::control
