#include "nse/host/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <string>

#include "nse/module/bignum.h"

namespace trawl::nse {
namespace {

constexpr const char* kCertificateType = "SSL_CERT";

struct FreeWith {
  void operator()(X509* it) const { X509_free(it); }
  void operator()(BIO* it) const { BIO_free_all(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeWith>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string{data, static_cast<std::size_t>(size)} : std::string{};
}

std::string numeric_name(const ASN1_OBJECT* object) {
  std::array<char, 256> text{};
  const int size = OBJ_obj2txt(text.data(), text.size(), object, 1);
  return size > 0 ? std::string{text.data()} : std::string{};
}

// The long name of a known object; else its numbers as an array of strings.
void push_object(lua_State* lua, const ASN1_OBJECT* object) {
  const int nid = OBJ_obj2nid(object);
  if (nid != NID_undef) {
    lua_pushstring(lua, OBJ_nid2ln(nid));
    return;
  }
  lua_newtable(lua);
  std::string part;
  lua_Integer index = 0;
  for (const char c : numeric_name(object) + '.') {
    if (c != '.') {
      part += c;
      continue;
    }
    lua_pushstring(lua, part.c_str());
    lua_rawseti(lua, -2, ++index);
    part.clear();
  }
}

void set_name(lua_State* lua, const char* key, X509_NAME* name) {
  lua_newtable(lua);
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
    const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(entry);
    push_object(lua, X509_NAME_ENTRY_get_object(entry));
    lua_pushlstring(lua, reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                    static_cast<std::size_t>(ASN1_STRING_length(value)));
    lua_settable(lua, -3);
  }
  lua_setfield(lua, -2, key);
}

void set_time(lua_State* lua, const char* key, const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) == 1) {
    constexpr int kFirstYear = 1900;
    lua_createtable(lua, 0, 6);
    const std::array<std::pair<const char*, int>, 6> fields{{{"year", parts.tm_year + kFirstYear},
                                                             {"month", parts.tm_mon + 1},
                                                             {"day", parts.tm_mday},
                                                             {"hour", parts.tm_hour},
                                                             {"min", parts.tm_min},
                                                             {"sec", parts.tm_sec}}};
    for (const auto& [name, value] : fields) {
      lua_pushinteger(lua, value);
      lua_setfield(lua, -2, name);
    }
  } else {
    lua_pushlstring(lua, reinterpret_cast<const char*>(ASN1_STRING_get0_data(time)),
                    static_cast<std::size_t>(ASN1_STRING_length(time)));
  }
  lua_setfield(lua, -2, key);
}

void set_number(lua_State* lua, const char* key, EVP_PKEY* pkey, const char* parameter) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(pkey, parameter, &raw) != 1) return;
  const Bignum number{raw};
  push_bignum(lua, number.get());
  lua_setfield(lua, -2, key);
}

void set_curve(lua_State* lua, EVP_PKEY* pkey) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  const bool named = EVP_PKEY_get_group_name(pkey, name.data(), name.size(), &size) == 1;
  std::array<char, 80> field{};
  std::size_t field_size = 0;
  const bool has_field =
      EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_FIELD_TYPE, field.data(),
                                     field.size(), &field_size) == 1;
  const bool is_prime = !has_field || std::string_view{field.data()} == SN_X9_62_prime_field;
  lua_newtable(lua);
  lua_newtable(lua);
  lua_pushstring(lua, named ? "namedcurve" : is_prime ? "explicit_prime" : "explicit_char2");
  lua_setfield(lua, -2, "ec_curve_type");
  if (named) {
    lua_pushstring(lua, name.data());
    lua_setfield(lua, -2, "curve");
  }
  lua_setfield(lua, -2, "curve_params");
  lua_setfield(lua, -2, "ecdhparams");
}

void set_key(lua_State* lua, const X509* certificate) {
  EVP_PKEY* const pkey = X509_get0_pubkey(certificate);
  lua_newtable(lua);
  const int type = pkey == nullptr ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(pkey);
  if (type == EVP_PKEY_RSA) {
    set_number(lua, "exponent", pkey, OSSL_PKEY_PARAM_RSA_E);
    set_number(lua, "modulus", pkey, OSSL_PKEY_PARAM_RSA_N);
  } else if (type == EVP_PKEY_EC) {
    set_curve(lua, pkey);
  }
  lua_pushstring(lua, type == EVP_PKEY_RSA   ? "rsa"
                      : type == EVP_PKEY_DSA ? "dsa"
                      : type == EVP_PKEY_DH  ? "dh"
                      : type == EVP_PKEY_EC  ? "ec"
                                             : "unknown");
  lua_setfield(lua, -2, "type");
  lua_pushinteger(lua, pkey == nullptr ? 0 : EVP_PKEY_get_bits(pkey));
  lua_setfield(lua, -2, "bits");
  lua_setfield(lua, -2, "pubkey");
}

