#pragma once

#include <openssl/bn.h>

#include <lua.hpp>
#include <memory>

namespace trawl::nse {

// Numbers have at most so many bits, where a script makes them, and so many as exponents, moduli
// and candidates for primes: these take time that grows with the cube.
constexpr int kMostNumberBits = 1 << 20;
constexpr int kMostExponentBits = 1 << 14;

struct FreeBignum {
  void operator()(BIGNUM* it) const { BN_free(it); }
};
using Bignum = std::unique_ptr<BIGNUM, FreeBignum>;

// Pushes a number of the module "openssl". Its digits are in Lua's memory, where they count for the
// limit and need no finalizer, which a collection in an emergency would put off.
void push_bignum(lua_State* lua, const BIGNUM* number);

// A copy of the number at `index`; raises an error of the argument when there is none.
[[nodiscard]] Bignum check_bignum(lua_State* lua, int index);

}  // namespace trawl::nse
