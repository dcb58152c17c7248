#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/result_sink.h"
#include "control/banners/banner_recogniser.h"
#include "control/banners/banner_workers.h"
#include "control/banners/port_census.h"
#include "dataplane/banner.h"

namespace trawl::control {

// Brings what came of the polling cores' conversations to the outputs: takes banners, has them
// recognised on other threads, and makes a fact of each.
//
// Of open ports that nobody said a word from, the polling cores tell nothing: they keep no state
// for them. What they are is known at the end, by finish().
//
// Thread: the control thread.
class BannerIntake {
 public:
  struct Parts {
    // Of the polling cores: Scanner::take_banners() and give_back().
    std::function<std::size_t(std::span<dataplane::Banner*>)> take;
    std::function<void(std::span<dataplane::Banner* const>)> give_back;
    TscClock clock;
    // The number of a target, nullopt of what is none, and the target of a number.
    std::function<std::optional<std::uint64_t>(const IpAddress&, std::uint16_t)> index_of;
    std::function<std::pair<IpAddress, std::uint16_t>(std::uint64_t)> target_at;
    ResultSink& sink;
    PortCensus& census;
    // Notes that the fact of a target is about to be written; may be absent.
    std::function<Result<void>(std::uint64_t)> note{};
    // Whom nothing more was said to; may be absent.
    std::function<bool(const IpAddress&)> is_blocked{};
  };

  BannerIntake(std::shared_ptr<const BannerRecogniser> recogniser, unsigned threads, Parts parts)
      : parts_{std::move(parts)},
        recogniser_{std::move(recogniser)},
        workers_{recogniser_, threads} {}
  BannerIntake(const BannerIntake&) = delete;
  BannerIntake& operator=(const BannerIntake&) = delete;
  // Gives all banners back.
  ~BannerIntake();

  // Moves banners on and writes the facts that came; true when there was something to do. Fails
  // with Output; banners whose facts could not be written are given back all the same, and kept by
  // the outputs.
  [[nodiscard]] Result<bool> turn();
  // Nothing is with the threads.
  [[nodiscard]] bool is_idle() const noexcept { return workers_.under_way() == 0; }
  // Once the polling cores have stopped: takes and writes all there is. With `all_asked` every open
  // port had the time to speak, and those that did not are told as what they are: somebody on the
  // way answers the SYN and lets nothing through.
  [[nodiscard]] Result<void> finish(bool all_asked);

  struct Counts {
    std::uint64_t banners = 0;     // Conversations that came to an end...
    std::uint64_t services = 0;    // ...with data...
    std::uint64_t identified = 0;  // ...that a line or its first bytes name.
    std::uint64_t tls = 0;
    std::uint64_t bytes = 0;
    std::uint64_t outside = 0;  // Of ports that are none of the survey's.
    std::uint64_t repeats = 0;  // Of ports that are told already.
  };
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] bool begin_batches();
  [[nodiscard]] Result<bool> end_batches();
  void add_fact(const dataplane::Banner& banner, const Recognition* known, Result<void>& noted);
  [[nodiscard]] ServiceFact fact_of(const dataplane::Banner& banner, const Recognition* known);
  [[nodiscard]] Result<void> write();

  Parts parts_;
  std::shared_ptr<const BannerRecogniser> recogniser_;
  BannerWorkers workers_;
  std::vector<ServiceFact> facts_;
  Counts counts_;
};

}  // namespace trawl::control
