#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>

#include "nse/module/native_modules.h"
#include "nse/module/openssl_functions.h"

namespace trawl::nse {
namespace {

int random_bytes(lua_State* lua) {
  const lua_Integer count = luaL_checkinteger(lua, 1);
  luaL_argcheck(lua, count >= 0, 1, "count is negative");
  const auto size = static_cast<std::size_t>(count);
  luaL_Buffer buffer;
  auto* const bytes = reinterpret_cast<unsigned char*>(luaL_buffinitsize(lua, &buffer, size));
  ERR_clear_error();
  if (size > 0 && RAND_bytes_ex(openssl_context(), bytes, size, 0) != 1) {
    return raise_openssl_error(lua);
  }
  luaL_pushresultsize(&buffer, size);
  return 1;
}

// Seven bits of the 56 in each byte of eight, from the top; the parity bits stay clear.
int spread_des_key(lua_State* lua) {
  constexpr std::size_t kPacked = 7;
  std::size_t size = 0;
  const char* const packed = luaL_checklstring(lua, 1, &size);
  if (size != kPacked) return luaL_error(lua, "String must have length of 7 bytes.");
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kPacked; ++i)
    bits = bits << 8U | static_cast<std::uint8_t>(packed[i]);
  std::array<char, kPacked + 1> key{};
  for (std::size_t i = key.size(); i-- > 0; bits >>= 7U) {
    key[i] = static_cast<char>((bits & 0x7fU) << 1U);
  }
  lua_pushlstring(lua, key.data(), key.size());
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"rand_bytes", random_bytes},
                                   {"rand_pseudo_bytes", random_bytes},
                                   {"DES_string_to_key", spread_des_key}};

// Lives as long as the program: OpenSSL's own exit handlers may run before ours.
OSSL_LIB_CTX* new_context() {
  OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS, nullptr);
  OSSL_LIB_CTX* const context = OSSL_LIB_CTX_new();
  if (context == nullptr) return nullptr;
  OSSL_PROVIDER_load(context, "default");
  OSSL_PROVIDER_load(context, "legacy");
  ERR_clear_error();
  return context;
}

}  // namespace

OSSL_LIB_CTX* openssl_context() {
  static OSSL_LIB_CTX* const context = new_context();
  return context;
}

int raise_openssl_error(lua_State* lua) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return luaL_error(lua, "OpenSSL error: %s", text.data());
}

int open_openssl(lua_State* lua) {
  lua_newtable(lua);
  for (const auto& functions : {std::span<const luaL_Reg>{kFunctions}, openssl_bignum_functions(),
                                openssl_digest_functions(), openssl_cipher_functions()}) {
    for (const luaL_Reg& one : functions) {
      lua_pushcfunction(lua, one.func);
      lua_setfield(lua, -2, one.name);
    }
  }
  return 1;
}

}  // namespace trawl::nse
