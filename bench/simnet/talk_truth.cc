#include "bench/simnet/talk_truth.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <iterator>
#include <span>
#include <stdexcept>

#include "bench/simnet/speech.h"

namespace trawl::simnet {
namespace {

template <typename Bytes>
std::string hex(const Bytes& bytes, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned>(bytes[i]));
  }
  return out;
}

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("libcrypto cannot compute SHA-256");
  }
  return hex(digest, size);
}

}  // namespace

std::vector<std::byte> banner(const Population& population, const Host& host, std::uint16_t port) {
  const Talk talk = population.talk(host, port);
  const Speech speech{talk, usual(talk), server_draw(host.draw, port)};
  std::vector<std::byte> bytes(speech.size());
  speech.copy(0, bytes);
  return bytes;
}

PortTruth port_truth(const Population& population, const Host& host, std::uint16_t port) {
  constexpr std::size_t kLongestInFull = 256;
  PortTruth truth;
  truth.talk = population.talk(host, port);
  const std::vector<std::byte> bytes = banner(population, host, port);
  if (bytes.empty()) return truth;
  truth.banner_bytes = static_cast<std::uint32_t>(bytes.size());
  truth.banner_sha256 = sha256(bytes);
  if (bytes.size() <= kLongestInFull) truth.banner_hex = hex(bytes, bytes.size());
  return truth;
}

}  // namespace trawl::simnet
