#include <gtest/gtest.h>

#include <string>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

struct Answer {
  const char* call;
  const char* result;
};

// What Nmap 7.93 gives for the same calls.
constexpr Answer kNumbers[] = {
    {"openssl.bignum_dec2bn('255')", "FF"},
    {"openssl.bignum_dec2bn('1279')", "04FF"},
    {"openssl.bignum_dec2bn('-5')", "-05"},
    {"openssl.bignum_dec2bn('zz')", "0"},
    {"openssl.bignum_dec2bn('12zz')", "0C"},
    {"openssl.bignum_dec2bn(12)", "0C"},
    {"openssl.bignum_hex2bn('0x10')", "0"},
    {"openssl.bignum_bn2dec(openssl.bignum_hex2bn('FF'))", "255"},
    {"openssl.bignum_bn2hex(openssl.bignum_dec2bn('0'))", "0"},
    {"openssl.bignum_bn2bin(openssl.bignum_bin2bn('\\1\\2'))", "<01><02>"},
    {"#openssl.bignum_bn2bin(openssl.bignum_dec2bn('0'))", "0"},
    {"openssl.bignum_num_bits(openssl.bignum_hex2bn('FF'))", "8"},
    {"openssl.bignum_hex2bn('FF'):num_bytes()", "1"},
    {"openssl.bignum_hex2bn('FF'):todec()", "255"},
    {"openssl.bignum_is_bit_set(openssl.bignum_hex2bn('400'), 10)", "true"},
    {"openssl.bignum_is_bit_set(openssl.bignum_hex2bn('400'), 9)", "false"},
    {"openssl.bignum_is_prime(openssl.bignum_dec2bn('7'))", "true"},
    {"openssl.bignum_is_safe_prime(openssl.bignum_dec2bn('7'))", "true | true"},
    {"openssl.bignum_is_safe_prime(openssl.bignum_dec2bn('13'))", "false | true"},
    {"openssl.bignum_div(openssl.bignum_dec2bn('255'), openssl.bignum_hex2bn('10'))", "0F | 0F"},
    {"openssl.bignum_div(openssl.bignum_dec2bn('255'), openssl.bignum_dec2bn('0'))", "0 | 0"},
    {"openssl.bignum_add(openssl.bignum_dec2bn('255'), openssl.bignum_hex2bn('10'))", "010F"},
    {"openssl.bignum_mod_exp(openssl.bignum_dec2bn('255'), openssl.bignum_hex2bn('10'), "
     "openssl.bignum_dec2bn('1000'))",
     "0271"},
    {"openssl.bignum_num_bits(openssl.bignum_pseudo_rand(100, 1))", "100"},
    {"openssl.bignum_bn2dec('12')",
     "error: bad argument #1 to 'bignum_bn2dec' (BIGNUM expected, got string)"},
    {"openssl.bignum_dec2bn(nil)",
     "error: bad argument #1 to 'bignum_dec2bn' (string expected, got nil)"},
};

