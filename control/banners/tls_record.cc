#include "control/banners/tls_record.h"

#include <cstddef>

namespace trawl::control {
namespace {

constexpr std::size_t kHeader = 5;
constexpr unsigned kAlert = 21;
constexpr unsigned kHandshake = 22;
constexpr unsigned kMostPlain = 1U << 14U;
constexpr unsigned kMostCipher = kMostPlain + 2048;

}  // namespace

bool begins_as_tls(std::string_view bytes) noexcept {
  if (bytes.size() <= kHeader) return false;
  const auto at = [bytes](std::size_t i) -> unsigned {
    return static_cast<unsigned char>(bytes[i]);
  };
  const unsigned length = at(3) << 8U | at(4);
  if (at(1) != 3 || at(2) > 4 || length == 0 || length > kMostCipher) return false;
  if (at(0) == kAlert) return length == 2 && (at(5) == 1 || at(5) == 2);
  // ServerHello, or a HelloRequest, which has no body.
  return at(0) == kHandshake && (at(5) == 2 || (at(5) == 0 && length == 4));
}

}  // namespace trawl::control
