#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/probes/probe_file.h"

namespace trawl::service {

// What a response says, by the first line in file order that matches it.
struct LineMatch {
  std::size_t probe = 0;  // Whose line it is: the probe asked, one it falls back to, or NULL.
  std::size_t index = 0;  // In that probe's `matches`.
  bool is_soft = false;
  bool is_tls = false;
  std::string service;
  std::array<std::string, MatchLine::kFields> fields;
  std::vector<std::string> cpes;
};

// Where the lines of a response are looked for: the probe's own, those it falls back to, NULL's.
struct MatchRequest {
  std::size_t probe = 0;
  std::string_view response;
};

// Finds lines by Vectorscan, confirms them by PCRE2. The answer is that of trying all lines of the
// probe, then those of its fallbacks, then NULL's (TCP only), each in file order.
//
// Thread: any number may call match() at once.
class MatchEngine {
 public:
  struct Options {
    std::string cache_folder;                 // Of compiled databases; "" for none.
    std::chrono::milliseconds deadline{250};  // A response.
    bool uses_prefilter = true;               // False: all lines in order by PCRE2 alone.
  };
  // Fails with Runtime. Lines whose pattern is wrong are left out and told of by problems().
  [[nodiscard]] static Result<std::unique_ptr<MatchEngine>> open(
      std::shared_ptr<const ProbeFile> file, Options options);
  ~MatchEngine();
  MatchEngine(const MatchEngine&) = delete;
  MatchEngine& operator=(const MatchEngine&) = delete;

  [[nodiscard]] std::optional<LineMatch> match(const MatchRequest& request) const;

  struct Statistics {
    std::uint64_t responses = 0;
    std::uint64_t candidates = 0;  // Lines that PCRE2 tried.
    std::uint64_t given_up = 0;    // Lines whose pattern hit a limit or the deadline...
    std::uint64_t deadlines = 0;   // ...and responses that took too long.
    bool from_cache = false;
  };
  [[nodiscard]] Statistics statistics() const noexcept;
  [[nodiscard]] const std::vector<ProbeFileProblem>& problems() const noexcept;
  // Those so far, each line once, in the order in which they were, for people.
  [[nodiscard]] std::vector<ProbeFileProblem> given_up() const;

 private:
  struct Impl;
  explicit MatchEngine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::service
