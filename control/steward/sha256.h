#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace trawl::control {

// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class Sha256 {
 public:
  // Throws std::runtime_error when the system's libcrypto has no SHA-256.
  Sha256();

  Sha256& update(std::string_view bytes);
  // 64 lower-case hex digits. Nothing may be added afterwards.
  [[nodiscard]] std::string hex();

 private:
  struct Delete {
    void operator()(void* context) const noexcept;
  };
  std::unique_ptr<void, Delete> context_;  // An EVP_MD_CTX.
};

// Of `bytes` alone.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace trawl::control
