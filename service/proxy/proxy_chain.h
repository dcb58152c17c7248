#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "service/proxy/hop_handshake.h"

namespace trawl::service {

// One connection through a chain of proxies: each is asked for the next, the last for the goal.
// Bytes in, bytes out, and in the end one answer.
class ProxyChain {
 public:
  // Without a goal the last hop is asked for a sign of life. Needs hops that outlive it.
  ProxyChain(std::span<const ProxyHop> hops, std::optional<ProxyGoal> goal);

  // What is to be sent now; it is not told of again.
  [[nodiscard]] std::string take_output();
  void take_input(std::string_view bytes);
  // The first hop's connection ended.
  void take_end();
  // There was none.
  void fail(std::string_view why);

  // Of the last hop, or the trouble with any of them, which is named in it.
  [[nodiscard]] const std::optional<HopAnswer>& answer() const noexcept { return answer_; }
  // Everything that is not said yet is up to the last hop and the goal.
  [[nodiscard]] bool waits_for_goal() const noexcept {
    return !answer_ && hop_ + 1 == hops_.size() && handshake_.waits_for_goal();
  }
  // "proxy 2 (socks5://192.0.2.1:1080) does not answer": of whom it waits for.
  [[nodiscard]] std::string silence() const;

 private:
  [[nodiscard]] std::optional<ProxyGoal> goal_of(std::size_t hop) const;
  void take_answer(HopAnswer answer);

  std::span<const ProxyHop> hops_;
  std::optional<ProxyGoal> goal_;
  std::size_t hop_ = 0;
  HopHandshake handshake_;
  std::string out_;
  std::optional<HopAnswer> answer_;
};

// "proxy 2 (socks5://192.0.2.1:1080)": as errors name one; they are counted from 1.
[[nodiscard]] std::string hop_name(std::span<const ProxyHop> hops, std::size_t hop);

}  // namespace trawl::service
