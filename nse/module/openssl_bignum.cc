#include <openssl/bn.h>
#include <openssl/crypto.h>

#include <memory>
#include <string>

#include "nse/module/bignum.h"
#include "nse/module/openssl_error.h"

namespace trawl::nse {
namespace {

constexpr const char* kName = "BIGNUM";
// What takes more than linear time is for numbers of this size at most.
constexpr int kMostBits = 1 << 16;
constexpr int kMostBitsOfPrimes = 1 << 13;
constexpr std::size_t kMostDigits = 1 << 16;
constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr int kHighestBit = 1 << 23;

struct FreeText {
  void operator()(char* text) const noexcept { OPENSSL_free(text); }
};
struct FreeContext {
  void operator()(BN_CTX* context) const noexcept { BN_CTX_free(context); }
};
struct FreeNumber {
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
};
using Text = std::unique_ptr<char, FreeText>;
using Context = std::unique_ptr<BN_CTX, FreeContext>;
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

BIGNUM* check_small(lua_State* lua, int index, int most_bits = kMostBits) {
  BIGNUM* const number = check_bignum(lua, index);
  luaL_argcheck(lua, BN_num_bits(number) <= most_bits, index, "the number is too large");
  return number;
}

int check_bit(lua_State* lua, int index) {
  const lua_Integer bit = luaL_checkinteger(lua, index);
  luaL_argcheck(lua, bit >= 0 && bit <= kHighestBit, index, "no such bit");
  return static_cast<int>(bit);
}

template <char* (*kText)(const BIGNUM*)>
int push_text(lua_State* lua) {
  const Text text{kText(check_small(lua, 1, kHighestBit + 1))};
  if (!text) return raise_openssl_error(lua);
  lua_pushstring(lua, text.get());
  return 1;
}

int to_decimal(lua_State* lua) {
  check_small(lua, 1);
  return push_text<BN_bn2dec>(lua);
}

int to_bytes(lua_State* lua) {
  const BIGNUM* const number = check_bignum(lua, 1);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  lua_pushlstring(lua, bytes.data(), bytes.size());
  return 1;
}

// As Nmap's module: what begins with no digit is 0, and what is behind the digits does not count.
template <int (*kRead)(BIGNUM**, const char*)>
int from_text(lua_State* lua) {
  std::size_t size = 0;
  const char* const text = luaL_checklstring(lua, 1, &size);
  luaL_argcheck(lua, size <= kMostDigits, 1, "too many digits");
  Number number{BN_new()};
  if (!number) return luaL_error(lua, "Couldn't allocate memory.");
  BIGNUM* raw = number.get();
  if (kRead(&raw, text) == 0) BN_zero(number.get());
  push_bignum(lua, number.release());
  return 1;
}

int from_bytes(lua_State* lua) {
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 1, &size);
  luaL_argcheck(lua, size <= kMostBytes, 1, "too many bytes");
  Number number{
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes), static_cast<int>(size), nullptr)};
  if (!number) return raise_openssl_error(lua);
  push_bignum(lua, number.release());
  return 1;
}

int num_bits(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bits(check_bignum(lua, 1)));
  return 1;
}

int num_bytes(lua_State* lua) {
  lua_pushinteger(lua, BN_num_bytes(check_bignum(lua, 1)));
  return 1;
}

int set_bit(lua_State* lua) {
  BIGNUM* const number = check_bignum(lua, 1);
  if (BN_set_bit(number, check_bit(lua, 2)) != 1) return raise_openssl_error(lua);
  return 0;
}

// A bit that is not there is clear already.
int clear_bit(lua_State* lua) {
  BIGNUM* const number = check_bignum(lua, 1);
  const int bit = check_bit(lua, 2);
  if (BN_is_bit_set(number, bit) == 1) BN_clear_bit(number, bit);
  return 0;
}

int is_bit_set(lua_State* lua) {
  BIGNUM* const number = check_bignum(lua, 1);
  lua_pushboolean(lua, BN_is_bit_set(number, check_bit(lua, 2)));
  return 1;
}

bool is_prime_number(lua_State* lua, const BIGNUM* number) {
  const Context context{BN_CTX_new()};
  const int answer = context ? BN_check_prime(number, context.get(), nullptr) : -1;
  if (answer < 0) raise_openssl_error(lua);
  return answer == 1;
}

int is_prime(lua_State* lua) {
  lua_pushboolean(lua, is_prime_number(lua, check_small(lua, 1, kMostBitsOfPrimes)) ? 1 : 0);
  return 1;
}

// Whether (p - 1) / 2 is prime too; then whether p is.
int is_safe_prime(lua_State* lua) {
  const BIGNUM* const number = check_small(lua, 1, kMostBitsOfPrimes);
  const bool prime = is_prime_number(lua, number);
  bool safe = false;
  if (prime) {
    const Number half{BN_dup(number)};
    if (!half || BN_sub_word(half.get(), 1) != 1 || BN_rshift1(half.get(), half.get()) != 1) {
      return raise_openssl_error(lua);
    }
    safe = is_prime_number(lua, half.get());
  }
  lua_pushboolean(lua, safe ? 1 : 0);
  lua_pushboolean(lua, prime ? 1 : 0);
  return 2;
}

int add(lua_State* lua) {
  Number sum{BN_new()};
  if (!sum || BN_add(sum.get(), check_bignum(lua, 1), check_bignum(lua, 2)) != 1) {
    return raise_openssl_error(lua);
  }
  push_bignum(lua, sum.release());
  return 1;
}

