#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/pipeline/fed_worker.h"
#include "control/pipeline/open_port.h"
#include "control/pipeline/service_thread.h"
#include "control/pipeline/socket_guard.h"

namespace trawl::control {

// The threads that ask open ports what they are, while others find more of them.
//
// Each thread has an event loop, which reads ports to ask from a bounded PacketSource as it reads
// anything else, and a bounded ring of answers. A host belongs
// to one thread, by a hash of its address, so all that is done with it is done there, without
// locks. What is in the rings and being asked is all the memory that the tier takes, however many
// ports are open.
//
// Thread: one user.
class ServiceTier {
 public:
  static constexpr std::size_t kPortsWaiting = std::size_t{1} << 16U;  // A thread.
  static constexpr std::size_t kFactsWaiting = 2048;                   // Likewise.

  struct Settings {
    unsigned threads = 1;              // At least one.
    std::size_t ports_at_once = 1024;  // Asked by a thread; at most kFactsWaiting.
    std::size_t ports_waiting = kPortsWaiting;
    std::vector<unsigned> cpus{};  // Where threads run; empty for anywhere.
    service::LoopOptions loop{};   // Its guard is `blocked`.
    ServiceThread::Make make{};    // What asks on a thread. Where it fails, that is all answers.
    AddressList blocked{};         // Whom no socket reaches.
  };

  // Fails with Runtime when the kernel gives no thread or descriptor.
  [[nodiscard]] static Result<std::unique_ptr<ServiceTier>> open(Settings settings);

  // Puts a port where its thread finds it; false when that one's ring is full.
  [[nodiscard]] bool offer(const OpenPort& port) noexcept;
  // Tells threads that there is room for more answers. After take().
  void wake() noexcept;
  // Moves answers out; returns how many.
  [[nodiscard]] std::size_t take(std::span<PortAnswer> into) noexcept;
  // No socket reaches these from now on. What is under way with them is broken off, with those that
  // are blocked and not merely skipped without a packet.
  void block(const AddressList& blocked, const AddressList& skipped = {});

  // Offered and not answered yet. What is in answer rings counts.
  [[nodiscard]] std::uint64_t pending() const noexcept { return offered_ - taken_; }
  // How full the fullest ring of ports is, 0 to 1.
  [[nodiscard]] double fullness() const noexcept;
  // What the rings of ports hold together.
  [[nodiscard]] std::size_t capacity() const noexcept;
  // Sentences that came since the last time.
  [[nodiscard]] std::vector<std::string> take_warnings();

 private:
  struct Core {
    std::shared_ptr<PortRings> rings;
    std::unique_ptr<ServiceThread> thread;
    bool has_room = false;  // For answers, which is to be told to the thread.
  };

  explicit ServiceTier(std::shared_ptr<SocketGuard> guard) : guard_{std::move(guard)} {}
  [[nodiscard]] Core& core_of(const IpAddress& ip) noexcept;

  std::shared_ptr<SocketGuard> guard_;
  std::vector<Core> cores_;
  std::size_t next_ = 0;  // Whose answers are taken first.
  std::uint64_t offered_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace trawl::control
