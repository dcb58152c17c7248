#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trawl::service {

// What a server says to a call (RFC 5531 section 9).
struct RpcReply {
  enum class Kind : std::uint8_t {
    Success,
    NoProgram,     // PROG_UNAVAIL
    OtherVersion,  // PROG_MISMATCH: `low` and `high` are the versions that it has.
    NoProcedure,   // PROC_UNAVAIL
    BadArguments,  // GARBAGE_ARGS
    SystemError,   // SYSTEM_ERR
    OtherRpc,      // It speaks another version of RPC itself.
    NoRights       // AUTH_ERROR
  };
  std::uint32_t id = 0;  // xid
  Kind kind = Kind::Success;
  std::uint32_t low = 0, high = 0;
};

// A whole message without record mark. nullopt for what is no reply.
[[nodiscard]] std::optional<RpcReply> read_rpc_reply(std::string_view message) noexcept;

// A call of the procedure 0, which does nothing, without credentials.
[[nodiscard]] std::string make_rpc_call(std::uint32_t id, std::uint32_t program,
                                        std::uint32_t version);

// The messages in a stream, each in fragments with a mark (RFC 5531 section 11).
class RpcRecords {
 public:
  static constexpr std::size_t kLongest = 4096;  // Of a message.

  // Takes bytes off the front of `in` up to the end of a message, which is returned; it is there
  // until the next call. nullopt while more are needed (`in` is empty then), or when is_broken().
  [[nodiscard]] std::optional<std::string_view> take(std::string_view& in);
  // A message is too long to be one.
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  // Part of a message is here.
  [[nodiscard]] bool is_torn() const noexcept {
    return mark_bytes_ > 0 || (!is_whole_ && !message_.empty());
  }
  // `message` with a mark.
  [[nodiscard]] static std::string mark(std::string_view message);

 private:
  std::string message_;
  bool is_whole_ = false;  // message_ was returned.
  bool is_broken_ = false;
  std::uint32_t mark_ = 0;
  unsigned mark_bytes_ = 0;   // Of the mark, so far.
  std::size_t fragment_ = 0;  // Bytes of the fragment that are still to come.
};

}  // namespace trawl::service
