#include "dataplane/internal/poll_rx.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_prefetch.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "dataplane/internal/arp_frame.h"
#include "dataplane/internal/neighbour_frame.h"

namespace trawl::dataplane::internal {
namespace {

std::span<std::byte> bytes_of(rte_mbuf* frame) noexcept {
  return {rte_pktmbuf_mtod(frame, std::byte*), rte_pktmbuf_data_len(frame)};
}

// No reply takes longer; a stamp that says so is not ours.
constexpr std::uint32_t kLongestRttUs = 60'000'000;

// How long frames stay with the link because what conversations said before has not left.
constexpr std::chrono::milliseconds kLongestTalkWait{50};

// A tag that the driver or the kernel took out of the frame goes in again, so that there is one way
// to see it.
void restore_tag(rte_mbuf* frame) noexcept {
  if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0) [[likely]]
    return;
  (void)rte_vlan_insert(&frame);  // Fails on shared buffers only; receive queues have none.
}

// Whether all that the claim tells of its probe's cookie is so.
template <typename Address>
bool is_genuine(const BasicReplyClaim<Address>& claim, const Cookie& cookie) noexcept {
  const std::uint32_t sequence = (claim.sequence ^ cookie.sequence) & claim.sequence_mask;
  const unsigned port = unsigned{claim.port_mask} & (claim.source_port ^ cookie.source_port);
  const unsigned id = unsigned{claim.id_mask} & (claim.ip_id ^ cookie.ip_id);
  return (sequence | port | id) == 0;
}

// The claim as a reply, with what the echoed timestamp tells when it can be ours: hosts that echo
// garbage, or middleboxes that rewrite it, cost the round-trip time and nothing else.
template <typename Address>
Reply to_reply(const BasicReplyClaim<Address>& claim, Ticks now, std::uint64_t now_us,
               std::uint32_t time_mask) noexcept {
  Reply reply;
  reply.arrival = now;
  reply.ip = claim.target.ip;
  reply.from = claim.from;
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

template <typename Address>
BasicRxLoop<Address>::BasicRxLoop(BasicScanPlan<Address>& plan, SharedState& shared,
                                  const RxSeat& seat, CoreCounters& counters,
                                  BasicConverser<Address>* converser)
    : plan_{plan},
      shared_{shared},
      seat_{seat},
      counters_{counters},
      converser_{converser},
      longest_talk_wait_{plan.clock.ticks_in(kLongestTalkWait)} {
  if (!seat.resets.empty()) reset_choice_.emplace(plan.clock);
  if (seat.capture != nullptr) heads_ = std::make_unique<std::array<CapturedFrame, kBurst>>();
  if (seat.syn_acks != nullptr) syn_acks_ = std::make_unique<std::array<SynAckHead, kBurst>>();
}

template <typename Address>
bool BasicRxLoop<Address>::poll(Ticks now) noexcept {
  if (!has_room(now)) return false;
  std::array<rte_mbuf*, kBurst> frames;
  const std::uint16_t received = rte_eth_rx_burst(seat_.port, queue_, frames.data(), kBurst);
  if (++queue_ == seat_.queues) queue_ = 0;
  rest_.received(received);
  if (received == 0) {
    if (converser_ != nullptr) converser_->hold(now);
    return false;
  }
  counters_.add(Counter::RxFrames, received);
  constexpr unsigned kAhead = 4;
  unsigned claims = 0;
  unsigned kept = 0;
  for (unsigned i = 0; i < received; ++i) {
    if (i + kAhead < received) rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], void*));
    rte_mbuf* const frame = frames[i];
    restore_tag(frame);
    const Counter outcome = plan_.parser.parse(bytes_of(frame), claims_[claims]);
    if (plan_.raw != nullptr && outcome != Counter::RxValid && plan_.raw->wants(bytes_of(frame))) {
      const bool is_taken = plan_.raw->pass(bytes_of(frame), now);
      counters_.add(is_taken ? Counter::RawReceived : Counter::RawRingFull);
      frames[kept++] = frame;
      continue;
    }
    if (converser_ != nullptr && converser_->notice(now, bytes_of(frame), outcome)) {
      frames[kept++] = frame;
      continue;
    }
    if (outcome == Counter::RxValid) {
      if (heads_) keep_head(now, claims, frame);
      if (syn_acks_) keep_syn_ack(claims, bytes_of(frame));
      ++claims;
    } else {
      constexpr Counter kAboutNeighbours = kIsV4 ? Counter::RxArp : Counter::RxNeighbour;
      const bool is_about_neighbours = outcome == kAboutNeighbours;
      if (is_about_neighbours && answer_neighbour(frame)) {
        counters_.add(outcome);
        continue;
      }
      const bool passed = plan_.kernel != nullptr && pass_to_kernel(bytes_of(frame));
      if (!passed || is_about_neighbours) counters_.add(outcome);
    }
    frames[kept++] = frame;
  }
  if (plan_.kernel != nullptr) plan_.kernel->publish_up();
  if (converser_ != nullptr) converser_->hold(now);
  rte_pktmbuf_free_bulk(frames.data(), kept);
  if (claims > 0) validate(now, claims);
  return true;
}

