#pragma once

#include <openssl/types.h>

#include <lua.hpp>
#include <span>

// The parts of the module "openssl".
namespace trawl::nse {

[[nodiscard]] std::span<const luaL_Reg> openssl_bignum_functions();
[[nodiscard]] std::span<const luaL_Reg> openssl_digest_functions();
[[nodiscard]] std::span<const luaL_Reg> openssl_cipher_functions();

// A library context of its own, with the providers "default" and, where it is installed, "legacy":
// MD4, RIPEMD-160, single DES, CAST5, RC4, Blowfish. The rest of the program does not get these.
// Makes OpenSSL's names known as well, which EVP_get_digestbyname() and the lists of names go by.
[[nodiscard]] OSSL_LIB_CTX* openssl_context();

// Raises "OpenSSL error: ..." with the oldest error of the queue, and empties that.
int raise_openssl_error(lua_State* lua);

}  // namespace trawl::nse
