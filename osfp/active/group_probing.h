#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "osfp/active/host_probing.h"

namespace trawl::osfp {

// Rounds of many hosts at once, by one clock: whichever probe of any host is due first is next, so
// that a group takes little longer than its slowest host.
//
// Thread: one user. Cost: a step of a heap a probe, a hash look-up a packet.
template <typename Family>
class BasicGroupProbing {
 public:
  using HostProbing = BasicHostProbing<Family>;

  // Returns the host's number, counted from 0. Needs another destination than those of all others.
  std::size_t add(HostProbing host);
  // Forgets a host; another one may get its number.
  void remove(std::size_t number);
  // Whether one of them has that address.
  [[nodiscard]] bool has(typename Family::Address address) const noexcept {
    return by_address_.contains(address);
  }
  // How many there are.
  [[nodiscard]] std::size_t size() const noexcept { return by_address_.size(); }
  [[nodiscard]] const HostProbing& host(std::size_t number) const noexcept {
    return members_[number].host;
  }
  [[nodiscard]] bool is_complete(std::size_t number) const noexcept {
    return members_[number].host.is_complete();
  }

  // When next() has something to do; nullopt once all hosts' rounds are complete.
  [[nodiscard]] std::optional<Moment> due();
  struct Due {
    std::size_t host = 0;
    BasicDueProbe<Family> probe;
  };
  // The next probe to send, nullopt when none is due. The caller sends it at once and calls sent().
  [[nodiscard]] std::optional<Due> next(Moment now);
  void sent(const Due& due, Moment at);
  // The number of the host whose probe the IP packet, which came at `at`, answers.
  std::optional<std::size_t> receive(std::span<const std::byte> packet, Moment at = {});
  void set_timeout(std::size_t number, Moment timeout);
  void begin_round(std::size_t number, Moment start);
  // The numbers of hosts whose rounds have become complete since it was last asked; each round is
  // told of once. Needs due() or next() before it, which find out what has been given up.
  [[nodiscard]] std::vector<std::size_t> take_completed() { return std::exchange(completed_, {}); }

 private:
  // When a host was due when it was scheduled. Answers make that too early, never too late.
  struct Entry {
    Moment due{};
    std::size_t host = 0;
    std::uint32_t version = 0;
    friend bool operator>(const Entry& a, const Entry& b) noexcept { return a.due > b.due; }
  };
  struct Member {
    HostProbing host;
    std::uint32_t version = 0;  // Entries of others are void.
    bool is_told = false;       // That its round is complete.
  };

  void schedule(std::size_t number);
  void settle();

  std::vector<Member> members_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
  std::unordered_map<typename Family::Address, std::size_t, typename Family::Hash> by_address_;
  std::vector<std::size_t> free_;  // Numbers that no host has.
  std::vector<std::size_t> completed_;
};

extern template class BasicGroupProbing<Ipv4Family>;
using GroupProbing = BasicGroupProbing<Ipv4Family>;

}  // namespace trawl::osfp
