#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "nse/lua/suspension.h"
#include "service/nsock/loop.h"

namespace trawl::nse {

struct CapturedPacket {
  std::string bytes{};
  std::size_t network_offset = 0;  // Not above bytes.size().
  double time = 0;                 // Seconds since 1970.
};

class CaptureReader;

// A capture of one device with one filter, which all sockets that ask for the same share. Each
// packet goes to every reader; a reader that nobody asks keeps the oldest ones.
//
// Thread: the loop's.
class Capture : public std::enable_shared_from_this<Capture> {
 public:
  struct Settings {
    std::string device{}, filter{};
    int snap_length = 65'535;
    bool promiscuous = false;
  };
  [[nodiscard]] static Result<std::shared_ptr<Capture>> open(service::Loop& loop,
                                                             const Settings& settings);
  ~Capture() { loop_.close(socket_); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  [[nodiscard]] std::shared_ptr<CaptureReader> add_reader();
  // Packets that a full reader did not take.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  friend class CaptureReader;
  Capture(service::Loop& loop, service::SocketId socket) : loop_{loop}, socket_{socket} {}
  void watch();
  void give(const service::Event& event);

  service::Loop& loop_;
  service::SocketId socket_;
  service::EventId watching_{};
  std::uint64_t lost_ = 0;
  bool failed_ = false;
  std::vector<std::weak_ptr<CaptureReader>> readers_{};
};

// What one socket sees of a capture, from when it was opened.
class CaptureReader : public std::enable_shared_from_this<CaptureReader> {
 public:
  static constexpr std::size_t kMostPackets = 4096;

  explicit CaptureReader(std::shared_ptr<Capture> capture) : capture_{std::move(capture)} {}

  // The oldest packet that was not taken, if any.
  [[nodiscard]] bool take(CapturedPacket& packet);
  // Resumed, without values, when there is a packet, the time is over, or the capture has ended.
  void wait(service::Wait timeout, Suspension thread);
  [[nodiscard]] bool ended() const noexcept { return capture_ == nullptr || capture_->failed_; }
  void close();

 private:
  friend class Capture;
  void wake();

  std::shared_ptr<Capture> capture_;
  std::deque<CapturedPacket> packets_{};
  std::vector<std::pair<Suspension, service::EventId>> waiting_{};
};

}  // namespace trawl::nse
