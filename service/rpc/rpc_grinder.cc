#include "service/rpc/rpc_grinder.h"

#include <algorithm>
#include <utility>

namespace trawl::service {
namespace {

// RFC 5531 section 8.3 keeps 0x60000000 to 0x7fffffff for nobody.
constexpr std::uint32_t kNobodysProgram = 0x7fff'ffe1;
constexpr std::uint32_t kNobodysVersion = 0x7fff'ff13;

}  // namespace

RpcGrinder::RpcGrinder(std::shared_ptr<const RpcTable> table, Transport transport,
                       std::uint32_t first_id)
    : table_{std::move(table)}, transport_{transport}, next_id_{first_id} {}

void RpcGrinder::begin_calls() {
  if (!has_begun_) {
    if (calls_.empty()) calls_.emplace(next_id_++, Call{.program = kNobody});
    return;
  }
  const std::size_t most = transport_ == Transport::Tcp ? kMostCallsTcp : kMostCallsUdp;
  // Several in a packet, rather than one for each answer.
  if (calls_.size() > most / 2) return;
  while (!found_ && calls_.size() < most && next_program_ < table_->programs.size()) {
    calls_.emplace(next_id_++, Call{.program = next_program_++});
  }
}

std::vector<std::string> RpcGrinder::take_output() {
  std::vector<std::string> output;
  if (outcome_ || is_cut_) return output;
  begin_calls();
  std::string stream;
  for (auto& [id, call] : calls_) {
    if (!std::exchange(call.is_due, false)) continue;
    ++call.tries;
    const std::uint32_t program =
        call.program == kNobody ? kNobodysProgram : table_->programs[call.program].number;
    std::string message = make_rpc_call(id, program, kNobodysVersion);
    if (transport_ == Transport::Tcp) {
      stream += RpcRecords::mark(message);
    } else {
      output.push_back(std::move(message));
    }
  }
  if (!stream.empty()) output.push_back(std::move(stream));
  return output;
}

void RpcGrinder::feed(std::string_view bytes) {
  if (transport_ == Transport::Udp) {
    if (!outcome_) take_message(bytes);
    return;
  }
  while (!outcome_ && !is_cut_ && !bytes.empty()) {
    if (const auto message = records_.take(bytes)) take_message(*message);
    if (records_.is_broken()) give_up();
  }
  // Who drips bytes must not be listened to for ever.
  if (!outcome_ && !is_cut_ && ++pieces_ > kMostPieces) give_up();
}

void RpcGrinder::take_message(std::string_view message) {
  const auto reply = read_rpc_reply(message);
  const auto call = reply ? calls_.find(reply->id) : calls_.end();
  if (call == calls_.end()) {
    // What is no answer to the first call of a connection is another protocol.
    const bool is_other = !reply && !has_begun_ && transport_ == Transport::Tcp;
    if (++strangers_ > kMostStrangers || is_other) give_up();
    return;
  }
  const Call answered = call->second;
  calls_.erase(call);
  was_of_use_ = true;
  pieces_ = 0;
  ++answers_;
  silences_ = 0;
  take_reply(answered.program, *reply);
  conclude();
}

void RpcGrinder::take_reply(std::size_t program, const RpcReply& reply) {
  using Kind = RpcReply::Kind;
  const bool has_program = reply.kind != Kind::NoProgram && reply.kind != Kind::OtherRpc;
  if (program == kNobody) {
    has_begun_ = true;
    if (reply.kind != Kind::NoProgram) outcome_ = Outcome::Unclear;
    return;
  }
  if (!has_program || (found_ && *found_ < program)) return;
  found_ = program;
  const bool tells = reply.kind == Kind::OtherVersion && reply.low <= reply.high;
  low_ = tells ? reply.low : 0;
  high_ = tells ? reply.high : 0;
}

// Whether that was all. The first program of the table counts, however the answers come.
void RpcGrinder::conclude() {
  if (outcome_ || !has_begun_) return;
  if (found_) {
    const bool is_first = std::ranges::none_of(
        calls_, [&](const auto& each) { return each.second.program < *found_; });
    if (is_first) outcome_ = Outcome::Found;
  } else if (calls_.empty() && next_program_ == table_->programs.size()) {
    outcome_ = Outcome::Unknown;
  }
}

void RpcGrinder::give_up() {
  if (found_) {
    outcome_ = Outcome::Found;
  } else if (has_begun_) {
    outcome_ = Outcome::Unclear;
  } else {
    const bool talks = strangers_ > 0 || records_.is_broken() || records_.is_torn();
    outcome_ = talks ? Outcome::NoRpc : Outcome::Silent;
  }
}

void RpcGrinder::time_out() {
  if (outcome_ || is_cut_) return;
  if (transport_ == Transport::Tcp) {
    give_up();
    return;
  }
  // Calls that it does not like are no reason to ask for nothing else.
  std::erase_if(calls_, [](const auto& each) { return each.second.tries >= kMostTries; });
  for (auto& [id, call] : calls_) call.is_due = true;
  conclude();
  if (!outcome_ && ++silences_ >= kMostTries) give_up();
}

void RpcGrinder::feed_end() {
  if (outcome_ || is_cut_) return;
  if (transport_ == Transport::Udp || !was_of_use_ || connections_ >= kMostConnections) {
    give_up();
    return;
  }
  is_cut_ = true;
}

void RpcGrinder::feed_begin() {
  if (!is_cut_) return;
  is_cut_ = false;
  was_of_use_ = false;
  ++connections_;
  records_ = RpcRecords{};
  for (auto& [id, call] : calls_) call.is_due = true;
}

std::string_view RpcGrinder::name() const noexcept {
  return outcome_ == Outcome::Found ? std::string_view{table_->programs[*found_].name} : "";
}

std::optional<ServiceFinding::Rpc> RpcGrinder::rpc() const noexcept {
  if (outcome_ != Outcome::Found) return std::nullopt;
  return ServiceFinding::Rpc{
      .number = table_->programs[*found_].number, .low = low_, .high = high_};
}

}  // namespace trawl::service
