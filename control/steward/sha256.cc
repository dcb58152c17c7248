#include "control/steward/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <iterator>
#include <stdexcept>

namespace trawl::control {
namespace {

EVP_MD_CTX* as_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void require(int done) {
  if (done != 1) throw std::runtime_error("libcrypto cannot compute SHA-256");
}

}  // namespace

void Sha256::Delete::operator()(void* context) const noexcept {
  EVP_MD_CTX_free(as_context(context));
}

Sha256::Sha256() : context_{EVP_MD_CTX_new()} {
  require(context_ == nullptr
              ? 0
              : EVP_DigestInit_ex(as_context(context_.get()), EVP_sha256(), nullptr));
}

Sha256& Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(as_context(context_.get()), bytes.data(), bytes.size()));
  return *this;
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(as_context(context_.get()), digest.data(), &size));
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256{}.update(bytes).hex(); }

}  // namespace trawl::control
