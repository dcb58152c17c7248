#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "service/nsock/loop.h"
#include "service/rpc/rpc_grinder.h"
#include "service/version/connection_pace.h"
#include "service/version/port_inquiry.h"
#include "service/version/version_scan.h"

namespace trawl::service {

// What talks to ports have in common. It outlives them.
struct TalkSurroundings {
  Loop& loop;
  std::shared_ptr<const ProbeFile> file;
  VersionSettings settings;
  std::function<void(std::string_view)> trace{};
  // Sockets of UDP that only listen for late answers: how many there are, and may be.
  std::size_t lingering = 0;
  std::size_t most_lingering = 0;
  // An attempt of the port with this number is to be opened, now or later: PortTalk::open().
  std::function<void(std::uint64_t id, const IpAddress&, std::uint32_t attempt,
                     ConnectionPace::Rank)>
      ask{};
  // It was opened or asked for, and is no more.
  std::function<void(std::uint64_t id, const IpAddress&, std::uint32_t attempt)> give_back{};
  std::function<void(std::uint64_t id, const InquiryCommand&)> match{};
  // Calls it with the talk of that number, if it is still there, and looks after what it wants.
  std::function<void(std::uint64_t id, const std::function<void(class PortTalk&)>&)> with{};
};

// One port's inquiry, with sockets. Callbacks find it by its number, so it may go at any time that
// it is not in the middle of one.
class PortTalk {
 public:
  PortTalk(TalkSurroundings& around, ServicePort port, std::uint64_t id);
  ~PortTalk();
  PortTalk(const PortTalk&) = delete;
  PortTalk& operator=(const PortTalk&) = delete;

  void begin();
  // Its connections end without a packet: Loop::abandon().
  void abandon();
  void open(std::uint32_t attempt);
  void matched(std::uint32_t ticket, std::optional<LineMatch> match);
  // Carries out what the inquiry wants.
  void obey();
  [[nodiscard]] bool is_done() const noexcept;
  [[nodiscard]] ServiceFinding take_finding();
  [[nodiscard]] const ServicePort& port() const noexcept { return inquiry_.port(); }

 private:
  struct Connection {
    SocketId socket{};
    bool is_tls = false;
    bool is_beside = false;     // Asked for while others were open...
    bool is_open = false;       // ...and granted.
    bool is_lingering = false;  // It holds no place any more.
    bool is_reading = false;
    SteadyTime until = SteadyTime::max();  // Of that read.
  };

  using Handler = void (PortTalk::*)(std::uint32_t, const Event&);
  [[nodiscard]] Callback callback(Handler what, std::uint32_t attempt) const;
  void connect(std::uint32_t attempt, Handler what);
  void take_connect(std::uint32_t attempt, const Event& event);
  void take_read(std::uint32_t attempt, const Event& event);
  void carry_out(const InquiryCommand& command);
  void leave(std::uint32_t attempt);
  void linger(std::uint32_t attempt);
  void ask(std::uint32_t attempt, bool is_beside);
  // What waits as one beside others has none beside it any more.
  void promote();
  void listen();
  void set_timer(SteadyTime now);
  void conclude();
  [[nodiscard]] std::string fingerprint() const;

  // rpc_talk.cc: which program it is, once it is known to speak RPC.
  [[nodiscard]] bool wants_rpc() const;
  void begin_rpc();
  void connect_rpc();
  void call_rpc();
  void take_rpc_connect(std::uint32_t attempt, const Event& event);
  void take_rpc_read(std::uint32_t attempt, const Event& event);

  TalkSurroundings& around_;
  std::uint64_t id_;
  PortInquiry inquiry_;
  std::map<std::uint32_t, Connection> connections_;
  bool has_begun_ = false;
  EventId timer_{};
  SteadyTime timer_at_ = SteadyTime::max();
  std::optional<ServiceFinding> finding_;
  std::unique_ptr<RpcGrinder> grinder_;
  std::uint32_t rpc_attempt_ = 0;
  std::optional<SteadyTime> rpc_since_;  // Its first connection.
  bool is_done_ = false;
};

}  // namespace trawl::service
