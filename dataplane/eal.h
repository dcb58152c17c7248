#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/cpus.h"
#include "base/result.h"
#include "base/units.h"
#include "dataplane/link_spec.h"

namespace trawl::dataplane {

struct EalOptions {
  std::vector<unsigned> polling_cpus;  // One polling thread is pinned on each; may repeat a CPU.
  LinkSpec link;                       // Decides the process mode and the PCI allow list.
  ByteCount memory = ByteCount::mebibytes(192);
};

// DPDK's environment abstraction layer, started once a process and never restarted.
//
// Uses hugepages when enough are free and ordinary memory when not; needs no configuration. The
// calling thread becomes the control thread and stays free to run on every allowed CPU.
class Eal {
 public:
  // Fails with Device, naming what DPDK said and what to do.
  [[nodiscard]] static Result<void> start(const EalOptions& options);
  // Frees hugepages and runtime files. Needs every polling thread joined and every Link closed.
  static void stop() noexcept;

  // Runs `body` on polling thread `index` (0...polling_cpus.size()-1).
  static void launch(unsigned index, std::function<void()> body);
  // Waits until every launched body has returned.
  static void join();

  // What DPDK logged last, for an error message.
  [[nodiscard]] static std::string last_log_line();
};

using trawl::allowed_cpus;

}  // namespace trawl::dataplane
