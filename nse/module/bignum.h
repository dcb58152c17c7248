#pragma once

#include <openssl/bn.h>

#include <lua.hpp>
#include <memory>

namespace trawl::nse {

// The most bits of a number that a script makes; of exponents and moduli, which take time that
// grows with the cube; and of candidates for primes, as OpenSSL has Diffie-Hellman groups: one that
// is prime takes 20 s, in which its thread does nothing else.
constexpr int kMostNumberBits = 1 << 20;
constexpr int kMostExponentBits = 1 << 14;
constexpr int kMostPrimeBits = 10'000;

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
