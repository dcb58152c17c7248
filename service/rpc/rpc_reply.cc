#include "service/rpc/rpc_reply.h"

#include <algorithm>

namespace trawl::service {
namespace {

constexpr std::uint32_t kLastFragment = 0x8000'0000;
constexpr std::uint32_t kLongestAuth = 400;  // RFC 5531 section 8.2.

void append_word(std::string& out, std::uint32_t word) {
  for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>(word >> (shift - 8));
}

// Words off the front of a message (XDR, RFC 4506 section 4.2).
class Words {
 public:
  explicit Words(std::string_view bytes) noexcept : bytes_{bytes} {}

  std::uint32_t take() noexcept {
    std::uint32_t word = 0;
    if (bytes_.size() < 4) {
      is_short_ = true;
      return 0;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      word = word << 8U | static_cast<unsigned char>(bytes_[i]);
    }
    bytes_.remove_prefix(4);
    return word;
  }
  void skip(std::size_t count) noexcept {
    if (bytes_.size() < count) is_short_ = true;
    bytes_.remove_prefix(std::min(bytes_.size(), count));
  }
  [[nodiscard]] bool is_short() const noexcept { return is_short_; }

 private:
  std::string_view bytes_;
  bool is_short_ = false;
};

// False for a state that is none.
bool read_accepted(Words& words, RpcReply& reply) noexcept {
  using Kind = RpcReply::Kind;
  (void)words.take();  // How the server proves who it is.
  const std::uint32_t size = words.take();
  if (size > kLongestAuth) return false;
  words.skip((size + 3) / 4 * 4);
  constexpr Kind kKinds[] = {Kind::Success,     Kind::NoProgram,    Kind::OtherVersion,
                             Kind::NoProcedure, Kind::BadArguments, Kind::SystemError};
  const std::uint32_t state = words.take();
  if (state >= std::size(kKinds)) return false;
  reply.kind = kKinds[state];
  if (reply.kind == Kind::OtherVersion) {
    reply.low = words.take();
    reply.high = words.take();
  }
  return true;
}

bool read_denied(Words& words, RpcReply& reply) noexcept {
  const std::uint32_t state = words.take();
  if (state > 1) return false;
  reply.kind = state == 0 ? RpcReply::Kind::OtherRpc : RpcReply::Kind::NoRights;
  words.skip(state == 0 ? 8 : 4);  // Versions of RPC, or why.
  return true;
}

}  // namespace

std::optional<RpcReply> read_rpc_reply(std::string_view message) noexcept {
  Words words{message};
  RpcReply reply;
  reply.id = words.take();
  if (words.take() != 1) return std::nullopt;  // A call.
  const std::uint32_t state = words.take();
  if (state > 1) return std::nullopt;
  const bool is_good = state == 0 ? read_accepted(words, reply) : read_denied(words, reply);
  return is_good && !words.is_short() ? std::optional{reply} : std::nullopt;
}

std::string make_rpc_call(std::uint32_t id, std::uint32_t program, std::uint32_t version) {
  std::string call;
  // xid, CALL, the version of RPC, program, its version, procedure, two empty AUTH_NONE.
  for (const std::uint32_t word : {id, 0U, 2U, program, version, 0U, 0U, 0U, 0U, 0U}) {
    append_word(call, word);
  }
  return call;
}

std::optional<std::string_view> RpcRecords::take(std::string_view& in) {
  if (is_whole_) message_.clear();
  is_whole_ = false;
  while (!in.empty() && !is_broken_) {
    if (mark_bytes_ < 4) {
      mark_ = mark_ << 8U | static_cast<unsigned char>(in.front());
      in.remove_prefix(1);
      if (++mark_bytes_ < 4) continue;
      fragment_ = mark_ & ~kLastFragment;
      is_broken_ = message_.size() + fragment_ > kLongest;
    } else {
      const std::size_t some = std::min(in.size(), fragment_);
      message_.append(in.substr(0, some));
      in.remove_prefix(some);
      fragment_ -= some;
    }
    if (fragment_ > 0) continue;
    mark_bytes_ = 0;
    if ((mark_ & kLastFragment) == 0) continue;
    is_whole_ = true;
    return message_;
  }
  if (is_broken_) in = {};
  return std::nullopt;
}

std::string RpcRecords::mark(std::string_view message) {
  std::string record;
  append_word(record, static_cast<std::uint32_t>(message.size()) | kLastFragment);
  record += message;
  return record;
}

}  // namespace trawl::service
