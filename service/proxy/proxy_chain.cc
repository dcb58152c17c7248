#include "service/proxy/proxy_chain.h"

#include <fmt/format.h>

#include <utility>

namespace trawl::service {

std::string hop_name(std::span<const ProxyHop> hops, std::size_t hop) {
  return fmt::format("proxy {} ({})", hop + 1, hops[hop].text());
}

ProxyChain::ProxyChain(std::span<const ProxyHop> hops, std::optional<ProxyGoal> goal)
    : hops_{hops}, goal_{goal}, handshake_{hops[0], goal_of(0)} {
  handshake_.begin(out_);
}

std::optional<ProxyGoal> ProxyChain::goal_of(std::size_t hop) const {
  if (hop + 1 == hops_.size()) return goal_;
  return ProxyGoal{hops_[hop + 1].ip, hops_[hop + 1].port};
}

std::string ProxyChain::take_output() { return std::exchange(out_, {}); }

void ProxyChain::take_input(std::string_view bytes) {
  while (!bytes.empty() && !answer_) {
    if (auto answer = handshake_.take(bytes, out_)) take_answer(std::move(*answer));
  }
}

void ProxyChain::take_end() {
  if (!answer_) take_answer(handshake_.take_end());
}

void ProxyChain::fail(std::string_view why) {
  if (answer_) return;
  take_answer({.verdict = {},
               .trouble = fmt::format("cannot be connected to: {}", why),
               .said = {},
               .is_final = false});
}

void ProxyChain::take_answer(HopAnswer answer) {
  if (!answer.verdict) {
    answer.trouble = fmt::format("{} {}", hop_name(hops_, hop_), answer.trouble);
    answer_ = std::move(answer);
  } else if (hop_ + 1 == hops_.size()) {
    answer_ = std::move(answer);
  } else if (answer.verdict->state == HopVerdict::State::Open) {
    ++hop_;
    handshake_ = HopHandshake{hops_[hop_], goal_of(hop_)};
    handshake_.begin(out_);
  } else {
    answer_ = HopAnswer{
        .verdict = {},
        .trouble = fmt::format("{} cannot be reached from {} ({})", hop_name(hops_, hop_ + 1),
                               hop_name(hops_, hop_), answer.said),
        .said = answer.said,
        .is_final = false};
  }
}

std::string ProxyChain::silence() const {
  if (hop_ + 1 < hops_.size() && handshake_.waits_for_goal()) {
    return fmt::format("{} does not answer, or cannot be reached from {}",
                       hop_name(hops_, hop_ + 1), hop_name(hops_, hop_));
  }
  return fmt::format("{} does not answer", hop_name(hops_, hop_));
}

}  // namespace trawl::service
