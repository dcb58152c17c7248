#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/audit/report/os_report.h"
#include "osfp/active/analysis.h"
#include "osfp/classifier/os_model6.h"
#include "osfp/database/os_matches.h"
#include "osfp/database/os_scorer.h"

namespace trawl::control {

// What a round says of its host, and which entries of the database it fits.
struct OsVerdict {
  std::uint64_t id = 0;
  osfp::Analysis analysis;
  std::string fingerprint6;  // Of an IPv6 host: its lines, without SCAN...
  std::size_t answers6 = 0;  // ...and how many of them answer probes. The analysis has hops only.
  OsState state = OsState::None;
  osfp::OsScore best;  // Of the best match, whether reports name it or not.
  std::vector<OsMatchReport> matches;
  osfp::OsSummary summary;
};

// Needs scores of the database's entries.
[[nodiscard]] OsVerdict judge_round(const osfp::Round& round, const osfp::OsScorer& scorer,
                                    osfp::OsDetail detail);

// The same of an IPv6 host: a match, or none.
[[nodiscard]] OsVerdict judge_round(const osfp::Round6& round, const osfp::OsModel6& model);

// Reads the database; what is wrong in it goes to `warn`.
using OpenOsScorer = std::function<Result<std::shared_ptr<const osfp::OsScorer>>(
    const std::function<void(std::string_view)>& warn)>;

// Judges rounds beside the engine. The database is read there too, while ports are scanned.
//
// Thread: one user.
class OsJudge {
 public:
  virtual ~OsJudge() = default;
  virtual void judge(std::uint64_t id, osfp::Round round) = 0;
  // What came since the last call.
  struct News {
    std::vector<OsVerdict> verdicts;
    std::vector<std::string> warnings;
    std::string failure;  // Why no round is ever judged: the database cannot be used. "" for none.
  };
  [[nodiscard]] virtual News take() = 0;
  // Readable while there is news; -1 for never.
  [[nodiscard]] virtual int fd() const noexcept = 0;
};

class OsJudgeThread final : public OsJudge {
 public:
  // Fails with Runtime when the kernel gives no descriptor.
  [[nodiscard]] static Result<std::unique_ptr<OsJudge>> open(OpenOsScorer scorer,
                                                             osfp::OsDetail detail);
  ~OsJudgeThread() override;
  OsJudgeThread(const OsJudgeThread&) = delete;
  OsJudgeThread& operator=(const OsJudgeThread&) = delete;

  void judge(std::uint64_t id, osfp::Round round) override;
  [[nodiscard]] News take() override;
  [[nodiscard]] int fd() const noexcept override { return event_; }

 private:
  OsJudgeThread(OpenOsScorer scorer, osfp::OsDetail detail, int event);
  void work();
  void tell(const std::function<void()>& add);

  OpenOsScorer scorer_;
  osfp::OsDetail detail_;
  int event_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<std::pair<std::uint64_t, osfp::Round>> rounds_;
  News news_;
  bool has_told_ = false;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace trawl::control
