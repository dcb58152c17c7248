#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "control/pipeline/open_port.h"
#include "control/pipeline/service_thread.h"
#include "control/pipeline/socket_guard.h"
#include "control/pipeline/spsc_ring.h"
#include "service/nsock/packet_source.h"

namespace trawl::control {

// What is between the control thread and one thread of services: bounded, and without locks.
struct PortRings {
  // Fails with Runtime where the kernel gives no descriptor.
  [[nodiscard]] static Result<std::shared_ptr<PortRings>> open(std::size_t ports,
                                                               std::size_t facts);

  std::shared_ptr<service::PacketSource> asked;  // From control, as port_packet() has them...
  SpscRing<PortAnswer> answered;                 // ...and back to it.
};

// An open port as a packet: from its address and port, tagged with its index. Its one byte, put
// into `protocol`, is the number of the protocol in IP; it must live until the packet is offered.
[[nodiscard]] service::SeenPacket port_packet(const OpenPort& port, std::byte& protocol) noexcept;
[[nodiscard]] OpenPort port_of(const service::Event& event) noexcept;

// A worker of a service thread whose ports come as packets of its loop, beside sockets, timers and
// names, and whose answers leave through a ring.
//
// It reads no more ports than there is room for answers, so an answer always finds its place, and
// what is not read waits in the source. When the guard changes, hosts that it blocks by now are
// asked no more, and their ports are answered with that.
//
// Thread: the service thread.
class FedWorker final : public ServiceWorker {
 public:
  using MakeInner = ServiceThread::Make;

  // Asks at most `most` ports at once. Where `make` fails, every port is answered with that.
  [[nodiscard]] static std::unique_ptr<ServiceWorker> make(service::Loop& loop, const Hooks& hooks,
                                                           const MakeInner& make,
                                                           std::shared_ptr<PortRings> rings,
                                                           std::shared_ptr<const SocketGuard> guard,
                                                           std::size_t most);

  ~FedWorker() override;
  FedWorker(const FedWorker&) = delete;
  FedWorker& operator=(const FedWorker&) = delete;

  // Ports come as packets alone.
  void add(service::ServicePort /*port*/) override {}
  void drop(const IpAddress& /*host*/) override {}
  void turn() override;

 private:
  FedWorker(service::Loop& loop, std::shared_ptr<PortRings> rings,
            std::shared_ptr<const SocketGuard> guard, std::size_t most)
      : loop_{loop},
        rings_{std::move(rings)},
        guard_{std::move(guard)},
        most_{most},
        generation_{guard_->generation()} {}
  void take(const service::Event& event);
  void done(const service::ServicePort& port, service::ServiceFinding&& finding);
  void answer(const OpenPort& port, service::ServiceFinding&& finding);
  void fail(const OpenPort& port, std::string_view trouble);
  void drop_blocked();

  service::Loop& loop_;
  service::SocketId ports_{};
  std::size_t reads_ = 0;  // That wait for ports.
  std::shared_ptr<PortRings> rings_;
  std::shared_ptr<const SocketGuard> guard_;
  std::size_t most_;
  std::uint64_t generation_;
  std::unordered_map<std::uint64_t, OpenPort> asking_;  // By index.
  std::string failure_;                                 // Why there is no `inner_`.
  std::unique_ptr<ServiceWorker> inner_;                // May call done() until it is gone.
};

}  // namespace trawl::control
