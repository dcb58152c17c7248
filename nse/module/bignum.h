#pragma once

#include <openssl/bn.h>

#include <lua.hpp>

namespace trawl::nse {

// Pushes a number as the module "openssl" has them: a userdata whose text is hexadecimal, with
// todec() and the like. Takes it over. Needs no module to be open.
void push_bignum(lua_State* lua, BIGNUM* owned);
// Raises an error for what is none.
[[nodiscard]] BIGNUM* check_bignum(lua_State* lua, int index);

// Adds the module's functions for them to the table on top.
void set_bignum_functions(lua_State* lua);

}  // namespace trawl::nse