// Quotient and remainder; both are 0 where the divisor is.
int divide(lua_State* lua) {
  const BIGNUM* const dividend = check_small(lua, 1);
  const BIGNUM* const divisor = check_small(lua, 2);
  const Context context{BN_CTX_new()};
  Number quotient{BN_new()};
  Number rest{BN_new()};
  if (!context || !quotient || !rest) return luaL_error(lua, "Couldn't allocate memory.");
  if (!BN_is_zero(divisor) &&
      BN_div(quotient.get(), rest.get(), dividend, divisor, context.get()) != 1) {
    return raise_openssl_error(lua);
  }
  push_bignum(lua, quotient.release());
  push_bignum(lua, rest.release());
  return 2;
}

int mod_exp(lua_State* lua) {
  const BIGNUM* const base = check_small(lua, 1);
  const BIGNUM* const power = check_small(lua, 2, kMostBitsOfPrimes * 2);
  const BIGNUM* const modulus = check_small(lua, 3, kMostBitsOfPrimes * 2);
  const Context context{BN_CTX_new()};
  Number result{BN_new()};
  if (!context || !result) return luaL_error(lua, "Couldn't allocate memory.");
  if (BN_mod_exp(result.get(), base, power, modulus, context.get()) != 1) {
    BN_zero(result.get());
    drop_openssl_errors();
  }
  push_bignum(lua, result.release());
  return 1;
}

// So many random bits; where the highest ones are set as `top` says, and odd if `bottom`.
int random(lua_State* lua) {
  const lua_Integer bits = luaL_checkinteger(lua, 1);
  const lua_Integer top = luaL_optinteger(lua, 2, BN_RAND_TOP_ANY);
  const lua_Integer bottom = luaL_optinteger(lua, 3, BN_RAND_BOTTOM_ANY);
  luaL_argcheck(lua, bits <= kHighestBit, 1, "too many bits");
  luaL_argcheck(lua, top >= BN_RAND_TOP_ANY && top <= BN_RAND_TOP_TWO, 2, "-1, 0 or 1");
  luaL_argcheck(lua, bottom == BN_RAND_BOTTOM_ANY || bottom == BN_RAND_BOTTOM_ODD, 3, "0 or 1");
  Number number{BN_new()};
  if (!number) return luaL_error(lua, "Couldn't allocate memory.");
  if (bits > 0 && BN_rand(number.get(), static_cast<int>(bits), static_cast<int>(top),
                          static_cast<int>(bottom)) != 1) {
    return raise_openssl_error(lua);
  }
  push_bignum(lua, number.release());
  return 1;
}

int collect(lua_State* lua) {
  auto** const place = static_cast<BIGNUM**>(luaL_checkudata(lua, 1, kName));
  BN_clear_free(*place);
  *place = nullptr;
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"__gc", collect},        {"__tostring", push_text<BN_bn2hex>},
                                 {"clear_bit", clear_bit}, {"is_bit_set", is_bit_set},
                                 {"is_prime", is_prime},   {"is_safe_prime", is_safe_prime},
                                 {"num_bits", num_bits},   {"num_bytes", num_bytes},
                                 {"set_bit", set_bit},     {"tobin", to_bytes},
                                 {"todec", to_decimal},    {"tohex", push_text<BN_bn2hex>},
                                 {nullptr, nullptr}};

constexpr luaL_Reg kFunctions[] = {{"bignum_add", add},
                                   {"bignum_bin2bn", from_bytes},
                                   {"bignum_bn2bin", to_bytes},
                                   {"bignum_bn2dec", to_decimal},
                                   {"bignum_bn2hex", push_text<BN_bn2hex>},
                                   {"bignum_clear_bit", clear_bit},
                                   {"bignum_dec2bn", from_text<BN_dec2bn>},
                                   {"bignum_div", divide},
                                   {"bignum_hex2bn", from_text<BN_hex2bn>},
                                   {"bignum_is_bit_set", is_bit_set},
                                   {"bignum_is_prime", is_prime},
                                   {"bignum_is_safe_prime", is_safe_prime},
                                   {"bignum_mod_exp", mod_exp},
                                   {"bignum_num_bits", num_bits},
                                   {"bignum_num_bytes", num_bytes},
                                   {"bignum_pseudo_rand", random},
                                   {"bignum_rand", random},
                                   {"bignum_set_bit", set_bit},
                                   {nullptr, nullptr}};

}  // namespace

void push_bignum(lua_State* lua, BIGNUM* owned) {
  Number number{owned};
  auto** const place = static_cast<BIGNUM**>(lua_newuserdatauv(lua, sizeof(BIGNUM*), 0));
  *place = nullptr;
  if (luaL_newmetatable(lua, kName) != 0) {
    luaL_setfuncs(lua, kMethods, 0);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
  }
  lua_setmetatable(lua, -2);
  *place = number.release();
}

BIGNUM* check_bignum(lua_State* lua, int index) {
  BIGNUM* const number = *static_cast<BIGNUM**>(luaL_checkudata(lua, index, kName));
  luaL_argcheck(lua, number != nullptr, index, "a number that is gone");
  return number;
}

void set_bignum_functions(lua_State* lua) { luaL_setfuncs(lua, kFunctions, 0); }

}  // namespace trawl::nse
