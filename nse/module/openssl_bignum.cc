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
  void operator()(BIGNUM* it) const { BN_clear_free(it); }
  void operator()(BN_CTX* it) const { BN_CTX_free(it); }
  void operator()(char* it) const { OPENSSL_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeWith>;
using Number = Owned<BIGNUM>;

struct Boxed {
  BIGNUM* number;  // Null when it was collected by hand.
};

// Lua does not see what OpenSSL allocates: a block of the same size in its place is kept beside it.
void count_bytes(lua_State* lua, int index, const BIGNUM* number) {
  lua_newuserdatauv(lua, static_cast<std::size_t>(BN_num_bytes(number)), 0);
  lua_setiuservalue(lua, index, 1);
}

Number new_number(lua_State* lua) {
  Number number{BN_new()};
  if (number == nullptr) luaL_error(lua, "not enough memory");
  return number;
}

Owned<BN_CTX> new_context(lua_State* lua) {
  Owned<BN_CTX> context{BN_CTX_new()};
  if (context == nullptr) luaL_error(lua, "not enough memory");
  return context;
}

BIGNUM* check_exponent(lua_State* lua, int index) {
  BIGNUM* const number = check_bignum(lua, index);
  luaL_argcheck(lua, BN_num_bits(number) <= kMostExponentBits, index, "number is too large");
  return number;
}

int from_binary(lua_State* lua) {
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 1, &size);
  luaL_argcheck(lua, size <= kMostNumberBits / 8, 1, "number is too large");
  Number number = new_number(lua);
  BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes), static_cast<int>(size), number.get());
  push_bignum(lua, number.release());
  return 1;
}

// A number of the digits at the front; 0 when there are none.
int from_digits(lua_State* lua, const char* digits, double bits_of_digit,
                int (*convert)(BIGNUM**, const char*)) {
  const char* const text = luaL_checkstring(lua, 1);
  const std::size_t count = std::strspn(text + (*text == '-' ? 1 : 0), digits);
  luaL_argcheck(lua, static_cast<double>(count) * bits_of_digit <= kMostNumberBits, 1,
                "number is too large");
  Number number = new_number(lua);
  BIGNUM* target = number.get();
  if (convert(&target, text) == 0) BN_zero(number.get());
  push_bignum(lua, number.release());
  return 1;
}

int from_decimal(lua_State* lua) {
  constexpr double kBitsOfDigit = 3.33;  // A little over log2(10).
  return from_digits(lua, "0123456789", kBitsOfDigit, BN_dec2bn);
}

int from_hex(lua_State* lua) { return from_digits(lua, "0123456789abcdefABCDEF", 4, BN_hex2bn); }

// The absolute value.
int to_binary(lua_State* lua) {
  const BIGNUM* const number = check_bignum(lua, 1);
  const auto size = static_cast<std::size_t>(BN_num_bytes(number));
  luaL_Buffer bytes;
  char* const target = luaL_buffinitsize(lua, &bytes, size);
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(target));
  luaL_pushresultsize(&bytes, size);
  return 1;
}

int push_digits(lua_State* lua, char* (*convert)(const BIGNUM*)) {
  const Owned<char> text{convert(check_bignum(lua, 1))};
  if (text == nullptr) return luaL_error(lua, "not enough memory");
  lua_pushstring(lua, text.get());
  return 1;
}

int to_decimal(lua_State* lua) { return push_digits(lua, BN_bn2dec); }
int to_hex(lua_State* lua) { return push_digits(lua, BN_bn2hex); }

int count_bits_of(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bits(check_bignum(lua, 1)));
  return 1;
}

int count_bytes_of(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bytes(check_bignum(lua, 1)));
  return 1;
}

int set_bit(lua_State* lua) {
  BIGNUM* const number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  luaL_argcheck(lua, position >= 0 && position < kMostNumberBits, 2, "position out of range");
  const int before = BN_num_bits(number);
  if (BN_set_bit(number, static_cast<int>(position)) != 1) {
    return luaL_error(lua, "not enough memory");
  }
  if (BN_num_bits(number) > before) count_bytes(lua, 1, number);
  return 0;
}

// Bits beyond the number are clear already.
int clear_bit(lua_State* lua) {
  BIGNUM* const number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  if (position >= 0 && position < BN_num_bits(number)) {
    BN_clear_bit(number, static_cast<int>(position));
  }
  return 0;
}

int is_bit_set(lua_State* lua) {
  const BIGNUM* const number = check_bignum(lua, 1);
  const lua_Integer position = luaL_checkinteger(lua, 2);
  lua_pushboolean(lua, position >= 0 && position < BN_num_bits(number) &&
                           BN_is_bit_set(number, static_cast<int>(position)) == 1);
  return 1;
}

