#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "control/audit/engine/host_pace.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// Which of one host's probes is sent next: each until it is answered, or silent after as many fair
// attempts as the losses of the path call for. A fair attempt met no overload.
//
// Thread: one user.
class ProbeSchedule {
 public:
  static constexpr unsigned kAttemptNumbers = 16;        // That a reply can tell apart.
  static constexpr std::uint32_t kOutside = 0xffffffff;  // A ping that is no probe of these.

  struct Limits {
    unsigned most_attempts = 11;
    bool strict = false;            // Attempts in an overload count too.
    bool pings = true;              // Ask who answered again when nobody else does.
    bool has_outside_ping = false;  // There is one to begin with, numbered kOutside.
    std::uint32_t probes = 0;
  };
  struct Send {
    std::uint32_t index = 0;
    unsigned attempt = 0;
    bool is_ping = false;
  };
  struct Answer {
    bool is_first = false;  // The probe's first answer.
    bool was_in_flight = false;
    HostPace::Hit hit;
    std::optional<Moment> rtt;
  };

  explicit ProbeSchedule(const Limits& limits);

  // Nothing is left to send or to wait for.
  [[nodiscard]] bool is_done(unsigned needed);
  // nullopt when there is nothing to send now. `quiet_after`: probes without an answer before
  // somebody is asked again.
  [[nodiscard]] std::optional<Send> next(unsigned needed, unsigned quiet_after);
  // What next() said has left.
  void sent(const Send& send, Moment now, Moment deadline);
  // Attempts since then met an overload: they do not count.
  void forgive(Moment since);
  // A probe is of no use any more. True when it was on its way.
  bool drop(std::uint32_t index) noexcept;

  // `number`: the attempt as the reply tells it, modulo kAttemptNumbers; -1 when it does not.
  [[nodiscard]] std::optional<Answer> answered(std::uint32_t index, int number, Moment now);
  // How long the attempt of that number took until now; nullopt where that is not known.
  [[nodiscard]] std::optional<Moment> rtt_of(std::uint32_t index, int number,
                                             Moment now) const noexcept;
  [[nodiscard]] bool is_answered(std::uint32_t index) const noexcept {
    return slots_[index].status == Status::Done;
  }

  struct Expired {
    bool is_ping = false;
    Moment sent_at;
  };
  // The next probe whose time was over at `now`. `fair_since`: what was sent before counts as no
  // attempt.
  [[nodiscard]] std::optional<Expired> expire(Moment now, Moment fair_since, unsigned needed);
  // When the next probe on its way runs out; nullopt when none is.
  [[nodiscard]] std::optional<Moment> next_deadline();
  // Probes that have no answer so far.
  [[nodiscard]] std::uint32_t unanswered() const noexcept { return unanswered_; }
  // Probes that had no answer when the time of their first attempt was over.
  [[nodiscard]] std::uint32_t silent() const noexcept { return silent_; }
  // How much was sent, and is likely to be sent yet; pings aside. Those to come are expected to be
  // silent as those so far; `silence` is how many others are, from 0 to 1.
  struct Work {
    double sent = 0;
    double left = 0;
  };
  [[nodiscard]] Work work(unsigned needed, double silence) const noexcept;

 private:
  enum class Status : std::uint8_t { Fresh, Flying, Waiting, Benched, Done };
  struct Slot {
    Moment sent{-1};
    Moment previous{-1};
    std::uint16_t attempts = 0;
    std::uint8_t fair = 0;
    Status status = Status::Fresh;
  };
  struct Flight {
    Moment deadline;
    Moment sent;
    std::uint32_t index = 0;
    std::uint16_t attempt = 0;

    friend bool operator>(const Flight& a, const Flight& b) noexcept {
      return a.deadline > b.deadline;
    }
  };

  void forget_silence(const Slot& slot) noexcept;
  [[nodiscard]] bool is_over(const Flight& flight) const noexcept;
  [[nodiscard]] bool may_retry(const Slot& slot, unsigned needed) const noexcept;
  void call_from_bench(unsigned needed);
  void skip_done() noexcept;
  [[nodiscard]] std::optional<Answer> ping_answered(std::uint32_t index, int number, Moment now);

  Limits limits_;
  std::vector<Slot> slots_;
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  std::vector<Flight> pings_;  // On their way, the oldest first.
  std::deque<std::uint32_t> retries_;
  std::vector<std::uint32_t> bench_;
  unsigned bench_needed_ = 0;  // When the bench was last looked at.
  std::uint32_t next_fresh_ = 0;
  std::uint32_t unanswered_;
  std::uint64_t sent_ = 0;  // Pings aside.
  std::uint32_t silent_ = 0;
  std::optional<std::uint32_t> ping_;  // Who answered last.
  unsigned quiet_ = 0;                 // Probes since there was an answer, or a ping.
  unsigned turn_ = 0;
  std::uint16_t outside_attempts_ = 0;
  unsigned deaf_pings_ = 0;  // In a row without an answer: perhaps the question is a bad one.
};

}  // namespace trawl::control
