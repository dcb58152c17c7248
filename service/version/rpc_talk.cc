#include <random>

#include "service/version/port_talk.h"

namespace trawl::service {
namespace {

// Numbers of connections that the inquiry has not.
constexpr std::uint32_t kFirstRpcAttempt = 0x8000'0000;
// Of silence, before a call over UDP is made again.
constexpr Wait kRpcWait{std::chrono::seconds{2}};
// For a call that is answered. Nmap 7.93 has four on their way and waits a second for each.
constexpr Wait kRpcPace{std::chrono::milliseconds{250}};

}  // namespace

bool PortTalk::wants_rpc() const {
  return finding_->outcome == ServiceFinding::Outcome::Matched && !finding_->is_tls &&
         (finding_->name == "rpcbind" || finding_->name == "rpc");
}

void PortTalk::begin_rpc() {
  const auto& given = around_.settings.rpc_programs;
  grinder_ =
      std::make_unique<RpcGrinder>(given && !given->programs.empty() ? given : builtin_rpc_table(),
                                   port().transport, std::random_device{}());
  rpc_attempt_ = kFirstRpcAttempt;
  connect_rpc();
}

void PortTalk::connect_rpc() {
  ++rpc_attempt_;
  connections_[rpc_attempt_] = {};
  ask(rpc_attempt_, false);
}

void PortTalk::take_rpc_connect(std::uint32_t attempt, const Event& event) {
  if (event.status == EventStatus::Success) {
    if (!rpc_since_) rpc_since_ = std::chrono::steady_clock::now();
    call_rpc();
    return;
  }
  // What is known so far is what the inquiry found.
  leave(attempt);
  is_done_ = true;
}

// Sends what is due, and listens.
void PortTalk::call_rpc() {
  const auto found = connections_.find(rpc_attempt_);
  if (found == connections_.end()) return;
  for (std::string& message : grinder_->take_output()) {
    around_.loop.write(found->second.socket, std::move(message), kRpcWait, [](const Event&) {});
  }
  if (!grinder_->is_done()) {
    around_.loop.read(found->second.socket, kRpcWait,
                      callback(&PortTalk::take_rpc_read, rpc_attempt_));
    return;
  }
  leave(rpc_attempt_);
  if (grinder_->outcome() == RpcGrinder::Outcome::Found) {
    finding_->name = grinder_->name();
    finding_->rpc = grinder_->rpc();
  }
  is_done_ = true;
}

void PortTalk::take_rpc_read(std::uint32_t attempt, const Event& event) {
  if (attempt != rpc_attempt_ || is_done_) return;
  if (!event.bytes.empty()) grinder_->feed(event.bytes);
  const Wait patience = around_.settings.rpc_patience + kRpcPace * grinder_->answers();
  if (std::chrono::steady_clock::now() - *rpc_since_ > patience) grinder_->run_out();
  if (event.status == EventStatus::Timeout) {
    grinder_->time_out();
  } else if (event.status != EventStatus::Success && port().transport == Transport::Udp) {
    grinder_->time_out();
  } else if (event.status != EventStatus::Success) {
    grinder_->feed_end();
    if (grinder_->wants_connection()) {
      leave(attempt);
      grinder_->feed_begin();
      connect_rpc();
      return;
    }
  }
  call_rpc();
}

}  // namespace trawl::service
