#pragma once

#include "control/audit/engine/timing.h"

namespace trawl::control {

// What one port made a zombie send, beside what it sent in between: a comparison that holds at any
// rate of other traffic.
class IdleContrast {
 public:
  void add(unsigned sent, bool had_probe, Moment took) noexcept;
  // The probability of so many with probes if other traffic were all of it.
  [[nodiscard]] double chance() const noexcept;

 private:
  unsigned sent_[2] = {};
  double seconds_[2] = {};
};

// What counts of a zombie's packets are worth: how much other traffic it has, how many of our
// packets come through, and how much likelier a count is if ports are open than if none is.
//
// Other traffic is taken for a Poisson process whose rate is known as well as counts without any
// packet of ours tell it, with a few bursts of any size besides; packets are lost one by one.
class IdleEvidence {
 public:
  // What the zombie sent while nothing was asked of it.
  void add_control(unsigned sent, Moment took) noexcept;
  // What an open port made it send, of so many.
  void add_open(unsigned sent, unsigned copies) noexcept;
  // Of our questions, how many were answered: those packets take as many hops.
  void set_answers(double answered, double asked) noexcept;

  // The share of SYNs to an open port that the zombie's counter shows.
  [[nodiscard]] double shown() const noexcept;
  // Other packets in such a time.
  [[nodiscard]] double others_in(Moment time) const noexcept;
  // The largest of the last controls.
  [[nodiscard]] unsigned worst() const noexcept;

  // ln of the likelihood of a count with the likeliest number of open ports among `ports`, one at
  // least, over that with none; `copies` SYNs went to each. Within kMostWeight.
  [[nodiscard]] double weight(unsigned sent, unsigned ports, unsigned copies,
                              Moment took) const noexcept;
  // That likeliest number.
  [[nodiscard]] unsigned likely_open(unsigned sent, unsigned ports, unsigned copies,
                                     Moment took) const noexcept;

  static constexpr double kMostWeight = 12;

 private:
  struct Best {
    unsigned open = 1;
    double log_likelihood = 0;
  };
  [[nodiscard]] Best best(unsigned sent, unsigned ports, unsigned copies,
                          Moment took) const noexcept;
  [[nodiscard]] double log_likelihood(unsigned sent, unsigned shots, Moment took) const noexcept;

  double control_packets_ = 0;
  double control_seconds_ = 0;
  double worst_ = 0;  // Fades.
  double open_sent_ = 0;
  double open_copies_ = 0;
  double answered_ = 0;
  double asked_ = 0;
};

}  // namespace trawl::control
