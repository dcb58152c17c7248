#include "dataplane/exception/tap_forwarder.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/cpus.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

// After the last frame, the ring is looked at this often and this many times before the thread goes
// to sleep: while frames keep coming, no polling core has to wake anybody.
constexpr auto kNap = 50us;
constexpr unsigned kNaps = 20;
// How long an interface that is down is left alone.
constexpr auto kDownTime = 20ms;
constexpr unsigned kBurst = 32;

// A nap is to end when it says, not 50 us later.
void keep_time() noexcept { (void)prctl(PR_SET_TIMERSLACK, 1'000UL, 0UL, 0UL, 0UL); }

}  // namespace

TapForwarder::TapForwarder(TapDevice device, KernelExchange& exchange,
                           const std::vector<unsigned>& cpus)
    : device_{std::move(device)}, exchange_{exchange}, stop_event_{eventfd(0, EFD_CLOEXEC)} {
  up_ = std::thread{[this, cpus] {
    (void)pthread_setname_np(pthread_self(), "trawl-tap-up");
    keep_time();
    run_on(cpus);
    carry_up();
  }};
  down_ = std::thread{[this, cpus] {
    (void)pthread_setname_np(pthread_self(), "trawl-tap-down");
    keep_time();
    run_on(cpus);
    carry_down();
  }};
}

TapForwarder::~TapForwarder() {
  stop_.store(true);
  exchange_.wake();
  (void)eventfd_write(stop_event_, 1);
  up_.join();
  down_.join();
  close(stop_event_);
}

void TapForwarder::carry_up() noexcept {
  unsigned idle = 0;
  while (!stop_.load()) {
    if (write_waiting()) {
      idle = 0;
    } else if (++idle < kNaps) {
      std::this_thread::sleep_for(kNap);
    } else {
      idle = 0;
      exchange_.sleep(stop_);
    }
  }
}

bool TapForwarder::write_waiting() noexcept {
  FrameRing& ring = exchange_.up();
  const std::uint32_t count = std::min<std::uint32_t>(ring.waiting(), kBurst);
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    refused += device_.write(ring.frame(i)) == TapDevice::Outcome::Done ? 0U : 1U;
  }
  ring.pop(count);
  exchange_.count_refused(refused);
  return count > 0;
}

void TapForwarder::carry_down() noexcept {
  while (!stop_.load()) {
    switch (read_some()) {
      case Reading::Goes: break;
      case Reading::Emptied: wait_for_kernel(); break;
      case Reading::RingFull: std::this_thread::sleep_for(kNap); break;
      case Reading::Refused: std::this_thread::sleep_for(kDownTime); break;
    }
  }
}

TapForwarder::Reading TapForwarder::read_some() noexcept {
  Reading outcome = Reading::Goes;
  for (unsigned i = 0; i < kBurst && outcome == Reading::Goes; ++i) {
    const auto slot = exchange_.read_slot();
    if (slot.empty()) {
      outcome = Reading::RingFull;
      break;
    }
    std::size_t size = 0;
    switch (device_.read(slot, size)) {
      case TapDevice::Outcome::Done: exchange_.take_down(size); break;
      case TapDevice::Outcome::Empty: outcome = Reading::Emptied; break;
      case TapDevice::Outcome::Refused: outcome = Reading::Refused; break;
    }
  }
  exchange_.down().publish();
  return outcome;
}

void TapForwarder::wait_for_kernel() noexcept {
  std::array<pollfd, 2> events{{{device_.fd(), POLLIN, 0}, {stop_event_, POLLIN, 0}}};
  (void)poll(events.data(), events.size(), -1);
}

}  // namespace trawl::dataplane
