#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "osfp/active/host_probing.h"

namespace trawl::control {

// When the SEQ probes to a host left, as the core that sent them tells: whether those of a round
// kept their spacing. One of which nothing is heard did not.
class SeqDepartures {
 public:
  static constexpr osfp::Moment kTolerance = std::chrono::milliseconds{1};

  // `number` counts from 0, with which a round begins, also where it begins again.
  void left(std::size_t number, osfp::Moment at) noexcept {
    if (number == 0) {
      first_ = at;
      count_ = 0;
      is_late_ = false;
    } else if (const auto gap = at - last_;
               gap > osfp::kSeqSpacing + kTolerance || gap < osfp::kSeqSpacing - kTolerance) {
      is_late_ = true;
    }
    if (number != count_++) is_late_ = true;
    last_ = at;
  }
  // One did not leave at all.
  void stopped() noexcept { was_stopped_ = is_late_ = true; }
  void begin_round() noexcept {
    first_.reset();
    count_ = 0;
    is_late_ = false;
  }

  [[nodiscard]] bool kept_time() const noexcept { return !is_late_ && count_ == osfp::kSeqProbes; }
  // In any round.
  [[nodiscard]] bool was_stopped() const noexcept { return was_stopped_; }
  // Over what time they left, as a share of what it should be; nullopt where none did.
  [[nodiscard]] std::optional<double> ratio() const noexcept {
    if (!first_) return std::nullopt;
    constexpr int kSpaces = static_cast<int>(osfp::kSeqProbes) - 1;
    return std::chrono::duration<double>(last_ - *first_) /
           std::chrono::duration<double>(osfp::kSeqSpacing * kSpaces);
  }

 private:
  std::optional<osfp::Moment> first_{};
  osfp::Moment last_{};
  std::size_t count_ = 0;
  bool is_late_ = false;
  bool was_stopped_ = false;
};

}  // namespace trawl::control
