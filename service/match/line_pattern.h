#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/match/pattern_prefix.h"
#include "service/probes/probe_file.h"

struct pcre2_real_code_8;
struct pcre2_real_jit_stack_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;
struct hs_scratch;

namespace trawl::service {

// When a response has to be given up. Reads a clock of some milliseconds' steps, which is cheap.
class MatchDeadline {
 public:
  // Zero for no end.
  explicit MatchDeadline(std::chrono::milliseconds longest) noexcept;
  [[nodiscard]] bool is_over() const noexcept;

 private:
  std::int64_t end_ = 0;  // Nanoseconds of CLOCK_MONOTONIC_COARSE, 0 for none.
};

// What PCRE2 and Vectorscan write to while they match.
//
// Thread: one at a time.
class MatchMemory {
 public:
  static constexpr std::uint32_t kMostGroups = 64;  // The whole match is one; more are not told.

  // `prototype` is a scratch that suits all databases there are; null for none.
  explicit MatchMemory(const hs_scratch* prototype);
  ~MatchMemory();
  MatchMemory(const MatchMemory&) = delete;
  MatchMemory& operator=(const MatchMemory&) = delete;

  // Of the last match, valid as long as its response.
  [[nodiscard]] std::span<const std::string_view> captures() const noexcept { return captures_; }
  [[nodiscard]] hs_scratch* scratch() const noexcept { return scratch_; }

  std::vector<std::uint32_t> lines;  // For whoever uses this.

 private:
  friend class LinePattern;
  void keep_captures(std::string_view response, std::uint32_t groups);

  hs_scratch* scratch_ = nullptr;
  pcre2_real_match_data_8* data_ = nullptr;
  pcre2_real_match_context_8* context_ = nullptr;
  pcre2_real_jit_stack_8* stack_ = nullptr;
  std::vector<std::string_view> captures_;
};

// The pattern of a line, which is compiled when it is first used: most never are.
//
// Thread: any number may call match() at once, each with a memory of its own.
class LinePattern {
 public:
  enum class Outcome : std::uint8_t { No, Yes, Limit, Deadline };
  struct Answer {
    Outcome outcome = Outcome::No;
    int error = 0;  // Of PCRE2, with Limit.
  };

  LinePattern() noexcept = default;
  ~LinePattern();
  LinePattern(const LinePattern&) = delete;
  LinePattern& operator=(const LinePattern&) = delete;

  // Needs the same line in all calls.
  [[nodiscard]] Answer match(const MatchLine& line, std::string_view response, MatchMemory& memory,
                             const MatchDeadline& deadline) const;

  // What is wrong with a line's pattern, for people; nullopt for nothing.
  [[nodiscard]] static std::optional<std::string> trouble(const MatchLine& line);
  // What PCRE2 knows of a pattern that read_pattern() does not understand.
  [[nodiscard]] static PatternPrefix prefix(const MatchLine& line);
  [[nodiscard]] static std::string describe(int error);  // Of PCRE2.
  [[nodiscard]] static std::string library();            // Which PCRE2 it is.

 private:
  struct Compiled;
  [[nodiscard]] const Compiled& compiled(const MatchLine& line) const;

  mutable std::atomic<const Compiled*> compiled_{nullptr};
};

}  // namespace trawl::service
