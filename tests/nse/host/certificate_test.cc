#include "nse/host/certificate.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>

#include "nse/lua/lua_state.h"
#include "nse/module/bignum.h"

namespace trawl::nse {
namespace {

struct FreeWith {
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(unsigned char* it) const { OPENSSL_free(it); }
  void operator()(char* it) const { OPENSSL_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeWith>;

std::string signed_by_itself(EVP_PKEY* key) {
  const Owned<X509> certificate{X509_new()};
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, EVP_sha256());
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate.get(), &raw);
  const Owned<unsigned char> der{raw};
  return {reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size)};
}

TEST(Certificate, GivesModulusAndExponentAsNumbers) {
  const Owned<EVP_PKEY> key{EVP_RSA_gen(1024U)};
  const std::string der = signed_by_itself(key.get());
  BIGNUM* raw = nullptr;
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &raw);
  const Bignum modulus{raw};
  const Owned<char> digits{BN_bn2hex(modulus.get())};

  LuaState state{std::size_t{1} << 24U};
  std::string text;
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    make_certificate_type(lua);
    ASSERT_TRUE(push_certificate(lua, der));
    lua_setglobal(lua, "certificate");
    if (luaL_dostring(lua, R"(
          local key = certificate.pubkey
          return ("%s %s %s %d %s"):format(type(key.modulus), key.modulus, key.exponent:todec(),
                                           key.modulus:num_bits(), key.type))") != LUA_OK) {
      lua_error(lua);
    }
    text = lua_tostring(lua, -1);
  });
  EXPECT_EQ(error.value_or(""), "");
  EXPECT_EQ(text, std::string{"userdata "} + digits.get() + " 65537 1024 rsa");
}

TEST(Certificate, IsNoneOfOtherBytes) {
  const Owned<EVP_PKEY> key{EVP_RSA_gen(1024U)};
  const std::string der = signed_by_itself(key.get());
  LuaState state{std::size_t{1} << 24U};
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    make_certificate_type(lua);
    for (std::size_t size = 0; size < der.size(); size += 7) {
      EXPECT_FALSE(push_certificate(lua, der.substr(0, size))) << size;
    }
    EXPECT_EQ(lua_gettop(lua), 0);
  });
  EXPECT_EQ(error.value_or(""), "");
}

}  // namespace
}  // namespace trawl::nse
