#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include <array>
#include <memory>
#include <string>

#include "nse/module/openssl_functions.h"

namespace trawl::nse {
namespace {

struct FreeDigest {
  void operator()(EVP_MD* it) const { EVP_MD_free(it); }
};
using Digest = std::unique_ptr<EVP_MD, FreeDigest>;

// Any name or alias that OpenSSL knows; null for none, or one that no provider has.
Digest find_digest(const char* name) {
  const EVP_MD* const named = EVP_get_digestbyname(name);
  if (named == nullptr) return nullptr;
  return Digest{EVP_MD_fetch(openssl_context(), EVP_MD_get0_name(named), nullptr)};
}

Digest check_digest(lua_State* lua) {
  const char* const name = luaL_checkstring(lua, 1);
  Digest digest = find_digest(name);
  if (digest == nullptr) {
    ERR_clear_error();
    luaL_error(lua, "Unknown digest algorithm: %s", name);
  }
  return digest;
}

int hash(lua_State* lua) {
  const Digest digest = check_digest(lua);
  std::size_t size = 0;
  const char* const message = luaL_checklstring(lua, 2, &size);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int count = 0;
  ERR_clear_error();
  if (EVP_Digest(message, size, bytes.data(), &count, digest.get(), nullptr) != 1) {
    return raise_openssl_error(lua);
  }
  lua_pushlstring(lua, reinterpret_cast<const char*>(bytes.data()), count);
  return 1;
}

template <const char* const& Name>
int hash_with(lua_State* lua) {
  lua_pushstring(lua, Name);
  lua_insert(lua, 1);
  return hash(lua);
}

constexpr const char* kMd4 = "md4";
constexpr const char* kMd5 = "md5";
constexpr const char* kSha1 = "sha1";
constexpr const char* kRipemd160 = "ripemd160";

// Digests of a length of one's choice (SHAKE) have no HMAC.
int authenticate(lua_State* lua) {
  const Digest digest = check_digest(lua);
  std::size_t key_size = 0;
  std::size_t size = 0;
  const char* const key = luaL_checklstring(lua, 2, &key_size);
  const char* const message = luaL_checklstring(lua, 3, &size);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  std::size_t count = 0;
  ERR_clear_error();
  if (EVP_Q_mac(openssl_context(), "HMAC", nullptr, EVP_MD_get0_name(digest.get()), nullptr, key,
                key_size, reinterpret_cast<const unsigned char*>(message), size, bytes.data(),
                bytes.size(), &count) == nullptr) {
    return raise_openssl_error(lua);
  }
  lua_pushlstring(lua, reinterpret_cast<const char*>(bytes.data()), count);
  return 1;
}

int list_digests(lua_State* lua) {
  lua_newtable(lua);
  const auto add = [](const OBJ_NAME* object, void* state) {
    if (find_digest(object->name) == nullptr) return;
    auto* const to = static_cast<lua_State*>(state);
    lua_pushstring(to, object->name);
    lua_rawseti(to, -2, static_cast<lua_Integer>(lua_rawlen(to, -2)) + 1);
  };
  static_cast<void>(openssl_context());  // For the names.
  OBJ_NAME_do_all_sorted(OBJ_NAME_TYPE_MD_METH, add, lua);
  ERR_clear_error();
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"md4", hash_with<kMd4>},
                                   {"md5", hash_with<kMd5>},
                                   {"sha1", hash_with<kSha1>},
                                   {"ripemd160", hash_with<kRipemd160>},
                                   {"digest", hash},
                                   {"hmac", authenticate},
                                   {"supported_digests", list_digests}};

}  // namespace

std::span<const luaL_Reg> openssl_digest_functions() { return kFunctions; }

}  // namespace trawl::nse
