#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "control/audit/engine/ip_id.h"
#include "control/audit/engine/rtt_estimator.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// A packet of an idle scan.
struct IdleAction {
  enum class Kind : std::uint8_t {
    Ask,    // A SYN/ACK to the zombie from our own address: its reset shows its counter.
    Syn,    // To a port of the target, from the zombie's address.
    Answer  // A SYN/ACK to the zombie from the target's address, as if the target had answered.
  };
  Kind kind = Kind::Ask;
  std::uint32_t number = 0;  // Of the question, or of the port.
  std::uint8_t copy = 0;     // Which of the zombie's ports it is about; 0 is the one that is asked.
};

// What the zombie sent besides its answers to us while it was looked at.
struct IdleCount {
  bool is_sure = false;  // False when packets were lost, so that it may be less.
  unsigned sent = 0;
  std::optional<unsigned> early;  // By half of the wait, where that was asked.
  Moment took{0};
};

// Counts what a zombie sends: asks for its counter, has packets sent, waits, and asks again. An
// answer that closes one count opens the next. It has neither a clock nor a socket.
class IdleMeter {
 public:
  IdleMeter(IpIdClass numbers, const RttEstimator& zombie) noexcept
      : numbers_{numbers}, rtt_{zombie} {}

  // Begins a count around `packets`. With `has_middle` the zombie is asked half way too. Needs the
  // last count to be over.
  void begin(std::vector<IdleAction> packets, Moment wait, bool has_middle, Moment now);
  [[nodiscard]] std::optional<IdleAction> next(Moment now);
  void answered(std::uint32_t question, std::uint16_t id, Moment now);
  // The count that is over, once.
  [[nodiscard]] std::optional<IdleCount> take() noexcept;

  [[nodiscard]] Moment wake() const noexcept { return wake_; }
  [[nodiscard]] bool is_counting() const noexcept { return phase_ != Phase::None; }
  [[nodiscard]] bool is_silent() const noexcept { return silences_ >= kMostSilences; }
  [[nodiscard]] const RttEstimator& rtt() const noexcept { return rtt_; }
  [[nodiscard]] std::uint64_t asked() const noexcept { return asked_; }
  [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }

 private:
  enum class Phase : std::uint8_t { None, Before, Sending, Waiting, After };
  static constexpr unsigned kMostSilences = 10;

  [[nodiscard]] IdleAction ask(Moment now);
  [[nodiscard]] std::optional<IdleAction> ask_again(Moment now);
  void open(std::uint16_t id, Moment now);
  void close(std::uint16_t id, Moment now);

  IpIdClass numbers_;
  RttEstimator rtt_;
  Phase phase_ = Phase::None;
  std::vector<IdleAction> packets_;
  std::size_t sent_ = 0;
  Moment wait_{0};
  bool has_middle_ = false;
  Moment wake_{0};
  Moment middle_{0}, until_{0};
  std::map<std::uint32_t, Moment> waiting_;  // Questions without an answer since the first number.
  std::uint32_t last_question_ = 0;
  unsigned known_ = 0;  // Answers to us since the first number.
  std::optional<std::uint16_t> first_;
  Moment first_at_{0};
  std::optional<unsigned> early_;
  std::optional<IdleCount> done_;
  unsigned silences_ = 0;
  std::uint64_t asked_ = 0, answers_ = 0;
};

}  // namespace trawl::control
