#pragma once

#include <lua.hpp>

namespace trawl::nse {

// Raises "OpenSSL error: error:...", of what went wrong last on this thread.
int raise_openssl_error(lua_State* lua);
// What went wrong is of no interest.
void drop_openssl_errors() noexcept;

}  // namespace trawl::nse
