#include <array>
#include <bit>
#include <cstring>

#include "dataplane/internal/aes_blocks.h"

namespace trawl::dataplane::internal {
namespace {

constexpr std::uint8_t times_two(std::uint8_t x) noexcept {
  return static_cast<std::uint8_t>((x << 1U) ^ ((x >> 7U) * 0x1bU));
}

// FIPS 197 section 5.1.1: inverse in GF(2^8), then an affine map. Walks the field by the generator
// 3 and its inverse at once.
constexpr std::array<std::uint8_t, 256> make_sbox() noexcept {
  std::array<std::uint8_t, 256> sbox{};
  std::uint8_t p = 1;
  std::uint8_t q = 1;
  do {
    p = static_cast<std::uint8_t>(p ^ times_two(p));
    q = static_cast<std::uint8_t>(q ^ (q << 1U));
    q = static_cast<std::uint8_t>(q ^ (q << 2U));
    q = static_cast<std::uint8_t>(q ^ (q << 4U));
    if ((q & 0x80U) != 0) q ^= 0x09U;
    const std::uint8_t mixed = static_cast<std::uint8_t>(q ^ std::rotl(q, 1) ^ std::rotl(q, 2) ^
                                                         std::rotl(q, 3) ^ std::rotl(q, 4));
    sbox[p] = mixed ^ 0x63U;
  } while (p != 1);
  sbox[0] = 0x63U;
  return sbox;
}

constexpr auto kSbox = make_sbox();

// SubBytes and MixColumns of one byte as a column (section 5.1.3); row r is this rotated by r
// bytes.
constexpr std::array<std::uint32_t, 256> make_columns() noexcept {
  std::array<std::uint32_t, 256> columns{};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::uint32_t s = kSbox[i];
    const std::uint32_t two = times_two(kSbox[i]);
    columns[i] = two | (s << 8U) | (s << 16U) | ((two ^ s) << 24U);
  }
  return columns;
}

constexpr auto kColumns = make_columns();

using State = std::array<std::uint32_t, 4>;

State load(const std::uint8_t* bytes) noexcept {
  State state;
  std::memcpy(state.data(), bytes, sizeof state);
  return state;
}

std::uint8_t byte_of(std::uint32_t word, unsigned index) noexcept {
  return static_cast<std::uint8_t>(word >> (8U * index));
}

}  // namespace

std::uint8_t aes_sbox(std::uint8_t byte) noexcept { return kSbox[byte]; }

void aes_portable(const ProbeMac::RoundKeys& keys, std::span<MacBlock> blocks) noexcept {
  static_assert(std::endian::native == std::endian::little);
  for (MacBlock& block : blocks) {
    State state = block.words;
    const State first = load(keys.bytes[0].data());
    for (unsigned c = 0; c < 4; ++c) state[c] ^= first[c];
    for (unsigned round = 1; round <= 10; ++round) {
      const State key = load(keys.bytes[round].data());
      State next;
      for (unsigned c = 0; c < 4; ++c) {
        std::uint32_t column = 0;
        for (unsigned row = 0; row < 4; ++row) {  // ShiftRows: row r comes from column c + r.
          const std::uint8_t byte = byte_of(state[(c + row) % 4], row);
          column ^= round < 10 ? std::rotl(kColumns[byte], static_cast<int>(8 * row))
                               : std::uint32_t{kSbox[byte]} << (8U * row);
        }
        next[c] = column ^ key[c];
      }
      state = next;
    }
    block.words = state;
  }
}

}  // namespace trawl::dataplane::internal
