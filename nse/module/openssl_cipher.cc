#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string_view>

#include "nse/module/openssl_functions.h"

namespace trawl::nse {
namespace {

struct FreeWith {
  void operator()(EVP_CIPHER* it) const { EVP_CIPHER_free(it); }
  void operator()(EVP_CIPHER_CTX* it) const { EVP_CIPHER_CTX_free(it); }
};
using Cipher = std::unique_ptr<EVP_CIPHER, FreeWith>;
using Cipherer = std::unique_ptr<EVP_CIPHER_CTX, FreeWith>;

enum class Direction : int { Decrypt = 0, Encrypt = 1 };

Cipher find_cipher(const char* name) {
  const EVP_CIPHER* const named = EVP_get_cipherbyname(name);
  if (named == nullptr) return nullptr;
  return Cipher{EVP_CIPHER_fetch(openssl_context(), EVP_CIPHER_get0_name(named), nullptr)};
}

std::string_view text_argument(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const text = luaL_checklstring(lua, index, &size);
  constexpr std::size_t kMost = std::numeric_limits<int>::max() - 2 * EVP_MAX_BLOCK_LENGTH;
  luaL_argcheck(lua, size <= kMost, index, "string is too long");
  return {text, size};
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Null for nil, an empty one, and one of zeros of the wrong length: all zeros, or what the cipher
// has by itself.
const unsigned char* check_iv(lua_State* lua, const EVP_CIPHER* cipher) {
  if (lua_isnoneornil(lua, 3)) return nullptr;
  const std::string_view iv = text_argument(lua, 3);
  const auto expected = static_cast<std::size_t>(EVP_CIPHER_get_iv_length(cipher));
  if (iv.size() == expected) return iv.empty() ? nullptr : bytes_of(iv);
  if (std::all_of(iv.begin(), iv.end(), [](char byte) { return byte == '\0'; })) return nullptr;
  luaL_error(lua, "Length of iv is %d; should be %d", static_cast<int>(iv.size()),
             static_cast<int>(expected));
  return nullptr;
}

// Arguments: algorithm, key, iv, data, whether blocks are padded.
int run_cipher(lua_State* lua, Direction direction) {
  const char* const name = luaL_checkstring(lua, 1);
  const std::string_view key = text_argument(lua, 2);
  if (!lua_isnoneornil(lua, 3)) static_cast<void>(text_argument(lua, 3));
  const std::string_view data = text_argument(lua, 4);
  const bool padded = lua_toboolean(lua, 5) != 0;
  const Cipher cipher = find_cipher(name);
  if (cipher == nullptr) {
    ERR_clear_error();
    return luaL_error(lua, "Unknown cipher algorithm: %s", name);
  }
  const unsigned char* const iv = check_iv(lua, cipher.get());
  luaL_argcheck(lua, !key.empty(), 2, "key is empty");
  const Cipherer run{EVP_CIPHER_CTX_new()};
  if (run == nullptr) return luaL_error(lua, "not enough memory");
  ERR_clear_error();
  const int encrypts = static_cast<int>(direction);
  if (EVP_CipherInit_ex2(run.get(), cipher.get(), nullptr, nullptr, encrypts, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_key_length(run.get(), static_cast<int>(key.size())) != 1 ||
      EVP_CIPHER_CTX_set_padding(run.get(), padded ? 1 : 0) != 1 ||
      EVP_CipherInit_ex2(run.get(), nullptr, bytes_of(key), iv, encrypts, nullptr) != 1) {
    return raise_openssl_error(lua);
  }
  // Key wrapping adds up to two blocks; the last block comes behind.
  luaL_Buffer buffer;
  auto* const out = reinterpret_cast<unsigned char*>(
      luaL_buffinitsize(lua, &buffer, data.size() + 2 * EVP_MAX_BLOCK_LENGTH));
  int size = 0;
  int last = 0;
  if (EVP_CipherUpdate(run.get(), out, &size, bytes_of(data), static_cast<int>(data.size())) != 1 ||
      EVP_CipherFinal_ex(run.get(), out + size, &last) != 1) {
    return raise_openssl_error(lua);
  }
  luaL_pushresultsize(&buffer, static_cast<std::size_t>(size + last));
  return 1;
}

int encrypt(lua_State* lua) { return run_cipher(lua, Direction::Encrypt); }
int decrypt(lua_State* lua) { return run_cipher(lua, Direction::Decrypt); }

int list_ciphers(lua_State* lua) {
  lua_newtable(lua);
  const auto add = [](const OBJ_NAME* object, void* state) {
    if (find_cipher(object->name) == nullptr) return;
    auto* const to = static_cast<lua_State*>(state);
    lua_pushstring(to, object->name);
    lua_rawseti(to, -2, static_cast<lua_Integer>(lua_rawlen(to, -2)) + 1);
  };
  static_cast<void>(openssl_context());  // For the names.
  OBJ_NAME_do_all_sorted(OBJ_NAME_TYPE_CIPHER_METH, add, lua);
  ERR_clear_error();
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"encrypt", encrypt}, {"decrypt", decrypt}, {"supported_ciphers", list_ciphers}};

}  // namespace

std::span<const luaL_Reg> openssl_cipher_functions() { return kFunctions; }

}  // namespace trawl::nse
