#pragma once

#include <lua.hpp>
#include <string_view>

namespace trawl::nse {

// Defines the userdata of certificates; once in each state.
void make_certificate_type(lua_State* lua);

// Pushes a certificate of DER bytes with all its fields; false, and nothing pushed, when it is none
// or longer than kMostCertificate. The modulus and exponent are numbers of module/bignum.h.
inline constexpr std::size_t kMostCertificate = std::size_t{1} << 20U;
[[nodiscard]] bool push_certificate(lua_State* lua, std::string_view der);

}  // namespace trawl::nse
