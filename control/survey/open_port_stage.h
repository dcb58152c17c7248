#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/banners/banner_intake.h"
#include "control/banners/banner_recogniser.h"
#include "control/banners/port_census.h"
#include "control/pipeline/open_port.h"
#include "control/steward/address_list.h"
#include "control/survey/checkpoint/checkpoint_keeper.h"
#include "control/survey/checkpoint/service_backlog.h"
#include "control/survey/status.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// What a survey that looks behind open ports knows of them: what each is, what the polling cores
// heard from it, and which networks answer everything. Version detection tells its part through
// census().
//
// Thread: the control thread.
class OpenPortStage {
 public:
  using Clock = std::chrono::steady_clock;

  struct Parts {
    const SweepPlanner& planner;
    dataplane::Scanner& scanner;
    ResultSink& sink;
    ByteCount memory;  // For classes.
    // Absent where only version detection asks. The scanner was given its plan.
    std::shared_ptr<const BannerRecogniser> recogniser;
    CheckpointKeeper* keeper = nullptr;  // Notes whose banners are written.
    // Of networks that are known to answer everything, all of them, when there are more.
    std::function<void(const AddressList&)> skip{};
    // Whom nothing is sent to any more; may be absent.
    std::function<bool(const IpAddress&)> is_blocked{};
  };
  explicit OpenPortStage(Parts parts);

  // A target was found open, once for each. False where nobody is to be asked what it is.
  [[nodiscard]] bool found(std::uint64_t index, const IpAddress& ip, std::uint16_t port);
  // A reply that is about no target of the survey: whether it answers a probe of this stage.
  bool outside(const dataplane::Reply& reply) {
    return census_.watch().answered(reply.ip, reply.port, reply.state);
  }
  // Ports that a process before this one found open and has no banner of: they are probed once
  // more, for a conversation, and again while nothing comes of that. A SYN may be lost, and a peer
  // that still has the connection of that process gives it up first.
  void resume(std::shared_ptr<ServiceBacklog> backlog);

  // Moves everything on; true when there was something to do. Fails with Output.
  [[nodiscard]] Result<bool> turn(Clock::time_point now);
  // Whether all that was found open has been heard, or had its time to speak.
  [[nodiscard]] bool is_done(Clock::time_point now);
  // Once the polling cores have stopped: the rest. Fails with Output.
  [[nodiscard]] Result<void> finish();

  // Networks and hosts that answer everything, as far as they were told.
  [[nodiscard]] const AddressList& skipped() const noexcept { return skipped_; }
  [[nodiscard]] PortCensus& census() noexcept { return census_; }
  [[nodiscard]] OpenPortProgress progress() const;

 private:
  [[nodiscard]] Result<bool> ask_backlog();
  [[nodiscard]] bool ask_backlog_again(Clock::time_point now);
  [[nodiscard]] Result<void> tell_networks(Clock::time_point now, bool is_end);

  Parts parts_;
  PortCensus census_;
  std::unique_ptr<BannerIntake> banners_;    // Absent where only version detection asks.
  std::shared_ptr<ServiceBacklog> backlog_;  // Absent where nothing was resumed.
  unsigned backlog_turns_ = 0;               // Times it was gone through.
  bool is_asking_backlog_ = false;
  Clock::time_point backlog_asked_{};        // When that ended last.
  std::optional<OpenPort> next_of_backlog_;  // Found no room.
  AddressList skipped_;
  Clock::time_point last_news_{};  // When a port was found open, or asked again.
  Clock::time_point next_look_{};  // At suspects.
  std::uint64_t networks_ = 0;     // Told.
  std::uint64_t hosts_ = 0;
  bool is_settled_ = false;  // is_done() was true.
};

}  // namespace trawl::control