constexpr Answer kDigests[] = {
    {"openssl.md4('abc')", "<a4>H<01>z<af>!<d8>R_<c1><0a><e8>z<a6>r<9d>"},
    {"stdhex(openssl.md5('abc'))", "900150983cd24fb0d6963f7d28e17f72"},
    {"stdhex(openssl.sha1('abc'))", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"stdhex(openssl.ripemd160('abc'))", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
    {"stdhex(openssl.digest('sha256', 'abc'))",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"stdhex(openssl.hmac('sha1', 'key', 'abc'))", "4fd0b215276ef12f2b3e4c8ecac2811498b656fc"},
    {"openssl.digest('md2', 'abc')", "error: Unknown digest algorithm: md2"},
    {"openssl.hmac('xx', 'key', 'abc')", "error: Unknown digest algorithm: xx"},
    {"openssl.md5()", "error: bad argument #1 to 'md5' (string expected, got no value)"},
};

constexpr Answer kCiphers[] = {
    {"stdhex(openssl.DES_string_to_key('abcdefg'))", "60b0986c462a98ce"},
    {"openssl.DES_string_to_key('abc')", "error: String must have length of 7 bytes."},
    {"stdhex(openssl.encrypt('DES', '12345678', nil, 'abcdefgh'))", "94d4436bc3b5b693"},
    {"stdhex(openssl.encrypt('DES', '12345678', nil, 'abcdefgh', true))",
     "94d4436bc3b5b693514aea380b75aa3b"},
    {"stdhex(openssl.encrypt('DES', '12345678', nil, 'abc', true))", "c24b98fad5c0580e"},
    {"stdhex(openssl.encrypt('DES-CBC', '12345678', '87654321', 'abcdefgh'))", "56b1ca39436c19c0"},
    {"stdhex(openssl.encrypt('des-ecb', '12345678', '', 'abcdefgh'))", "94d4436bc3b5b693"},
    {"stdhex(openssl.encrypt('AES-128-CBC', '1234567812345678', '8765432187654321', "
     "'abcdefghabcdefgh'))",
     "1e816b274f4afd0d94c286d219ef3725"},
    {"stdhex(openssl.encrypt('aes-192-cbc', '123456781234567812345678', '8765432187654321', "
     "'abcdefghabcdefgh'))",
     "c1d90d46c55d194f0b21317f78850e33"},
    {"stdhex(openssl.encrypt('cast5-cbc', '1234567812345678', '87654321', 'abcdefgh'))",
     "d5fe8ac1989f5aaf"},
    {"stdhex(openssl.encrypt('rc4', '12345678', '', 'abcdefgh'))", "da915ab06cd7b9cf"},
    {"stdhex(openssl.encrypt('bf-cbc', '12345678', '87654321', 'abcdefgh'))", "fd6958895a4e7f73"},
    {"stdhex(openssl.encrypt('aes-128-gcm', '1234567812345678', '876543218765', 'abc'))", "fbd8d2"},
    {"openssl.decrypt('DES', '12345678', nil, openssl.encrypt('DES', '12345678', nil, 'abc', "
     "true), true)",
     "abc"},
    {"openssl.encrypt('DES-CBC', '12345678', '8765', 'abcdefgh')",
     "error: Length of iv is 4; should be 8"},
    {"openssl.encrypt('foo', '12345678', '', 'abcdefgh')", "error: Unknown cipher algorithm: foo"},
};

// Calls that fail in OpenSSL: the error is raised, and the next call works.
constexpr const char* kFailures[] = {
    "openssl.encrypt('DES-CBC', '1234', '87654321', 'abcdefgh')",
    "openssl.encrypt('DES-CBC', '1234567812345678', '87654321', 'abcdefgh')",
    "openssl.encrypt('DES', '12345678', nil, 'abc')",
    "openssl.decrypt('DES', '12345678', nil, 'abcdefgh', true)",
};

class OpensslModule : public testing::Test {
 protected:
  OpensslModule() {
    state_.run(
        "function stdhex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) "
        "end)) end");
  }
  template <std::size_t kCount>
  void expect(const Answer (&answers)[kCount]) {
    for (const Answer& answer : answers) {
      EXPECT_EQ(state_.text(answer.call), answer.result) << answer.call;
    }
  }
  ModuleState state_;
};

TEST_F(OpensslModule, HasNumbers) { expect(kNumbers); }
TEST_F(OpensslModule, HasDigests) { expect(kDigests); }
TEST_F(OpensslModule, HasCiphers) { expect(kCiphers); }

TEST_F(OpensslModule, RaisesWhatOpensslSays) {
  for (const char* const call : kFailures) {
    EXPECT_TRUE(state_.text(call).starts_with("error: OpenSSL error: error:")) << call;
    EXPECT_EQ(state_.text("#openssl.md5('')"), "16");
  }
}

TEST_F(OpensslModule, NamesItsAlgorithms) {
  EXPECT_EQ(state_.text("table.concat(openssl.supported_digests(), ' '):find('md4 ', 1, true) ~= "
                        "nil"),
            "true");
  EXPECT_EQ(state_.text("#openssl.supported_ciphers() > 100"), "true");
}

}  // namespace
}  // namespace trawl::nse
