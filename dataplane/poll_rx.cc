#include "dataplane/internal/poll_rx.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_prefetch.h>
#include <rte_ring_elem.h>

#include "dataplane/internal/arp_frame.h"

namespace trawl::dataplane::internal {
namespace {

std::span<std::byte> bytes_of(rte_mbuf* frame) noexcept {
  return {rte_pktmbuf_mtod(frame, std::byte*), rte_pktmbuf_data_len(frame)};
}

// No reply takes longer; a stamp that says so is not ours.
constexpr std::uint32_t kLongestRttUs = 60'000'000;

// A tag that the driver or the kernel took out of the frame goes in again, so that there is one way
// to see it.
void restore_tag(rte_mbuf* frame) noexcept {
  if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0) [[likely]]
    return;
  (void)rte_vlan_insert(&frame);  // Fails on shared buffers only; receive queues have none.
}

// Whether all that the claim tells of its probe's cookie is so.
bool is_genuine(const ReplyClaim& claim, const Cookie& cookie) noexcept {
  const std::uint32_t sequence = (claim.sequence ^ cookie.sequence) & claim.sequence_mask;
  const unsigned port = unsigned{claim.port_mask} & (claim.source_port ^ cookie.source_port);
  const unsigned id = unsigned{claim.id_mask} & (claim.ip_id ^ cookie.ip_id);
  return (sequence | port | id) == 0;
}

// The claim as a reply, with what the echoed timestamp tells when it can be ours: hosts that echo
// garbage, or middleboxes that rewrite it, cost the round-trip time and nothing else.
Reply to_reply(const ReplyClaim& claim, Ticks now, std::uint64_t now_us,
               std::uint32_t time_mask) noexcept {
  Reply reply;
  reply.arrival = now;
  reply.ip = claim.target.ip.value();
  reply.from = claim.from.value();
  reply.port = claim.target.port;
  reply.state = claim.state;
  reply.reason = claim.reason;
  reply.ttl = claim.ttl;
  const std::uint32_t attempt = ProbeStamp::attempt(claim.stamp);
  const std::uint32_t age = ProbeStamp::age(claim.stamp, now_us) & time_mask;
  if (attempt != 0 && age <= now_us && age < kLongestRttUs) {
    reply.attempt = static_cast<std::uint8_t>(attempt);
    reply.rtt_us = age;
  }
  return reply;
}

}  // namespace

bool RxLoop::poll(Ticks now) noexcept {
  if (!has_room()) return false;
  std::array<rte_mbuf*, kBurst> frames;
  const std::uint16_t received = rte_eth_rx_burst(seat_.port, queue_, frames.data(), kBurst);
  if (++queue_ == seat_.queues) queue_ = 0;
  if (received == 0) return false;
  counters_.add(Counter::RxFrames, received);
  constexpr unsigned kAhead = 4;
  unsigned claims = 0;
  unsigned kept = 0;
  for (unsigned i = 0; i < received; ++i) {
    if (i + kAhead < received) rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], void*));
    rte_mbuf* const frame = frames[i];
    restore_tag(frame);
    const Counter outcome = plan_.parser.parse(bytes_of(frame), claims_[claims]);
    if (outcome == Counter::RxValid) {
      ++claims;
    } else {
      counters_.add(outcome);
      if (outcome == Counter::RxArp && answer_arp(frame)) continue;
    }
    frames[kept++] = frame;
  }
  rte_pktmbuf_free_bulk(frames.data(), kept);
  if (claims > 0) validate(now, claims);
  return true;
}

bool RxLoop::has_room() noexcept {
  const unsigned room = rte_ring_free_count(seat_.replies);
  const bool piling = room < rte_ring_get_capacity(seat_.replies) / 4;
  if (piling != shared_.replies_piling.load(std::memory_order_relaxed)) {
    shared_.replies_piling.store(piling, std::memory_order_relaxed);
  }
  if (room >= kBurst) return true;
  counters_.add(Counter::RxWaits);
  return false;
}

// True when the frame became an answer and now belongs to the sender.
bool RxLoop::answer_arp(rte_mbuf* frame) noexcept {
  const ArpOutcome outcome =
      handle_arp(bytes_of(frame), plan_.mac, plan_.cookies.sources(), plan_.neighbours, plan_.vlan);
  return outcome == ArpOutcome::AnswerWritten && rte_ring_sp_enqueue(seat_.answers, frame) == 0;
}

void RxLoop::validate(Ticks now, unsigned claims) noexcept {
  for (unsigned i = 0; i < claims; ++i) targets_[i] = claims_[i].target;
  const bool several = plan_.cookies.sources().several();
  if (several) {
    plan_.cookies.make({targets_.data(), claims}, {cookies_.data(), claims},
                       {sources_.data(), claims});
  } else {
    plan_.cookies.make({targets_.data(), claims}, {cookies_.data(), claims});
  }
  const std::uint64_t now_us = plan_.clock.microseconds_at(now);
  const bool short_stamps = plan_.cookies.kind() == ProbeKind::IcmpTimestamp;
  const std::uint32_t time_mask = short_stamps ? ProbeStamp::kShortTimeMask : ProbeStamp::kTimeMask;
  unsigned valid = 0;
  for (unsigned i = 0; i < claims; ++i) {
    if (several && claims_[i].source != sources_[i]) continue;
    if (is_genuine(claims_[i], cookies_[i]))
      replies_[valid++] = to_reply(claims_[i], now, now_us, time_mask);
  }
  counters_.add(Counter::RxValid, valid);
  counters_.add(Counter::RxForged, claims - valid);
  if (valid > 0) {
    rte_ring_sp_enqueue_bulk_elem(seat_.replies, replies_.data(), sizeof(Reply), valid, nullptr);
  }
}

}  // namespace trawl::dataplane::internal
