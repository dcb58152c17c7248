#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/service_fact.h"
#include "service/version/service_finding.h"

namespace trawl::control {

// Ports on their way to their answers: each is answered once its host is known and, where ports are
// asked as well, its service.
//
// Thread: one user.
class PortGate {
 public:
  using Done = std::function<void(const service::ServicePort&, service::ServiceFinding&&)>;
  explicit PortGate(Done done) : done_{std::move(done)} {}

  // Without `asks_ports` only the host is waited for.
  void add(const service::ServicePort& port, bool asks_ports);
  // Of the port with this tag; unknown ones are passed over.
  void service_known(std::uint64_t tag, service::ServiceFinding&& finding);
  // `fact` is for one port of a host, nullptr for the others.
  void host_known(std::uint64_t tag, std::shared_ptr<const ServiceFact> fact);
  // Whether host_known() would find it.
  [[nodiscard]] bool has(std::uint64_t tag) const { return ports_.contains(tag); }
  // Its ports are answered no more.
  void drop(const IpAddress& host);

 private:
  struct Waiting {
    service::ServicePort port;
    std::optional<service::ServiceFinding> finding;
    bool is_host_known = false;
    std::shared_ptr<const ServiceFact> host;
  };
  using Ports = std::unordered_map<std::uint64_t, Waiting>;

  void answer_if_done(Ports::iterator at);

  Done done_;
  Ports ports_;  // By tag.
};

}  // namespace trawl::control
