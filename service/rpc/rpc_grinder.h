#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/probes/probe_file.h"
#include "service/rpc/rpc_reply.h"
#include "service/rpc/rpc_table.h"
#include "service/version/service_finding.h"

namespace trawl::service {

// Finds out which program an RPC server is, by calling procedure 0 of one program after the other,
// several at once, in a version that none has: whoever has the program answers with the versions
// that there are (Nmap book, "RPC Grinding"; RFC 5531 section 9). Bytes in, bytes out.
//
// The first call is for a program that nobody has. A server that claims to have it, or does not
// let us know, cannot be asked further.
//
// How it is used: connect; send each of take_output(), over UDP as a datagram each; read for some
// time; feed() what comes and take_output() again, or time_out(); until is_done(), or
// run_out(). When
// wants_connection() a server hung up, and is to be connected to again.
//
// Thread: one user.
class RpcGrinder {
 public:
  static constexpr std::size_t kMostCallsTcp = 32;  // On their way at once.
  static constexpr std::size_t kMostCallsUdp = 16;
  static constexpr unsigned kMostTries = 3;          // Of a call over UDP.
  static constexpr unsigned kMostConnections = 3;    // Over TCP, that were of use.
  static constexpr std::size_t kMostPieces = 256;    // Over TCP, without an answer in them.
  static constexpr std::size_t kMostStrangers = 64;  // Messages that answer no call of ours.

  enum class Outcome : std::uint8_t {
    Found,
    Unknown,  // It speaks RPC, and none of the programs.
    Unclear,  // It speaks RPC, and does not let itself be asked.
    NoRpc,    // It talks something else...
    Silent    // ...or not at all.
  };

  // Needs a table that is not empty. `first_id` is the first call's xid: a random number.
  RpcGrinder(std::shared_ptr<const RpcTable> table, Transport transport, std::uint32_t first_id);

  // What is to be sent now; it is not told of again. None when it is done.
  [[nodiscard]] std::vector<std::string> take_output();
  // Bytes that came: of TCP any piece, of UDP one datagram.
  void feed(std::string_view bytes);
  // Nothing came for as long as the user waits.
  void time_out();
  // The connection ended.
  void feed_end();
  // It ended before everything was asked: feed_begin() when there is another one.
  [[nodiscard]] bool wants_connection() const noexcept { return is_cut_ && !outcome_; }
  void feed_begin();
  // So many calls were answered.
  [[nodiscard]] std::uint32_t answers() const noexcept { return answers_; }
  // It takes too long: what is known by now counts.
  void run_out() {
    if (!outcome_) give_up();
  }

  [[nodiscard]] bool is_done() const noexcept { return outcome_.has_value(); }
  // Needs is_done().
  [[nodiscard]] Outcome outcome() const noexcept { return *outcome_; }
  // The program that was found: its name, number and versions; 0 to 0 where it did not tell these.
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] std::optional<ServiceFinding::Rpc> rpc() const noexcept;

 private:
  struct Call {
    std::size_t program = 0;  // Of the table, or kNobody.
    unsigned tries = 0;
    bool is_due = true;  // It is to be sent.
  };
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  void take_message(std::string_view message);
  void take_reply(std::size_t program, const RpcReply& reply);
  void begin_calls();
  void conclude();
  void give_up();

  std::shared_ptr<const RpcTable> table_;
  Transport transport_;
  std::uint32_t next_id_;
  std::size_t next_program_ = 0;
  bool has_begun_ = false;   // The call for nobody's program was answered.
  bool is_cut_ = false;      // There is no connection.
  bool was_of_use_ = false;  // This connection brought an answer.
  unsigned connections_ = 1;
  unsigned silences_ = 0;  // Time-outs in a row.
  std::size_t strangers_ = 0;
  std::uint32_t answers_ = 0;
  std::size_t pieces_ = 0;               // Since the last answer.
  std::map<std::uint32_t, Call> calls_;  // On their way, by xid.
  RpcRecords records_;
  std::optional<std::size_t> found_;  // The first of the table so far.
  std::uint32_t low_ = 0, high_ = 0;
  std::optional<Outcome> outcome_;
};

}  // namespace trawl::service
