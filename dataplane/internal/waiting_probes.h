#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "dataplane/target.h"

namespace trawl::dataplane::internal {

// A probe whose next hop's Ethernet address is not known yet.
template <typename Address>
struct WaitingProbe {
  BasicTarget<Address> target;
  Ticks due = 0;
};

// A first-in first-out queue of waiting probes: all wait equally long, so the head is due first.
// Its memory is taken at once as address space and page by page as it fills.
template <typename Address>
class WaitingQueue {
 public:
  using Probe = WaitingProbe<Address>;

  static constexpr std::size_t kCapacity = std::size_t{1} << 18U;

  WaitingQueue() noexcept {
    void* const memory = mmap(nullptr, kCapacity * sizeof(Probe), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    probes_ = memory == MAP_FAILED ? nullptr : static_cast<Probe*>(memory);
  }
  ~WaitingQueue() {
    if (probes_ != nullptr) munmap(probes_, kCapacity * sizeof(Probe));
  }
  WaitingQueue(const WaitingQueue&) = delete;
  WaitingQueue& operator=(const WaitingQueue&) = delete;

  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
  [[nodiscard]] std::size_t room() const noexcept {
    return probes_ == nullptr ? 0 : kCapacity - (tail_ - head_);
  }
  // Needs room() > 0.
  void push(const Probe& probe) noexcept { probes_[tail_++ % kCapacity] = probe; }
  // Needs !empty().
  [[nodiscard]] const Probe& front() const noexcept { return probes_[head_ % kCapacity]; }
  void pop() noexcept { ++head_; }

 private:
  Probe* probes_ = nullptr;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace trawl::dataplane::internal
