#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "nse/module/bignum.h"
#include "nse/module/openssl_functions.h"

namespace trawl::nse {
namespace {

constexpr const char* kType = "BIGNUM";

struct FreeWith {
  void operator()(BN_CTX* it) const { BN_CTX_free(it); }
  void operator()(char* it) const { OPENSSL_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeWith>;

// What a script has; the user value is a string, the absolute value with the first byte highest.
struct Boxed {
  bool is_negative;
};

Bignum new_number(lua_State* lua) {
  Bignum number{BN_new()};
  if (number == nullptr) luaL_error(lua, "not enough memory");
  return number;
}

void set_value(lua_State* lua, int index, const BIGNUM* number) {
  static_cast<Boxed*>(lua_touserdata(lua, index))->is_negative = BN_is_negative(number) == 1;
  const auto size = static_cast<std::size_t>(BN_num_bytes(number));
  luaL_Buffer bytes;
  char* const target = luaL_buffinitsize(lua, &bytes, size);
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(target));
  luaL_pushresultsize(&bytes, size);
  lua_setiuservalue(lua, index, 1);
}

Owned<BN_CTX> new_context(lua_State* lua) {
  Owned<BN_CTX> context{BN_CTX_new()};
  if (context == nullptr) luaL_error(lua, "not enough memory");
  return context;
}

// Sums and certificates have numbers of any size: for what takes more than linear time.
Bignum check_at_most(lua_State* lua, int index, int most_bits) {
  Bignum number = check_bignum(lua, index);
  luaL_argcheck(lua, BN_num_bits(number.get()) <= most_bits, index, "number is too large");
  return number;
}

Bignum check_exponent(lua_State* lua, int index) {
  return check_at_most(lua, index, kMostExponentBits);
}

int from_binary(lua_State* lua) {
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 1, &size);
  luaL_argcheck(lua, size <= kMostNumberBits / 8, 1, "number is too large");
  const Bignum number = new_number(lua);
  BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes), static_cast<int>(size), number.get());
  push_bignum(lua, number.get());
  return 1;
}

// A number of the digits at the front; 0 when there are none.
int from_digits(lua_State* lua, const char* digits, double bits_of_digit,
                int (*convert)(BIGNUM**, const char*)) {
  const char* const text = luaL_checkstring(lua, 1);
  const std::size_t count = std::strspn(text + (*text == '-' ? 1 : 0), digits);
  luaL_argcheck(lua, static_cast<double>(count) * bits_of_digit <= kMostNumberBits, 1,
                "number is too large");
  const Bignum number = new_number(lua);
  BIGNUM* target = number.get();
  if (convert(&target, text) == 0) BN_zero(number.get());
  push_bignum(lua, number.get());
  return 1;
}

int from_decimal(lua_State* lua) {
  constexpr double kBitsOfDigit = 3.33;  // A little over log2(10).
  return from_digits(lua, "0123456789", kBitsOfDigit, BN_dec2bn);
}

int from_hex(lua_State* lua) { return from_digits(lua, "0123456789abcdefABCDEF", 4, BN_hex2bn); }

// The absolute value.
int to_binary(lua_State* lua) {
  static_cast<void>(check_bignum(lua, 1));
  lua_getiuservalue(lua, 1, 1);
  return 1;
}

int push_digits(lua_State* lua, const Owned<char>& text) {
  if (text == nullptr) return luaL_error(lua, "not enough memory");
  lua_pushstring(lua, text.get());
  return 1;
}

int to_decimal(lua_State* lua) {
  const Bignum number = check_at_most(lua, 1, kMostNumberBits);
  return push_digits(lua, Owned<char>{BN_bn2dec(number.get())});
}

int to_hex(lua_State* lua) {
  return push_digits(lua, Owned<char>{BN_bn2hex(check_bignum(lua, 1).get())});
}

int count_bits_of(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bits(check_bignum(lua, 1).get()));
  return 1;
}

int count_bytes_of(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bytes(check_bignum(lua, 1).get()));
  return 1;
}

int set_bit(lua_State* lua) {
  const Bignum number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  luaL_argcheck(lua, position >= 0 && position < kMostNumberBits, 2, "position out of range");
  if (BN_set_bit(number.get(), static_cast<int>(position)) != 1) {
    return luaL_error(lua, "not enough memory");
  }
  set_value(lua, 1, number.get());
  return 0;
}

// Bits beyond the number are clear already.
int clear_bit(lua_State* lua) {
  const Bignum number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  if (position >= 0 && position < BN_num_bits(number.get())) {
    BN_clear_bit(number.get(), static_cast<int>(position));
    set_value(lua, 1, number.get());
  }
  return 0;
}

int is_bit_set(lua_State* lua) {
  const Bignum number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  lua_pushboolean(lua, position >= 0 && position < BN_num_bits(number.get()) &&
                           BN_is_bit_set(number.get(), static_cast<int>(position)) == 1);
  return 1;
}

bool is_prime_number(lua_State* lua, const BIGNUM* number, BN_CTX* context) {
  const int answer = BN_check_prime(number, context, nullptr);
  if (answer < 0) raise_openssl_error(lua);
  return answer == 1;
}

int is_prime(lua_State* lua) {
  const Bignum number = check_at_most(lua, 1, kMostPrimeBits);
  const auto context = new_context(lua);
  lua_pushboolean(lua, is_prime_number(lua, number.get(), context.get()));
  return 1;
}