template <typename Address>
bool BasicRxLoop<Address>::has_room(Ticks now) noexcept {
  unsigned room = rte_ring_free_count(seat_.replies);
  bool piling = room < rte_ring_get_capacity(seat_.replies) / 4;
  if (seat_.capture != nullptr) {
    const unsigned frames = seat_.capture->room();
    piling |= frames < seat_.capture->capacity() / 4;
    room = std::min(room, frames);
  }
  // As large as the ring of replies: piling here is piling there.
  if (seat_.syn_acks != nullptr) room = std::min(room, seat_.syn_acks->room());
  if (converser_ != nullptr) piling |= converser_->is_piling();
  if (piling != shared_.replies_piling.load(std::memory_order_relaxed)) {
    shared_.replies_piling.store(piling, std::memory_order_relaxed);
  }
  if (room >= kBurst && !must_wait_for_talk(now)) return true;
  counters_.add(Counter::RxWaits);
  return false;
}

// Whether the answers to a burst would find no room while the link takes none. Not for long: one
// that first wants its own frames taken would never take ours.
template <typename Address>
bool BasicRxLoop<Address>::must_wait_for_talk(Ticks now) noexcept {
  if (converser_ == nullptr || converser_->has_room()) {
    talk_wait_ = 0;
    return false;
  }
  if (talk_wait_ == 0) talk_wait_ = now;
  return now - talk_wait_ < longest_talk_wait_;
}

// What a capture gets of the frame, should its claim be genuine.
template <typename Address>
void BasicRxLoop<Address>::keep_head(Ticks now, unsigned claim, rte_mbuf* frame) noexcept {
  const auto bytes = bytes_of(frame);
  CapturedFrame& head = (*heads_)[claim];
  head.arrival = now;
  head.length = static_cast<std::uint16_t>(rte_pktmbuf_pkt_len(frame));
  head.kept = static_cast<std::uint16_t>(std::min(bytes.size(), CapturedFrame::kMostBytes));
  std::memcpy(head.bytes.data(), bytes.data(), head.kept);
}

// What hints at its stack, should its claim be genuine.
template <typename Address>
void BasicRxLoop<Address>::keep_syn_ack(unsigned claim, std::span<const std::byte> frame) noexcept {
  if (claims_[claim].reason != Reason::SynAck) return;
  const std::size_t ethernet = wire::kEthernetSize + plan_.vlan.tag_size();
  static_cast<void>(read_syn_ack_head(frame.subspan(ethernet), (*syn_acks_)[claim]));
}