bool is_prime_number(lua_State* lua, const BIGNUM* number, BN_CTX* context) {
  const int answer = BN_check_prime(number, context, nullptr);
  if (answer < 0) raise_openssl_error(lua);
  return answer == 1;
}

int is_prime(lua_State* lua) {
  const BIGNUM* const number = check_exponent(lua, 1);
  const auto context = new_context(lua);
  lua_pushboolean(lua, is_prime_number(lua, number, context.get()));
  return 1;
}

// Whether it is a safe prime, and whether it is a prime.
int is_safe_prime(lua_State* lua) {
  const BIGNUM* const number = check_exponent(lua, 1);
  const auto context = new_context(lua);
  const bool prime = is_prime_number(lua, number, context.get());
  bool safe = false;
  if (prime) {
    const Number half = new_number(lua);
    if (BN_rshift1(half.get(), number) != 1) return raise_openssl_error(lua);
    safe = is_prime_number(lua, half.get(), context.get());
  }
  lua_pushboolean(lua, safe);
  lua_pushboolean(lua, prime);
  return 2;
}

int random_number(lua_State* lua) {
  const lua_Integer bits = luaL_checkinteger(lua, 1);
  luaL_argcheck(lua, bits >= 0 && bits <= kMostNumberBits, 1, "size out of range");
  Number number = new_number(lua);
  if (BN_rand(number.get(), static_cast<int>(bits), BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1) {
    return raise_openssl_error(lua);
  }
  push_bignum(lua, number.release());
  return 1;
}

// 0 when the modulus is 0, as Nmap has it.
int power(lua_State* lua) {
  const BIGNUM* const base = check_exponent(lua, 1);
  const BIGNUM* const exponent = check_exponent(lua, 2);
  const BIGNUM* const modulus = check_exponent(lua, 3);
  const auto context = new_context(lua);
  Number result = new_number(lua);
  if (BN_mod_exp(result.get(), base, exponent, modulus, context.get()) != 1) BN_zero(result.get());
  ERR_clear_error();
  push_bignum(lua, result.release());
  return 1;
}

// Quotient and remainder; both are 0 when the divisor is, as Nmap has it.
int divide(lua_State* lua) {
  const BIGNUM* const dividend = check_bignum(lua, 1);
  const BIGNUM* const divisor = check_bignum(lua, 2);
  const auto context = new_context(lua);
  Number quotient = new_number(lua);
  Number remainder = new_number(lua);
  if (BN_div(quotient.get(), remainder.get(), dividend, divisor, context.get()) != 1) {
    BN_zero(quotient.get());
    BN_zero(remainder.get());
  }
  ERR_clear_error();
  push_bignum(lua, quotient.release());
  push_bignum(lua, remainder.release());
  return 2;
}

int add(lua_State* lua) {
  const BIGNUM* const one = check_bignum(lua, 1);
  const BIGNUM* const other = check_bignum(lua, 2);
  Number sum = new_number(lua);
  if (BN_add(sum.get(), one, other) != 1) return luaL_error(lua, "not enough memory");
  push_bignum(lua, sum.release());
  return 1;
}

int collect(lua_State* lua) {
  auto& boxed = *static_cast<Boxed*>(luaL_checkudata(lua, 1, kType));
  BN_clear_free(boxed.number);
  boxed.number = nullptr;
  return 0;
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
                                 {"__gc", collect},
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

void push_bignum(lua_State* lua, BIGNUM* owned) {
  Number number{owned};
  if (number == nullptr) luaL_error(lua, "not enough memory");
  luaL_checkstack(lua, 3, nullptr);
  auto& boxed = *static_cast<Boxed*>(lua_newuserdatauv(lua, sizeof(Boxed), 1));
  boxed.number = nullptr;
  if (luaL_newmetatable(lua, kType) != 0) {
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
    luaL_setfuncs(lua, kMethods, 0);
  }
  lua_setmetatable(lua, -2);
  boxed.number = number.release();
  count_bytes(lua, lua_absindex(lua, -1), boxed.number);
}

BIGNUM* check_bignum(lua_State* lua, int index) {
  BIGNUM* const number = static_cast<Boxed*>(luaL_checkudata(lua, index, kType))->number;
  luaL_argcheck(lua, number != nullptr, index, "number was collected");
  return number;
}

std::span<const luaL_Reg> openssl_bignum_functions() { return kFunctions; }

}  // namespace trawl::nse
