#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "service/nsock/tls_stream.h"

namespace {

using trawl::service::TlsStream;

// A hello's session id is behind 5 bytes of the record, 4 of the message, 2 of a version, 32 of
// randomness and its length; TLS 1.3 wants the client's own back (RFC 8446 section 4.1.3).
constexpr std::size_t kSessionAt = 44;
constexpr std::size_t kSessionSize = 32;

TlsStream::State run(std::string_view said, bool gives_session_back, std::size_t step) {
  auto stream = TlsStream::make({.server_name = "a.example", .protocols = {"h2"}}).value();
  const std::string hello = stream->take_output();
  std::string wire{said};
  if (gives_session_back && wire.size() >= kSessionAt + kSessionSize) {
    wire.replace(kSessionAt, kSessionSize, hello, kSessionAt, kSessionSize);
  }
  std::string_view left = wire;
  while (!left.empty()) {
    const std::size_t taken = stream->feed(left.substr(0, step));
    if (taken == 0) std::abort();
    left.remove_prefix(taken);
    (void)stream->take_output();
    // Nobody without the client's random numbers can end its handshake.
    if (stream->state() == TlsStream::State::Open || !stream->take_plaintext().empty()) {
      std::abort();
    }
  }
  const auto state = stream->state();
  stream->feed_end();
  (void)stream->details();
  const std::string& trouble = stream->trouble();
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (stream->state() != TlsStream::State::Failed || trouble.empty() ||
      !std::ranges::all_of(trouble, printable)) {
    std::abort();
  }
  return state;
}

}  // namespace

// What a server says to a client's hello, whole and byte by byte; the first byte says whether the
// client's session id is put in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view said{reinterpret_cast<const char*>(data) + 1, size - 1};
  const bool gives_session_back = (data[0] & 1U) != 0;
  if (run(said, gives_session_back, 1U << 20U) != run(said, gives_session_back, 1)) std::abort();
  return 0;
}
