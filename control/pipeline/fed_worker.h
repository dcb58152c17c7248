#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "control/pipeline/open_port.h"
#include "control/pipeline/service_thread.h"
#include "control/pipeline/socket_guard.h"
#include "control/pipeline/spsc_ring.h"

namespace trawl::control {

// The rings between the control thread and one thread of services.
struct PortRings {
  PortRings(std::size_t ports, std::size_t facts) : asked{ports}, answered{facts} {}
  SpscRing<OpenPort> asked;       // From control...
  SpscRing<PortAnswer> answered;  // ...and back to it.
};

// A worker of a service thread whose ports come through a ring, and whose answers leave through
// one.
//
// It takes no more ports than there is room for answers, so an answer always finds its place, and
// what is not taken waits in the ring. When the guard changes, hosts that it blocks by now are
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

  // Ports come through the ring alone.
  void add(service::ServicePort /*port*/) override {}
  void drop(const IpAddress& /*host*/) override {}
  void turn() override;

 private:
  FedWorker(std::shared_ptr<PortRings> rings, std::shared_ptr<const SocketGuard> guard,
            std::size_t most)
      : rings_{std::move(rings)},
        guard_{std::move(guard)},
        most_{most},
        generation_{guard_->generation()} {}
  void done(const service::ServicePort& port, service::ServiceFinding&& finding);
  void answer(const OpenPort& port, service::ServiceFinding&& finding);
  void fail_all();
  void drop_blocked();

  std::shared_ptr<PortRings> rings_;
  std::shared_ptr<const SocketGuard> guard_;
  std::size_t most_;
  std::uint64_t generation_;
  std::unordered_map<std::uint64_t, OpenPort> asking_;  // By index.
  std::string failure_;                                 // Why there is no `inner_`.
  std::unique_ptr<ServiceWorker> inner_;                // May call done() until it is gone.
};

}  // namespace trawl::control
