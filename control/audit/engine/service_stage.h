#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/audit/port_report.h"
#include "control/audit/report/host_report.h"
#include "control/pipeline/service_asker.h"

namespace trawl::control {

// What is known of the services of a host, by port.
using ServiceFindings = std::map<std::pair<PortProtocol, std::uint16_t>,
                                 std::shared_ptr<const service::ServiceFinding>>;

// The hosts whose open ports are asked who they are. A host waits for its own ports only.
//
// Thread: one user.
class ServiceStage {
 public:
  // `asker` may answer in any order.
  explicit ServiceStage(std::unique_ptr<ServiceAsker> asker) : asker_{std::move(asker)} {}

  struct Host {
    std::uint64_t id = 0;  // Not 0, and never that of another one.
    IpAddress ip;
    std::uint32_t zone = 0;
    std::string name;  // As the user gave it.
  };
  struct Port {
    PortProtocol protocol = PortProtocol::Tcp;  // Or UDP.
    std::uint16_t number = 0;
    bool is_certain = true;  // False for open|filtered.
  };

  // Begins to ask. Needs ports, and a host that is not here.
  void join(const Host& host, const std::vector<Port>& ports);
  // Takes answers in.
  void turn();
  // Hosts whose ports are all answered, once each; they stay here until they leave.
  [[nodiscard]] std::vector<std::uint64_t> take_ends() { return std::exchange(ends_, {}); }
  // Ports that silence had left as open|filtered, and that answered.
  [[nodiscard]] std::vector<service::ServicePort> take_opened() {
    return std::exchange(opened_, {});
  }
  // Forgets a host, asks its ports no more, and returns what is known. Nothing where it is not
  // here.
  [[nodiscard]] ServiceFindings leave(std::uint64_t host);

  struct Work {
    std::size_t answered = 0;
    std::size_t left = 0;
  };
  [[nodiscard]] Work work(std::uint64_t host) const noexcept;
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }
  [[nodiscard]] std::vector<std::string> take_trace() { return std::exchange(trace_, {}); }
  void trace(bool is_on) { asker_->trace(is_on); }
  [[nodiscard]] int fd() const noexcept { return asker_->fd(); }

 private:
  struct Asked {
    IpAddress ip;
    std::size_t left = 0;
    ServiceFindings findings;
  };

  void take(ServiceAsker::Answer&& answer);

  std::unique_ptr<ServiceAsker> asker_;
  std::unordered_map<std::uint64_t, Asked> hosts_;
  std::vector<std::uint64_t> ends_;
  std::vector<service::ServicePort> opened_;
  std::vector<std::string> warnings_;
  std::vector<std::string> trace_;
};

// The ports of a host that version detection asks: open ones, and those that may be.
[[nodiscard]] std::vector<ServiceStage::Port> ports_to_ask(const std::vector<PortReport>& ports);

// Adds what was found to the ports of a host. Who answered is open, whatever silence said before.
void add_services(const ServiceFindings& findings, std::vector<PortReport>& ports);

}  // namespace trawl::control
