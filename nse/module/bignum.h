#pragma once

#include <openssl/bn.h>

#include <lua.hpp>

namespace trawl::nse {

// Numbers have at most so many bits, where a script makes them, and so many as exponents, moduli
// and candidates for primes: these take time that grows with the cube.
constexpr int kMostNumberBits = 1 << 20;
constexpr int kMostExponentBits = 1 << 14;

// Pushes a number of the module "openssl", which owns `owned` from now on, also when this raises an
// error. Its bytes count for Lua's limit on memory. Null raises "not enough memory".
void push_bignum(lua_State* lua, BIGNUM* owned);

// The number at `index`; raises an error of the argument when there is none. Valid as long as the
// value is on the stack.
[[nodiscard]] BIGNUM* check_bignum(lua_State* lua, int index);

}  // namespace trawl::nse
