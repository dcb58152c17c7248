#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "control/audit/engine/idle_scan.h"
#include "control/audit/engine/zombie_check.h"

// A zombie that answers with any numbers, at any time or not at all: two bytes a question. Whatever
// it does, a scan ends, and each port has one verdict at most.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::control;
  constexpr std::uint32_t kPorts = 40;
  constexpr int kMostSteps = 2'000'000;
  if (size == 0) return 0;
  constexpr IpIdClass kClasses[] = {IpIdClass::Incremental, IpIdClass::IncrementalByTwo,
                                    IpIdClass::LittleEndian};
  std::size_t at = 0;
  const auto byte = [&] { return data[at++ % size]; };
  IdleScan scan{{.numbers = kClasses[byte() % 3],
                 .zombie = RttEstimator{zombie_timing()},
                 .wait = Moment{20'000},
                 .ports = kPorts,
                 .seed = size}};
  Moment now{0};
  std::uint16_t id = 0;
  std::vector<bool> has_verdict(kPorts);
  int steps = 0;
  while (!scan.is_done()) {
    if (++steps > kMostSteps) std::abort();
    if (const auto action = scan.next(now)) {
      if (action->kind == IdleAction::Kind::Syn && action->number >= kPorts) std::abort();
      if (action->kind != IdleAction::Kind::Ask) continue;
      const unsigned what = byte();
      id = static_cast<std::uint16_t>(what < 16 ? what << 8U | byte() : id + (what & 0x3fU));
      if (what < 250) scan.answered(action->number, id, now + Moment{what});
    } else {
      now = std::max(now + Moment{1}, scan.wake());
    }
    for (const IdleScan::Verdict& verdict : scan.take_verdicts()) {
      if (verdict.port >= kPorts || has_verdict[verdict.port]) std::abort();
      has_verdict[verdict.port] = true;
    }
  }
  return 0;
}
