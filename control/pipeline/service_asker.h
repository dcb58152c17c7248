#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "service/version/service_finding.h"

namespace trawl::control {

// Asks open ports who they are, beside the engine.
//
// Thread: one user.
class ServiceAsker {
 public:
  struct Answer {
    service::ServicePort port;
    service::ServiceFinding finding;
  };
  // What came since the last look.
  struct News {
    std::vector<Answer> answers;
    std::vector<std::string> warnings;  // Sentences.
    std::vector<std::string> trace;     // Lines without their line feed.
  };

  virtual ~ServiceAsker() = default;

  // Each port is answered once, unless it is dropped.
  virtual void ask(std::vector<service::ServicePort> ports) = 0;
  // The ports of that host need not be asked any more; answers may be on their way.
  virtual void drop(const IpAddress& host) = 0;
  virtual void trace(bool is_on) = 0;
  [[nodiscard]] virtual News take() = 0;
  // Readable while there is news; -1 for never.
  [[nodiscard]] virtual int fd() const noexcept = 0;
};

// Begins to ask: times of a trace count from `began`. Fails where it cannot.
using OpenServices = std::function<Result<std::unique_ptr<ServiceAsker>>(
    std::chrono::steady_clock::time_point began, bool traces)>;

}  // namespace trawl::control