void set_extensions(lua_State* lua, const X509* certificate) {
  lua_newtable(lua);
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    X509_EXTENSION* const extension = X509_get_ext(certificate, i);
    lua_newtable(lua);
    const ASN1_OBJECT* const object = X509_EXTENSION_get_object(extension);
    const int nid = OBJ_obj2nid(object);
    lua_pushstring(lua, nid == NID_undef ? numeric_name(object).c_str() : OBJ_nid2ln(nid));
    lua_setfield(lua, -2, "name");
    if (X509_EXTENSION_get_critical(extension) != 0) {
      lua_pushboolean(lua, 1);
      lua_setfield(lua, -2, "critical");
    }
    const Owned<BIO> bio{BIO_new(BIO_s_mem())};
    if (bio != nullptr) {
      if (X509V3_EXT_print(bio.get(), extension, X509V3_EXT_DUMP_UNKNOWN, 0) != 1) {
        ASN1_STRING_print(bio.get(), X509_EXTENSION_get_data(extension));
      }
      const std::string text = text_of(bio.get());
      lua_pushlstring(lua, text.data(), text.size());
      lua_setfield(lua, -2, "value");
    }
    lua_rawseti(lua, -2, i + 1);
  }
  lua_setfield(lua, -2, "extensions");
}

void set_fields(lua_State* lua, X509* certificate) {
  set_name(lua, "subject", X509_get_subject_name(certificate));
  set_name(lua, "issuer", X509_get_issuer_name(certificate));
  set_key(lua, certificate);
  lua_newtable(lua);
  set_time(lua, "notBefore", X509_get0_notBefore(certificate));
  set_time(lua, "notAfter", X509_get0_notAfter(certificate));
  lua_setfield(lua, -2, "validity");
  set_extensions(lua, certificate);
  push_object(lua, X509_get0_tbs_sigalg(certificate)->algorithm);
  if (lua_istable(lua, -1)) {
    lua_pop(lua, 1);
    lua_pushstring(lua, numeric_name(X509_get0_tbs_sigalg(certificate)->algorithm).c_str());
  }
  lua_setfield(lua, -2, "sig_algorithm");
  const Owned<BIO> bio{BIO_new(BIO_s_mem())};
  if (bio != nullptr && PEM_write_bio_X509(bio.get(), certificate) == 1) {
    const std::string pem = text_of(bio.get());
    lua_pushlstring(lua, pem.data(), pem.size());
    lua_setfield(lua, -2, "pem");
  }
}

// A userdata that holds an X509*, whose fields are the table of its user value.
X509* check_certificate(lua_State* lua) {
  return *static_cast<X509**>(luaL_checkudata(lua, 1, kCertificateType));
}

int collect_certificate(lua_State* lua) {
  X509** const held = static_cast<X509**>(luaL_checkudata(lua, 1, kCertificateType));
  X509_free(*held);
  *held = nullptr;
  return 0;
}

int digest(lua_State* lua) {
  const X509* const certificate = check_certificate(lua);
  const EVP_MD* const algorithm = EVP_get_digestbyname(luaL_checkstring(lua, 2));
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (algorithm == nullptr || X509_digest(certificate, algorithm, bytes.data(), &size) != 1) {
    return 0;
  }
  lua_pushlstring(lua, reinterpret_cast<const char*>(bytes.data()), size);
  return 1;
}

int get_field(lua_State* lua) {
  check_certificate(lua);
  lua_getiuservalue(lua, 1, 1);
  lua_pushvalue(lua, 2);
  lua_rawget(lua, -2);
  return 1;
}

}  // namespace

void make_certificate_type(lua_State* lua) {
  luaL_newmetatable(lua, kCertificateType);
  lua_pushcfunction(lua, collect_certificate);
  lua_setfield(lua, -2, "__gc");
  lua_pushcfunction(lua, get_field);
  lua_setfield(lua, -2, "__index");
  lua_newtable(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

bool push_certificate(lua_State* lua, std::string_view der) {
  if (der.empty() || der.size() > kMostCertificate) return false;
  luaL_checkstack(lua, 12, "certificate");
  const auto* from = reinterpret_cast<const unsigned char*>(der.data());
  X509** const held = static_cast<X509**>(lua_newuserdatauv(lua, sizeof(X509*), 1));
  *held = d2i_X509(nullptr, &from, static_cast<long>(der.size()));
  if (*held == nullptr) {
    ERR_clear_error();
    lua_pop(lua, 1);
    return false;
  }
  luaL_setmetatable(lua, kCertificateType);  // From here on it is collected.
  lua_newtable(lua);
  set_fields(lua, *held);
  lua_pushcfunction(lua, digest);
  lua_setfield(lua, -2, "digest");
  lua_setiuservalue(lua, -2, 1);
  ERR_clear_error();
  return true;
}

}  // namespace trawl::nse
