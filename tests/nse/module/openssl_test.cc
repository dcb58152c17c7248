#include <gtest/gtest.h>

#include <cstddef>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

struct Case {
  const char* expression;
  const char* text;
};

class OpenSsl : public testing::Test {
 protected:
  OpenSsl() {
    lua_.run(R"(
      function number(digits) return openssl.bignum_dec2bn(digits) end
      function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
      function bytes(digits) return (digits:gsub("%x%x", function(pair)
        return string.char(tonumber(pair, 16)) end)) end)");
  }
  void expect(const Case& one) { EXPECT_EQ(lua_.text(one.expression), one.text) << one.expression; }

  ModuleState lua_;
};

// The first test, for the names have to be there before anything was looked up.
TEST_F(OpenSsl, ListsWhatItHas) {
  EXPECT_EQ(lua_.run(R"(
    for _, name in ipairs(openssl.supported_digests()) do openssl.digest(name, "text") end
    local have = {}
    for _, name in ipairs(openssl.supported_digests()) do have[name] = true end
    for _, name in ipairs(openssl.supported_ciphers()) do have[name] = true end
    for name in ("md4 md5 rmd160 RSA-SHA512/256 shake256 des rc4 cast5-cbc bf aes128 " ..
                 "id-smime-alg-CMS3DESwrap aes-128-cbc-hmac-sha1"):gmatch("%S+") do
      if not have[name] then return name end
    end
    return "all")"),
            "all");
}