// True when the frame became an answer and now belongs to the sender.
template <typename Address>
bool BasicRxLoop<Address>::answer_neighbour(rte_mbuf* frame) noexcept {
  if constexpr (kIsV4) {
    const ArpOutcome outcome = handle_arp(bytes_of(frame), plan_.mac, plan_.cookies.sources(),
                                          plan_.neighbours, plan_.vlan);
    if (outcome != ArpOutcome::AnswerWritten) return false;
  } else {
    std::array<std::byte, kMostNeighbourFrame> answer;
    const NeighbourOutcome outcome = handle_neighbour(
        bytes_of(frame), plan_.mac, plan_.cookies.sources(), plan_.neighbours, answer, plan_.vlan);
    if (outcome != NeighbourOutcome::AnswerWritten) return false;
    // A solicitation may be shorter than its answer.
    const auto size = static_cast<std::uint16_t>(kNeighbourFrameSize + plan_.vlan.tag_size());
    const auto had = rte_pktmbuf_data_len(frame);
    const bool fits =
        had >= size ? rte_pktmbuf_trim(frame, static_cast<std::uint16_t>(had - size)) == 0
                    : rte_pktmbuf_append(frame, static_cast<std::uint16_t>(size - had)) != nullptr;
    if (!fits) return false;
    std::copy_n(answer.begin(), size, rte_pktmbuf_mtod(frame, std::byte*));
  }
  return rte_ring_sp_enqueue(seat_.answers, frame) == 0;
}

// True when the frame is the kernel's, whether or not there was room for it.
template <typename Address>
bool BasicRxLoop<Address>::pass_to_kernel(std::span<const std::byte> frame) noexcept {
  if (!plan_.kernel->is_kernels(frame)) return false;
  counters_.add(plan_.kernel->pass_up(frame) ? Counter::RxKernel : Counter::RxKernelFull);
  return true;
}

template <typename Address>
void BasicRxLoop<Address>::validate(Ticks now, unsigned claims) noexcept {
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
  unsigned syn_acks = 0;
  for (unsigned i = 0; i < claims; ++i) {
    if (several && claims_[i].source != sources_[i]) continue;
    if (!is_genuine(claims_[i], cookies_[i])) continue;
    if (heads_ && valid != i) (*heads_)[valid] = (*heads_)[i];
    if (syn_acks_ && claims_[i].reason == Reason::SynAck) {
      if (syn_acks != i) (*syn_acks_)[syn_acks] = (*syn_acks_)[i];
      ++syn_acks;
    }
    if (valid != i) claims_[valid] = claims_[i];
    replies_[valid] = to_reply(claims_[valid], now, now_us, time_mask);
    ++valid;
  }
  counters_.add(Counter::RxValid, valid);
  counters_.add(Counter::RxForged, claims - valid);
  if (reset_choice_) ask_for_resets(now, {claims_.data(), valid});
  if (valid > 0) {
    // First: whoever takes a reply finds its frame waiting.
    if (heads_) seat_.capture->put({heads_->data(), valid});
    if (syn_acks > 0) seat_.syn_acks->put({syn_acks_->data(), syn_acks});
    rte_ring_sp_enqueue_bulk_elem(seat_.replies, replies_.data(), sizeof(Reply), valid, nullptr);
  }
}

// Senders take turns, so that each has its part of the rate to spend on it.
template <typename Address>
void BasicRxLoop<Address>::ask_for_resets(
    Ticks now, std::span<const BasicReplyClaim<Address>> genuine) noexcept {
  unsigned count = 0;
  for (const auto& claim : genuine) {
    if (claim.reason != Reason::SynAck) continue;
    if (reset_choice_->allow(claim.sequence, claim.peer_sequence, now)) {
      targets_[count++] = claim.target;
    } else {
      counters_.add(Counter::ResetsWithheld);
    }
  }
  if (count == 0) return;
  const unsigned put = rte_ring_sp_enqueue_burst_elem(seat_.resets[reset_turn_], targets_.data(),
                                                      sizeof(BasicTarget<Address>), count, nullptr);
  if (++reset_turn_ == seat_.resets.size()) reset_turn_ = 0;
  counters_.add(Counter::ResetsDropped, count - put);
}

template class BasicRxLoop<Ipv4Address>;
template class BasicRxLoop<Ipv6Address>;

}  // namespace trawl::dataplane::internal
