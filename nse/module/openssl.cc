#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <array>
#include <climits>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "nse/module/bignum.h"
#include "nse/module/native_modules.h"
#include "nse/module/openssl_error.h"

namespace trawl::nse {
namespace {

constexpr std::size_t kMostInput = std::size_t{1} << 28;
constexpr lua_Integer kMostRandom = lua_Integer{1} << 24;

struct Free {
  void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
  void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  void operator()(OSSL_LIB_CTX* context) const noexcept { OSSL_LIB_CTX_free(context); }
};
template <typename Thing>
using Owned = std::unique_ptr<Thing, Free>;

// With algorithms of before: MD4, single DES, CAST5, RC4, Blowfish. The program's own context has
// no use for these.
OSSL_LIB_CTX* library() {
  static const Owned<OSSL_LIB_CTX> context = [] {
    Owned<OSSL_LIB_CTX> made{OSSL_LIB_CTX_new()};
    // Where the legacy provider is not there, its algorithms are unknown.
    static_cast<void>(OSSL_PROVIDER_load(made.get(), "default"));
    static_cast<void>(OSSL_PROVIDER_load(made.get(), "legacy"));
    drop_openssl_errors();
    return made;
  }();
  return context.get();
}

std::string_view check_bytes(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, index, &size);
  luaL_argcheck(lua, size <= kMostInput, index, "too long");
  return {bytes, size};
}

const unsigned char* octets(std::string_view bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Owned<EVP_MD> check_digest(lua_State* lua, const char* name) {
  Owned<EVP_MD> digest{EVP_MD_fetch(library(), name, nullptr)};
  // Aliases are known to the table of names alone.
  if (const EVP_MD* known = digest ? nullptr : EVP_get_digestbyname(name); known != nullptr) {
    digest.reset(EVP_MD_fetch(library(), EVP_MD_get0_name(known), nullptr));
  }
  drop_openssl_errors();
  if (!digest) luaL_error(lua, "Unknown digest algorithm: %s", name);
  return digest;
}

int push_digest(lua_State* lua, const char* name, std::string_view text) {
  const Owned<EVP_MD> digest = check_digest(lua, name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> result{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), result.data(), &size, digest.get(), nullptr) != 1) {
    return raise_openssl_error(lua);
  }
  lua_pushlstring(lua, reinterpret_cast<const char*>(result.data()), size);
  return 1;
}

int md4(lua_State* lua) { return push_digest(lua, "MD4", check_bytes(lua, 1)); }
int md5(lua_State* lua) { return push_digest(lua, "MD5", check_bytes(lua, 1)); }
int sha1(lua_State* lua) { return push_digest(lua, "SHA1", check_bytes(lua, 1)); }
int ripemd160(lua_State* lua) { return push_digest(lua, "RIPEMD160", check_bytes(lua, 1)); }
int digest(lua_State* lua) {
  const char* const name = luaL_checkstring(lua, 1);
  return push_digest(lua, name, check_bytes(lua, 2));
}

int hmac(lua_State* lua) {
  const Owned<EVP_MD> digest = check_digest(lua, luaL_checkstring(lua, 1));
  const std::string_view key = check_bytes(lua, 2);
  const std::string_view text = check_bytes(lua, 3);
  std::array<unsigned char, EVP_MAX_MD_SIZE> result{};
  std::size_t size = 0;
  if (EVP_Q_mac(library(), "HMAC", nullptr, EVP_MD_get0_name(digest.get()), nullptr, octets(key),
                key.size(), octets(text), text.size(), result.data(), result.size(),
                &size) == nullptr) {
    return raise_openssl_error(lua);
  }
  lua_pushlstring(lua, reinterpret_cast<const char*>(result.data()), size);
  return 1;
}

Owned<EVP_CIPHER> check_cipher(lua_State* lua, const char* name) {
  Owned<EVP_CIPHER> cipher{EVP_CIPHER_fetch(library(), name, nullptr)};
  if (const EVP_CIPHER* known = cipher ? nullptr : EVP_get_cipherbyname(name); known != nullptr) {
    cipher.reset(EVP_CIPHER_fetch(library(), EVP_CIPHER_get0_name(known), nullptr));
  }
  drop_openssl_errors();
  if (!cipher) luaL_error(lua, "Unknown cipher algorithm: %s", name);
  return cipher;
}

// algorithm, key, initialisation vector or nil, data, whether to pad.
template <int kEncrypts>
int run_cipher(lua_State* lua) {
  const Owned<EVP_CIPHER> cipher = check_cipher(lua, luaL_checkstring(lua, 1));
  const std::string_view key = check_bytes(lua, 2);
  const std::string_view vector =
      lua_isnoneornil(lua, 3) ? std::string_view{} : check_bytes(lua, 3);
  const std::string_view data = check_bytes(lua, 4);
  const int wanted = EVP_CIPHER_get_iv_length(cipher.get());
  if (!vector.empty() && vector.size() != static_cast<std::size_t>(wanted)) {
    return luaL_error(lua, "Length of iv is %d; should be %d", static_cast<int>(vector.size()),
                      wanted);
  }
  const std::string initial =
      vector.empty() ? std::string(static_cast<std::size_t>(wanted), '\0') : std::string{vector};
  const Owned<EVP_CIPHER_CTX> context{EVP_CIPHER_CTX_new()};
  if (!context ||
      EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, kEncrypts, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_key_length(context.get(), static_cast<int>(key.size())) != 1 ||
      EVP_CipherInit_ex2(context.get(), nullptr, octets(key), octets(initial), kEncrypts,
                         nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), lua_toboolean(lua, 5)) != 1) {
    return raise_openssl_error(lua);
  }
  std::string out(data.size() + EVP_MAX_BLOCK_LENGTH, '\0');
  auto* const begin = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  int rest = 0;
  if (EVP_CipherUpdate(context.get(), begin, &size, octets(data), static_cast<int>(data.size())) !=
          1 ||
      EVP_CipherFinal_ex(context.get(), begin + size, &rest) != 1) {
    // A tag cannot be given, so what was decrypted is not checked either.
    const bool lacks_tag =
        (EVP_CIPHER_get_flags(cipher.get()) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0 && rest == 0;
    if (!lacks_tag || size == 0) return raise_openssl_error(lua);
    drop_openssl_errors();
  }
  lua_pushlstring(lua, out.data(), static_cast<std::size_t>(size + rest));
  return 1;
}

int rand_bytes(lua_State* lua) {
  const lua_Integer count = luaL_checkinteger(lua, 1);
  if (count < 0 || count > kMostRandom) return luaL_error(lua, "Couldn't allocate memory.");
  std::string bytes(static_cast<std::size_t>(count), '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return raise_openssl_error(lua);
  }
  lua_pushlstring(lua, bytes.data(), bytes.size());
  return 1;
}

// The key of seven bytes; its parity bits are 0, as Nmap leaves them (DES does not look at them).
int des_key(lua_State* lua) {
  constexpr std::size_t kBytes = 7;
  const std::string_view text = check_bytes(lua, 1);
  if (text.size() != kBytes) {
    return luaL_error(lua, "String must have length of %d bytes.", static_cast<int>(kBytes));
  }
  std::uint64_t bits = 0;
  for (const char byte : text) bits = bits << 8U | static_cast<unsigned char>(byte);
  std::array<char, kBytes + 1> key{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto seven = static_cast<unsigned>(bits >> (kBytes * (kBytes - i))) & 0x7fU;
    key[i] = static_cast<char>(seven << 1U);
  }
  lua_pushlstring(lua, key.data(), key.size());
  return 1;
}

int push_names(lua_State* lua, const std::set<std::string>& names) {
  lua_createtable(lua, static_cast<int>(names.size()), 0);
  lua_Integer index = 0;
  for (const std::string& name : names) {
    lua_pushlstring(lua, name.data(), name.size());
    lua_rawseti(lua, -2, ++index);
  }
  return 1;
}

template <typename Algorithm>
void add_name(const Algorithm* /*algorithm*/, const char* from, const char* /*to*/, void* names) {
  if (from != nullptr) static_cast<std::set<std::string>*>(names)->insert(from);
}

int supported_digests(lua_State* lua) {
  std::set<std::string> names;
  EVP_MD_do_all_sorted(add_name<EVP_MD>, &names);
  return push_names(lua, names);
}

int supported_ciphers(lua_State* lua) {
  std::set<std::string> names;
  EVP_CIPHER_do_all_sorted(add_name<EVP_CIPHER>, &names);
  return push_names(lua, names);
}

constexpr luaL_Reg kFunctions[] = {{"DES_string_to_key", des_key},
                                   {"decrypt", run_cipher<0>},
                                   {"digest", digest},
                                   {"encrypt", run_cipher<1>},
                                   {"hmac", hmac},
                                   {"md4", md4},
                                   {"md5", md5},
                                   {"rand_bytes", rand_bytes},
                                   {"rand_pseudo_bytes", rand_bytes},
                                   {"ripemd160", ripemd160},
                                   {"sha1", sha1},
                                   {"supported_ciphers", supported_ciphers},
                                   {"supported_digests", supported_digests},
                                   {nullptr, nullptr}};

}  // namespace

int raise_openssl_error(lua_State* lua) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  drop_openssl_errors();
  return luaL_error(lua, "OpenSSL error: %s", text.data());
}

void drop_openssl_errors() noexcept { ERR_clear_error(); }

int open_openssl(lua_State* lua) {
  lua_newtable(lua);
  luaL_setfuncs(lua, kFunctions, 0);
  set_bignum_functions(lua);
  return 1;
}

}  // namespace trawl::nse