// The answers are those of Nmap 7.93 with OpenSSL 3.0.
constexpr Case kNumbers[] = {
    {"number('')", "0"},
    {"number('abc')", "0"},
    {"number('12abc')", "0C"},
    {"number('-12')", "-0C"},
    {"number('-0')", "0"},
    {"number(77)", "4D"},
    {"number(7.5)", "07"},
    {"number('1\\0002')", "01"},
    {"openssl.bignum_dec2bn()",
     "error: bad argument #1 to 'bignum_dec2bn' (string expected, got no value)"},
    {"openssl.bignum_dec2bn({})",
     "error: bad argument #1 to 'bignum_dec2bn' (string expected, got table)"},
    {"openssl.bignum_hex2bn('')", "0"},
    {"openssl.bignum_hex2bn('0xff')", "0"},
    {"openssl.bignum_hex2bn('-ff')", "-FF"},
    {"openssl.bignum_hex2bn('fffzz')", "0FFF"},
    {"openssl.bignum_bin2bn('')", "0"},
    {"openssl.bignum_bin2bn('\\0\\1\\2\\3')", "010203"},
    {"openssl.bignum_bin2bn(65)", "3635"},
    {"openssl.bignum_bn2bin(number('66051'))", "<01><02><03>"},
    {"openssl.bignum_bn2bin(number('0'))", ""},
    {"openssl.bignum_bn2bin(number('-5'))", "<05>"},
    {"openssl.bignum_bn2bin('5')",
     "error: bad argument #1 to 'bignum_bn2bin' (BIGNUM expected, got string)"},
    {"openssl.bignum_bn2bin(5)",
     "error: bad argument #1 to 'bignum_bn2bin' (BIGNUM expected, got number)"},
    {"openssl.bignum_bn2bin()",
     "error: bad argument #1 to 'bignum_bn2bin' (BIGNUM expected, got no value)"},
    {"openssl.bignum_bn2bin(io.stdout)",
     "error: bad argument #1 to 'bignum_bn2bin' (BIGNUM expected, got FILE*)"},
    {"openssl.bignum_bn2dec(number('-66051'))", "-66051"},
    {"openssl.bignum_bn2hex(number('-66051'))", "-010203"},
    {"openssl.bignum_bn2hex(number('0'))", "0"},
    {"openssl.bignum_num_bits(number('0'))", "0"},
    {"openssl.bignum_num_bits(number('-256'))", "9"},
    {"openssl.bignum_num_bytes(number('256'))", "2"},
    {"(function() local n = number('15') openssl.bignum_set_bit(n, 100) return n end)()",
     "1000000000000000000000000F"},
    {"(function() local n = number('15') n:set_bit('7') n:clear_bit(3) return n end)()", "87"},
    {"(function() local n = number('15') n:clear_bit(300) n:clear_bit(-3) return n end)()", "0F"},
    {"(function() return number('15'):set_bit(7.5) end)()",
     "error: bad argument #1 to 'set_bit' (number has no integer representation)"},
    {"number('5'):is_bit_set(0), number('5'):is_bit_set(1), number('-5'):is_bit_set(2)",
     "true | false | true"},
    {"openssl.bignum_is_bit_set(number('5'), 1000)", "false"},
    {"openssl.bignum_is_bit_set(number('5'), -1)", "false"},
    {"openssl.bignum_is_bit_set(number('5'))",
     "error: bad argument #2 to 'bignum_is_bit_set' (number expected, got no value)"},
    {"openssl.bignum_is_prime(number('97'))", "true"},
    {"openssl.bignum_is_prime(number('98'))", "false"},
    {"number('2'):is_prime(), number('1'):is_prime(), number('0'):is_prime(), "
     "number('-7'):is_prime()",
     "true | false | false | false"},
    {"openssl.bignum_is_safe_prime(number('23'))", "true | true"},
    {"openssl.bignum_is_safe_prime(number('97'))", "false | true"},
    {"openssl.bignum_is_safe_prime(number('98'))", "false | false"},
    {"number('5'):is_safe_prime()", "true | true"},
    {"number('3'):is_safe_prime()", "false | true"},
    {"number('2'):is_safe_prime()", "false | true"},
    {"number('23'):todec(), number('23'):tohex(), number('A'):tobin(), number('23'):num_bits(), "
     "number('23'):num_bytes()",
     "23 | 17 |  | 5 | 1"},
    {"number('23') == number('23')", "false"},
    {"getmetatable(number('1')).__name", "BIGNUM"},
    {"getmetatable(number('1')).__index == getmetatable(number('1'))", "true"},
    {"openssl.bignum_mod_exp(number('3'), number('200'), number('13'))", "09"},
    {"openssl.bignum_mod_exp(number('3'), number('200'), number('12'))", "09"},
    {"openssl.bignum_mod_exp(number('3'), number('200'), number('0'))", "0"},
    {"openssl.bignum_mod_exp(number('3'), number('-2'), number('13'))", "09"},
    {"openssl.bignum_mod_exp(number('-3'), number('3'), number('13'))", "0C"},
    {"openssl.bignum_mod_exp(number('3'), number('3'), number('1'))", "0"},
    {"openssl.bignum_mod_exp('3', number('3'), number('13'))",
     "error: bad argument #1 to 'bignum_mod_exp' (BIGNUM expected, got string)"},
    {"openssl.bignum_mod_exp(number('3'), number('3'))",
     "error: bad argument #3 to 'bignum_mod_exp' (BIGNUM expected, got no value)"},
    {"openssl.bignum_mod_exp(openssl.bignum_hex2bn(('7'):rep(250)), "
     "openssl.bignum_hex2bn(('5'):rep(40)), openssl.bignum_hex2bn(('b'):rep(256))):num_bits()",
     "1023"},
    {"openssl.bignum_div(number('17'), number('5'))", "03 | 02"},
    {"openssl.bignum_div(number('-17'), number('5'))", "-03 | -02"},
    {"openssl.bignum_div(number('17'), number('0'))", "0 | 0"},
    {"openssl.bignum_div(17, number('5'))",
     "error: bad argument #1 to 'bignum_div' (BIGNUM expected, got number)"},
    {"openssl.bignum_add(number('-17'), number('5'))", "-0C"},
    {"openssl.bignum_add(number('17'), '5')",
     "error: bad argument #2 to 'bignum_add' (BIGNUM expected, got string)"},
    {"openssl.bignum_rand(0), openssl.bignum_pseudo_rand(0)", "0 | 0"},
    {"openssl.bignum_rand(64.5)",
     "error: bad argument #1 to 'bignum_rand' (number has no integer representation)"},
    {"openssl.bignum_rand()",
     "error: bad argument #1 to 'bignum_rand' (number expected, got no value)"},
    {"#openssl.rand_bytes(16), #openssl.rand_bytes(0), #openssl.rand_pseudo_bytes('8')",
     "16 | 0 | 8"},
    {"openssl.rand_bytes('x')",
     "error: bad argument #1 to 'rand_bytes' (number expected, got string)"},
    {"openssl.rand_bytes(8.5)",
     "error: bad argument #1 to 'rand_bytes' (number has no integer representation)"},
    {"openssl.DES_string_to_key(bytes'fffe0102030405') == bytes'fefe80202018100a'", "true"},
    {"hex(openssl.DES_string_to_key('1234567'))", "30988c6642a8d86e"},
    {"openssl.DES_string_to_key('123456')", "error: String must have length of 7 bytes."},
    {"openssl.DES_string_to_key('12345678')", "error: String must have length of 7 bytes."},
    {"openssl.DES_string_to_key()",
     "error: bad argument #1 to 'DES_string_to_key' (string expected, got no value)"},
};