// Whether it is a safe prime, and whether it is a prime.
int is_safe_prime(lua_State* lua) {
  const Bignum number = check_at_most(lua, 1, kMostPrimeBits);
  const auto context = new_context(lua);
  const bool prime = is_prime_number(lua, number.get(), context.get());
  bool safe = false;
  if (prime) {
    const Bignum half = new_number(lua);
    if (BN_rshift1(half.get(), number.get()) != 1) return raise_openssl_error(lua);
    safe = is_prime_number(lua, half.get(), context.get());
  }
  lua_pushboolean(lua, safe);
  lua_pushboolean(lua, prime);
  return 2;
}

int random_number(lua_State* lua) {
  const lua_Integer bits = luaL_checkinteger(lua, 1);
  luaL_argcheck(lua, bits >= 0 && bits <= kMostNumberBits, 1, "size out of range");
  const Bignum number = new_number(lua);
  if (BN_rand(number.get(), static_cast<int>(bits), BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1) {
    return raise_openssl_error(lua);
  }
  push_bignum(lua, number.get());
  return 1;
}

// 0 when the modulus is 0, as Nmap has it.
int power(lua_State* lua) {
  const Bignum base = check_exponent(lua, 1);
  const Bignum exponent = check_exponent(lua, 2);
  const Bignum modulus = check_exponent(lua, 3);
  const auto context = new_context(lua);
  const Bignum result = new_number(lua);
  if (BN_mod_exp(result.get(), base.get(), exponent.get(), modulus.get(), context.get()) != 1)
    BN_zero(result.get());
  ERR_clear_error();
  push_bignum(lua, result.get());
  return 1;
}

// Quotient and remainder; both are 0 when the divisor is, as Nmap has it.
int divide(lua_State* lua) {
  const Bignum dividend = check_at_most(lua, 1, kMostNumberBits);
  const Bignum divisor = check_at_most(lua, 2, kMostNumberBits);
  const auto context = new_context(lua);
  const Bignum quotient = new_number(lua);
  const Bignum remainder = new_number(lua);
  if (BN_div(quotient.get(), remainder.get(), dividend.get(), divisor.get(), context.get()) != 1) {
    BN_zero(quotient.get());
    BN_zero(remainder.get());
  }
  ERR_clear_error();
  push_bignum(lua, quotient.get());
  push_bignum(lua, remainder.get());
  return 2;
}

int add(lua_State* lua) {
  const Bignum one = check_bignum(lua, 1);
  const Bignum other = check_bignum(lua, 2);
  const Bignum sum = new_number(lua);
  if (BN_add(sum.get(), one.get(), other.get()) != 1) return luaL_error(lua, "not enough memory");
  push_bignum(lua, sum.get());
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"is_safe_prime", is_safe_prime},
                                 {"is_prime", is_prime},
                                 {"is_bit_set", is_bit_set},
                                 {"set_bit", set_bit},
                                 {"clear_bit", clear_bit},
                                 {"num_bits", count_bits_of},
                                 {"num_bytes", count_bytes_of},
                                 {"todec", to_decimal},
                                 {"tohex", to_hex},
                                 {"tobin", to_binary},
                                 {"__tostring", to_hex},
                                 {nullptr, nullptr}};

constexpr luaL_Reg kFunctions[] = {{"bignum_num_bits", count_bits_of},
                                   {"bignum_num_bytes", count_bytes_of},
                                   {"bignum_set_bit", set_bit},
                                   {"bignum_clear_bit", clear_bit},
                                   {"bignum_is_bit_set", is_bit_set},
                                   {"bignum_is_prime", is_prime},
                                   {"bignum_is_safe_prime", is_safe_prime},
                                   {"bignum_bin2bn", from_binary},
                                   {"bignum_dec2bn", from_decimal},
                                   {"bignum_hex2bn", from_hex},
                                   {"bignum_bn2bin", to_binary},
                                   {"bignum_bn2dec", to_decimal},
                                   {"bignum_bn2hex", to_hex},
                                   {"bignum_rand", random_number},
                                   {"bignum_pseudo_rand", random_number},
                                   {"bignum_mod_exp", power},
                                   {"bignum_div", divide},
                                   {"bignum_add", add}};

}  // namespace

void push_bignum(lua_State* lua, const BIGNUM* number) {
  luaL_checkstack(lua, 4, nullptr);
  lua_newuserdatauv(lua, sizeof(Boxed), 1);
  if (luaL_newmetatable(lua, kType) != 0) {
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
    luaL_setfuncs(lua, kMethods, 0);
  }
  lua_setmetatable(lua, -2);
  set_value(lua, lua_gettop(lua), number);
}

Bignum check_bignum(lua_State* lua, int index) {
  const bool is_negative = static_cast<Boxed*>(luaL_checkudata(lua, index, kType))->is_negative;
  Bignum number = new_number(lua);
  lua_getiuservalue(lua, index, 1);
  std::size_t size = 0;
  const char* const bytes = lua_tolstring(lua, -1, &size);
  if (BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes), static_cast<int>(size),
                number.get()) == nullptr) {
    luaL_error(lua, "not enough memory");
  }
  BN_set_negative(number.get(), is_negative ? 1 : 0);
  lua_pop(lua, 1);
  return number;
}

std::span<const luaL_Reg> openssl_bignum_functions() { return kFunctions; }

}  // namespace trawl::nse
