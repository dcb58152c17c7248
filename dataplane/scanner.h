#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "dataplane/banner.h"
#include "dataplane/captured_frame.h"
#include "dataplane/counters.h"
#include "dataplane/link.h"
#include "dataplane/reply.h"
#include "dataplane/scan_plan.h"
#include "dataplane/sweep.h"
#include "dataplane/syn_ack_head.h"

namespace trawl::dataplane {

// How many of `threads` polling threads send.
[[nodiscard]] std::uint16_t senders_for(unsigned threads, bool receive) noexcept;

// Runs one plan over one link on the polling threads of Eal: one thread sends and receives; of
// more, the first receives and the others send.
//
// Meets its cores at rings, counters and a few atomics only: replies and counters come out; sweeps,
// rates, single targets and the order to stop go in.
// Thread: one control thread.
class Scanner {
 public:
  // Needs `link` opened for senders_for(threads, plan.receive) senders, and to outlive this. Fails
  // with Runtime when memory is short. The family of the plan is that of all sweeps.
  [[nodiscard]] static Result<std::unique_ptr<Scanner>> make(ScanPlan plan, Link& link,
                                                             unsigned threads);
  [[nodiscard]] static Result<std::unique_ptr<Scanner>> make(ScanPlan6 plan, Link& link,
                                                             unsigned threads);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  void start();
  // Makes every loop return and waits for them. Replies still in the ring can be taken afterwards.
  void stop();

  // Sends this sweep, going on from where `lanes` are, which must outlive the scan; without them,
  // from the start. Before start(), or once sending_finished().
  void begin_sweep(Sweep sweep, Lanes* lanes = nullptr);
  // False until the first begin_sweep().
  [[nodiscard]] bool has_sweep() const noexcept;
  // The one begun last, and where it is. Needs has_sweep().
  [[nodiscard]] const Sweep& sweep() const noexcept;
  [[nodiscard]] const Lanes& lanes() const noexcept;
  // Puts another egress guard in place while cores poll: blocks the set of the plan's family.
  void block(const Ipv4Set& v4, const Ipv6Set& v6);
  // From now on; of all senders together. Zero is a pause.
  void set_rate(PacketsPerSecond rate) noexcept;
  [[nodiscard]] PacketsPerSecond rate() const noexcept;
  // While held nothing new is sent, whatever the rate; replies are received and taken. Not at all
  // at first.
  void hold(bool is_held) noexcept;
  // Asks for one more probe, ahead of the sweep, with ProbeStamp::kSentinelAttempt; false when too
  // many are waiting, or when its network can be sent no more now. Targets whose next hop is not
  // known are passed over.
  bool request(const AnyTarget& target) noexcept;
  // Likewise with the stamp of a first attempt: where open ports are talked to, this one is, too.
  bool request_conversation(const AnyTarget& target) noexcept;

  // True once every probe of the sweep was sent or given up, or max_runtime is over.
  [[nodiscard]] bool sending_finished() const noexcept;
  // Whether the probe for `position` of the present sweep may have left already.
  [[nodiscard]] bool has_sent(std::uint64_t position) const noexcept;
  // False while the gateway has not answered ARP or neighbour discovery.
  [[nodiscard]] bool gateway_known() const noexcept;
  // Who is asked; nullopt where nobody has to be.
  [[nodiscard]] std::optional<IpAddress> gateway_address() const noexcept;
  // True when every target goes through the gateway.
  [[nodiscard]] bool only_gateway() const noexcept;
  // Moves replies out of the ring; returns how many.
  [[nodiscard]] std::size_t take_replies(std::span<Reply> into) noexcept;
  // Likewise the frames of replies, where the plan asks for a capture. Those of replies that were
  // taken before are all there.
  [[nodiscard]] std::size_t take_frames(std::span<CapturedFrame> into) noexcept;
  // Likewise the heads of SYN-ACKs, where the plan asks for them: one for each reply whose reason
  // is SynAck, in their order. Those of replies that were taken before are all there.
  [[nodiscard]] std::size_t take_syn_acks(std::span<SynAckHead> into) noexcept;
  // Likewise what came of conversations, where the plan asks for them. Each stays where it is until
  // it is given back; when too many are out, sending slows down and then conversations wait.
  [[nodiscard]] std::size_t take_banners(std::span<Banner*> into) noexcept;
  // Needs banners taken from this one.
  void give_back(std::span<Banner* const> banners) noexcept;
  // How many conversations have not come to an end; banners of others can be taken already.
  [[nodiscard]] std::size_t open_conversations() const noexcept;
  // Sums over all cores.
  [[nodiscard]] CounterValues counters() const noexcept;

  // What the plan says.
  [[nodiscard]] ProbeKind kind() const noexcept;
  [[nodiscard]] bool receives() const noexcept;
  [[nodiscard]] const TscClock& clock() const noexcept;
  // The most that goes to any one network, in all and at once, and how many of the plan's addresses
  // one has at most.
  struct NetworkLimit {
    PacketsPerSecond rate;
    std::uint32_t burst = 0;
    double most_addresses = 0.0;
  };
  // nullopt without a budget.
  [[nodiscard]] std::optional<NetworkLimit> network_limit() const noexcept;
  // Where the probe to a target leaves from.
  struct OurEnd {
    IpAddress ip;
    std::uint16_t port = 0;
  };
  // ends[i] is that of targets[i]. Needs equal sizes and targets of the plan's family.
  void our_ends(std::span<const AnyTarget> targets, std::span<OurEnd> ends) const noexcept;

 private:
  struct Impl;
  template <typename Address>
  struct ImplOf;
  explicit Scanner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::dataplane