TEST_F(OpenSsl, NumbersAreThoseOfNmap) {
  for (const Case& one : kNumbers) expect(one);
}

constexpr Case kDigests[] = {
    {"hex(openssl.md4('abc'))", "a448017aaf21d8525fc10ae87aa6729d"},
    {"hex(openssl.md5('abc'))", "900150983cd24fb0d6963f7d28e17f72"},
    {"hex(openssl.sha1('abc'))", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"hex(openssl.ripemd160('abc'))", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
    {"hex(openssl.md5(''))", "d41d8cd98f00b204e9800998ecf8427e"},
    {"hex(openssl.md5(12))", "c20ad4d76fe97759aa27a0c99bff6710"},
    {"openssl.md5()", "error: bad argument #2 to 'md5' (string expected, got no value)"},
    {"openssl.md5({})", "error: bad argument #2 to 'md5' (string expected, got table)"},
    {"hex(openssl.digest('MD4', 'abc'))", "a448017aaf21d8525fc10ae87aa6729d"},
    {"hex(openssl.digest('SHA-256', 'abc'))",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"hex(openssl.digest('RSA-SHA512/256', 'abc'))",
     "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {"hex(openssl.digest('rmd160', 'abc'))", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
    {"hex(openssl.digest('whirlpool', 'abc'))",
     "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114c"
     "bd6c797fc9d95d8b582d225292076d4eef5"},
    {"hex(openssl.digest('shake128', 'abc'))", "5881092dd818bf5cf8a3ddb793fbcba7"},
    {"hex(openssl.digest('sha3-256', 'abc'))",
     "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {"hex(openssl.digest('blake2s256', 'abc'))",
     "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"},
    {"hex(openssl.digest('ssl3-md5', 'abc'))", "900150983cd24fb0d6963f7d28e17f72"},
    {"hex(openssl.digest('2.16.840.1.101.3.4.2.1', 'abc'))",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"openssl.digest('nosuch', 'abc')", "error: Unknown digest algorithm: nosuch"},
    {"openssl.digest('', 'abc')", "error: Unknown digest algorithm: "},
    {"openssl.digest('null', 'abc')", "error: Unknown digest algorithm: null"},
    {"openssl.digest('md5')", "error: bad argument #2 to 'digest' (string expected, got no value)"},
    {"openssl.digest(nil, 'abc')", "error: bad argument #1 to 'digest' (string expected, got nil)"},
    {"openssl.digest(5, 'abc')", "error: Unknown digest algorithm: 5"},
    {"hex(openssl.hmac('md5', 'key', 'abc'))", "d2fe98063f876b03193afb49b4979591"},
    {"hex(openssl.hmac('MD4', 'key', 'abc'))", "32c43d6d6eda7f1e464711473b956b68"},
    {"hex(openssl.hmac('sha1', '', ''))", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"},
    {"hex(openssl.hmac('sha256', 'key', 'abc'))",
     "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab"},
    {"hex(openssl.hmac('md5', ('k'):rep(500), 'abc'))", "6527cbe4705e438d981046dc056d1f17"},
    {"openssl.hmac('nosuch', 'key', 'abc')", "error: Unknown digest algorithm: nosuch"},
    {"openssl.hmac('md5', 'key')",
     "error: bad argument #3 to 'hmac' (string expected, got no value)"},
    {"openssl.hmac('md5', nil, 'a')",
     "error: bad argument #2 to 'hmac' (string expected, got nil)"},
};

TEST_F(OpenSsl, DigestsAreThoseOfNmap) {
  for (const Case& one : kDigests) expect(one);
}

constexpr Case kCiphers[] = {
    {"hex(openssl.encrypt('DES', bytes'133457799BBCDFF1', nil, bytes'0123456789ABCDEF'))",
     "85e813540f0ab405"},
    {"hex(openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', '', bytes'0123456789ABCDEF'))",
     "85e813540f0ab405"},
    {"hex(openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', ('\\0'):rep(8), "
     "bytes'0123456789ABCDEF'))",
     "85e813540f0ab405"},
    {"hex(openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', nil, bytes'0123456789ABCDEF', true))",
     "85e813540f0ab405fdf2e174492922f8"},
    {"hex(openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', nil, bytes'0123456789ABCDEF', nil))",
     "85e813540f0ab405"},
    {"hex(openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', nil, 'abc', true))",
     "daadbf9a3c471fc4"},
    {"openssl.encrypt('des-ecb', bytes'133457799BBCDFF1', nil, '')", ""},
    {"openssl.encrypt('des-ecb', '12345678', 'abcdefgh', '12345678')",
     "error: Length of iv is 8; should be 0"},
    {"openssl.encrypt('des-ecb', '12345678', 5, '12345678')",
     "error: Length of iv is 1; should be 0"},
    {"openssl.encrypt('des-ecb', nil, nil, '12345678')",
     "error: bad argument #2 to 'encrypt' (string expected, got nil)"},
    {"openssl.encrypt('des-ecb', '12345678', {}, '12345678')",
     "error: bad argument #3 to 'encrypt' (string expected, got table)"},
    {"openssl.encrypt('des-ecb', '12345678', false, '12345678')",
     "error: bad argument #3 to 'encrypt' (string expected, got boolean)"},
    {"openssl.encrypt('des-ecb', '12345678')",
     "error: bad argument #4 to 'encrypt' (string expected, got no value)"},
    {"openssl.encrypt('nosuch', '12345678', '', '12345678')",
     "error: Unknown cipher algorithm: nosuch"},
    {"openssl.encrypt('null', '12345678', '', '12345678')",
     "error: Unknown cipher algorithm: null"},
    {"openssl.encrypt('idea-cbc', ('k'):rep(16), '', '12345678')",
     "error: Unknown cipher algorithm: idea-cbc"},
    {"openssl.encrypt()", "error: bad argument #1 to 'encrypt' (string expected, got no value)"},
    {"hex(openssl.encrypt('des-ecb', 12345678, '', 12345678))", "96d0028878d58c89"},
    {"hex(openssl.encrypt('DES-CBC', '12345678', '12345678', '12345678'))", "3d7595a98bff809d"},
    {"hex(openssl.encrypt('DES-CBC', '12345678', nil, '12345678'))", "96d0028878d58c89"},
    {"openssl.encrypt('DES-CBC', '12345678', '123456789', '12345678')",
     "error: Length of iv is 9; should be 8"},
    {"hex(openssl.encrypt('AES-128-CBC', ('k'):rep(16), ('i'):rep(16), ('d'):rep(16)))",
     "252b2434dba11ac7a767d883b1ff72b4"},
    {"hex(openssl.encrypt('aes128', ('k'):rep(16), ('i'):rep(16), ('d'):rep(16), true))",
     "252b2434dba11ac7a767d883b1ff72b48c93f138fb4d172c29eb36e9e1095650"},
    {"hex(openssl.encrypt('aes-192-cbc', ('k'):rep(24), nil, ('d'):rep(16)))",
     "fb011b6f6696b7129dc43c45aae6ae9f"},
    {"hex(openssl.encrypt('aes-256-ecb', ('k'):rep(32), nil, ('d'):rep(16)))",
     "a769fd579854407b76dd0559658749b7"},
    {"hex(openssl.encrypt('aes-128-ctr', ('k'):rep(16), ('i'):rep(16), 'abc'))", "3dd399"},
    {"hex(openssl.encrypt('aes-128-gcm', ('k'):rep(16), ('i'):rep(12), 'abc'))", "7c8645"},
    {"hex(openssl.encrypt('aes-128-xts', ('k'):rep(16) .. ('j'):rep(16), ('i'):rep(16), "
     "('d'):rep(16)))",
     "bf18eaf15b2a3aa6b4d70cc3d17e00fa"},
    {"hex(openssl.encrypt('aes128-wrap', ('k'):rep(16), ('i'):rep(8), ('d'):rep(16)))",
     "ebb3219968b539ee6ba20cb87a1b0d43ae5f321c13356fbb"},
    {"hex(openssl.encrypt('id-aes128-wrap-pad', ('k'):rep(16), 'iiii', ('d'):rep(15)))",
     "a95db5ec9555a68367a8c0bf0da1c586c66e4e363b5138db"},
    {"#openssl.encrypt('des3-wrap', ('k'):rep(8) .. ('l'):rep(8) .. ('m'):rep(8), '', "
     "('d'):rep(8))",
     "24"},
    {"hex(openssl.encrypt('chacha20', ('k'):rep(32), ('i'):rep(16), 'abc'))", "a880cc"},
    {"hex(openssl.encrypt('cast5-cbc', ('k'):rep(16), ('i'):rep(8), ('d'):rep(8)))",
     "7d41e589dee471e7"},
    {"hex(openssl.encrypt('cast', 'short', ('i'):rep(8), ('d'):rep(8)))", "eacb92722933cd6c"},
    {"hex(openssl.encrypt('cast5-cbc', ('k'):rep(17), ('i'):rep(8), ('d'):rep(8)))",
     "7d41e589dee471e7"},
    {"hex(openssl.encrypt('bf-cbc', 'short', ('i'):rep(8), ('d'):rep(8)))", "ab4b359d249b4305"},
    {"hex(openssl.encrypt('blowfish', ('key'):rep(30), ('i'):rep(8), ('d'):rep(8)))",
     "4493910e5d0a377e"},
    {"hex(openssl.encrypt('rc4', 'short', nil, ('d'):rep(20)))",
     "49baf6bd15b9043fbbb0ac8ec3834d2859bd0bff"},
    {"hex(openssl.encrypt('RC4', ('key'):rep(100), '', ('d'):rep(20)))",
     "6f08508940eb1f2e2c2f6c1f72397699eb108902"},
    {"openssl.encrypt('rc4', 'short', 'iv', ('d'):rep(20))",
     "error: Length of iv is 2; should be 0"},
    {"hex(openssl.encrypt('rc4-40', 'short', '', ('d'):rep(20)))",
     "49baf6bd15b9043fbbb0ac8ec3834d2859bd0bff"},
    {"hex(openssl.encrypt('rc2-cbc', 'short', ('i'):rep(8), ('d'):rep(8)))", "17fdef4122d4be36"},
    {"hex(openssl.encrypt('seed-cbc', ('k'):rep(16), ('i'):rep(16), ('d'):rep(16)))",
     "04db2a3a85b825e00d4f5460478b159a"},
    {"hex(openssl.encrypt('desx', ('klm'):rep(8), ('i'):rep(8), ('d'):rep(8)))",
     "eb7e395f4fd3f79d"},
    {"hex(openssl.encrypt('des-ede3', ('klm'):rep(8), '', ('d'):rep(8)))", "010b2874314abcf3"},
    {"hex(openssl.encrypt('camellia-128-cbc', ('k'):rep(16), ('i'):rep(16), ('d'):rep(16)))",
     "204a53bea78fd285382258ff48981719"},
    {"hex(openssl.decrypt('DES', bytes'133457799BBCDFF1', nil, bytes'85E813540F0AB405'))",
     "0123456789abcdef"},
    {"hex(openssl.decrypt('des-ecb', bytes'133457799BBCDFF1', nil, "
     "bytes'85E813540F0AB405fdf2e174492922f8', true))",
     "0123456789abcdef"},
    {"openssl.decrypt('des-ecb', bytes'133457799BBCDFF1', nil, '')", ""},
    {"openssl.decrypt('cast5-cbc', 'key', 'abcdefgh', openssl.encrypt('cast5-cbc', 'key', "
     "'abcdefgh', 'some text', true), true)",
     "some text"},
    {"openssl.decrypt('nosuch', '12345678', '', '12345678')",
     "error: Unknown cipher algorithm: nosuch"},
    {"openssl.decrypt()", "error: bad argument #1 to 'decrypt' (string expected, got no value)"},
};

TEST_F(OpenSsl, CiphersAreThoseOfNmap) {
  for (const Case& one : kCiphers) expect(one);
}

// Each is the answer of a process of its own: Nmap tells the oldest error of the process.
constexpr Case kErrors[] = {
    {"openssl.encrypt('des-ecb', '12345678', nil, 'abc')",
     "error: OpenSSL error: error:1C80006B:Provider routines::wrong final block length"},
    {"openssl.encrypt('des-ecb', 'short', nil, '12345678')",
     "error: OpenSSL error: error:03000082:digital envelope routines::invalid key length"},
    {"openssl.encrypt('aes-192-cbc', ('k'):rep(16), nil, ('d'):rep(16))",
     "error: OpenSSL error: error:03000082:digital envelope routines::invalid key length"},
    {"openssl.decrypt('des-ecb', bytes'133457799BBCDFF1', nil, bytes'85E813540F0AB405', true)",
     "error: OpenSSL error: error:1C800064:Provider routines::bad decrypt"},
    {"openssl.decrypt('des-ecb', '12345678', nil, 'abc')",
     "error: OpenSSL error: error:1C80006B:Provider routines::wrong final block length"},
    {"openssl.decrypt('des-ecb', '12345678', nil, '', true)",
     "error: OpenSSL error: error:1C80006B:Provider routines::wrong final block length"},
    {"openssl.decrypt('aes-128-gcm', ('k'):rep(16), ('i'):rep(12), 'abc')",
     "error: OpenSSL error: error:00000000:lib(0)::reason(0)"},
    {"openssl.encrypt('aes128-wrap', ('k'):rep(16), '', 'abc')",
     "error: OpenSSL error: error:1C8000E6:Provider routines::invalid input length"},
    {"openssl.encrypt('aes-128-xts', ('k'):rep(32), ('i'):rep(16), ('d'):rep(16))",
     "error: OpenSSL error: error:1C800095:Provider routines::xts duplicated keys"},
};

TEST_F(OpenSsl, ErrorsAreThoseOfThisCall) {
  for (const Case& one : kErrors) expect(one);
}

// Where nmap answers with nothing, with whatever is in memory, or for a very long time.
constexpr Case kHostile[] = {
    {"openssl.bignum_rand(-1)", "error: bad argument #1 to 'bignum_rand' (size out of range)"},
    {"openssl.bignum_pseudo_rand(1e9)",
     "error: bad argument #1 to 'bignum_pseudo_rand' (size out of range)"},
    {"openssl.bignum_rand(2^40)", "error: bad argument #1 to 'bignum_rand' (size out of range)"},
    {"openssl.bignum_dec2bn(('9'):rep(400000))",
     "error: bad argument #1 to 'bignum_dec2bn' (number is too large)"},
    {"openssl.bignum_dec2bn('-' .. ('9'):rep(400000))",
     "error: bad argument #1 to 'bignum_dec2bn' (number is too large)"},
    {"openssl.bignum_hex2bn(('f'):rep(300000))",
     "error: bad argument #1 to 'bignum_hex2bn' (number is too large)"},
    {"openssl.bignum_bin2bn(('f'):rep(200000))",
     "error: bad argument #1 to 'bignum_bin2bn' (number is too large)"},
    {"number('5'):set_bit(-1)", "error: bad argument #1 to 'set_bit' (position out of range)"},
    {"number('5'):set_bit(2^31)", "error: bad argument #1 to 'set_bit' (position out of range)"},
    {"number('5'):is_bit_set(2^40)", "false"},
    {"(function() local n = number('5') n:clear_bit(2^40) return n end)()", "05"},
    {"number('5').todec(io.stdout)",
     "error: bad argument #1 to 'todec' (BIGNUM expected, got FILE*)"},
    {"openssl.bignum_mod_exp(large, large, large)",
     "error: bad argument #1 to 'bignum_mod_exp' (number is too large)"},
    {"openssl.bignum_add(large, large):num_bits()", "1048577"},
    {"openssl.bignum_add(large, large):todec()",
     "error: calling 'todec' on bad self (number is too large)"},
    {"openssl.bignum_div(openssl.bignum_add(large, large), large)",
     "error: bad argument #1 to 'bignum_div' (number is too large)"},
    {"medium:is_prime()", "error: calling 'is_prime' on bad self (number is too large)"},
    {"large:is_prime()", "error: calling 'is_prime' on bad self (number is too large)"},
    {"large:is_safe_prime()", "error: calling 'is_safe_prime' on bad self (number is too large)"},
    {"openssl.rand_bytes(-1)", "error: bad argument #1 to 'rand_bytes' (count is negative)"},
    {"openssl.rand_bytes(2^40)", "error: not enough memory"},
    {"openssl.rand_bytes(math.maxinteger)", "error: not enough memory"},
    {"openssl.encrypt('rc4', '', nil, 'data')",
     "error: bad argument #2 to 'encrypt' (key is empty)"},
    {"openssl.encrypt('des-cbc', '12345678', ('i'):rep(100000), 'data')",
     "error: Length of iv is 100000; should be 8"},
    {"openssl.encrypt('des-cbc', ('k'):rep(100000), nil, 'data')",
     "error: OpenSSL error: error:03000082:digital envelope routines::invalid key length"},
    {"#openssl.encrypt('rc4', ('k'):rep(100000), nil, ('d'):rep(100000))", "100000"},
    {"#openssl.hmac('md5', ('k'):rep(1000000), ('d'):rep(1000000))", "16"},
    {"(pcall(openssl.hmac, 'shake128', 'key', 'abc'))", "false"},
    {"hex(openssl.encrypt('des-cbc', '12345678', '\\0bcdefgh', '12345678')) == "
     "hex(openssl.encrypt('des-cbc', '12345678', nil, '12345678'))",
     "false"},
};

TEST_F(OpenSsl, HostileArgumentsAreErrors) {
  lua_.run(
      "large = openssl.bignum_rand(1 << 20) large:set_bit((1 << 20) - 1) "
      "medium = openssl.bignum_rand(9999) medium:set_bit(10000) medium:clear_bit(0)");
  for (const Case& one : kHostile) expect(one);
}

TEST_F(OpenSsl, EveryFunctionSurvivesEveryKindOfArgument) {
  EXPECT_EQ(lua_.run(R"(
    local values = {"", "\0", "des-ecb", "md5", "12345678", ("x"):rep(5000), -1, 0, 2.5, 1e300,
                    math.mininteger, number("7"), number("0"), number("-7"), {}, io.stdout, true}
    local count, calls = #values + 1, 0
    local all = {}
    for name, one in pairs(openssl) do all[#all + 1] = one end
    for name, one in pairs(getmetatable(number("1"))) do
      if type(one) == "function" then all[#all + 1] = one end
    end
    for _, one in ipairs(all) do
      if one ~= openssl.supported_ciphers and one ~= openssl.supported_digests then
        pcall(one)
        for i = 1, count do for j = 1, count do for k = 1, 3 do
          pcall(one, values[i], values[j], values[k], values[(i + k) % count])
          calls = calls + 1
        end end end
      end
    end
    return calls >= 29 * 18 ^ 2 * 3)"),
            "true");
}

// Also when a number grows.
TEST(OpenSslMemory, NumbersCountForTheLimit) {
  ModuleState lua{std::size_t{16} << 20U};
  EXPECT_EQ(lua.run("local all = {} for i = 1, 1e3 do all[i] = openssl.bignum_rand(1e6) end"),
            "error: not enough memory");
  EXPECT_EQ(lua.run("local all = {} for i = 1, 1e3 do all[i] = openssl.bignum_dec2bn('1') "
                    "all[i]:set_bit(1e6) end"),
            "error: not enough memory");
  EXPECT_EQ(lua.run("for i = 1, 1000 do openssl.bignum_rand(1e6) end return 'done'"), "done");
}

TEST_F(OpenSsl, RandomNumbersHaveAnySize) {
  EXPECT_EQ(lua_.run(R"(
    local seen = {}
    for i = 1, 4000 do
      local one = openssl.bignum_pseudo_rand(8)
      seen[one:num_bits()] = true
      seen[one:is_bit_set(0) and "odd" or "even"] = true
    end
    return seen[8], seen[7], seen[6], seen[9], seen.odd, seen.even,
           openssl.rand_bytes(32) == openssl.rand_bytes(32))"),
            "true | true | true | nil | true | true | false");
}

}  // namespace
}  // namespace trawl::nse
