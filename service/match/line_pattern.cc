#define PCRE2_CODE_UNIT_WIDTH 8
#include "service/match/line_pattern.h"

#include <hs/hs.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <new>

namespace trawl::service {
namespace {

// PCRE2's own default. A step takes a few nanoseconds, so a line is given up after some 50 ms.
constexpr std::uint32_t kMostSteps = 10'000'000;
constexpr std::uint32_t kDeepest = 100'000;
constexpr std::uint32_t kMostHeapKiB = 16'384;
constexpr std::size_t kSmallStack = 32'768;
constexpr std::size_t kLargestStack = 1'048'576;
// A pattern that may begin anywhere is tried from so many bytes of the response before the clock is
// looked at: each try may take all steps.
constexpr std::size_t kStartsBetweenLooks = 64;

std::int64_t coarse_now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::uint32_t options_of(const MatchLine& line) noexcept {
  // Responses are bytes, whatever a pattern would like them to be.
  std::uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
  if (line.ignores_case) options |= PCRE2_CASELESS;
  if (line.dot_takes_newline) options |= PCRE2_DOTALL;
  return options;
}

pcre2_code* compile(const MatchLine& line, std::uint32_t more, int& error, std::size_t& at) {
  return pcre2_compile(reinterpret_cast<PCRE2_SPTR>(line.pattern.data()), line.pattern.size(),
                       options_of(line) | more, &error, &at, nullptr);
}

struct CodeDeleter {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
using CodeHandle = std::unique_ptr<pcre2_code, CodeDeleter>;

bool is_limit(int error) noexcept {
  return error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_DEPTHLIMIT ||
         error == PCRE2_ERROR_HEAPLIMIT || error == PCRE2_ERROR_JIT_STACKLIMIT;
}

}  // namespace

MatchDeadline::MatchDeadline(std::chrono::milliseconds longest) noexcept {
  if (longest.count() > 0) end_ = coarse_now() + std::chrono::nanoseconds{longest}.count();
}

bool MatchDeadline::is_over() const noexcept { return end_ != 0 && coarse_now() >= end_; }

MatchMemory::MatchMemory(const hs_scratch* prototype) {
  data_ = pcre2_match_data_create(kMostGroups, nullptr);
  context_ = pcre2_match_context_create(nullptr);
  stack_ = pcre2_jit_stack_create(kSmallStack, kLargestStack, nullptr);
  const bool has_scratch =
      prototype == nullptr || hs_clone_scratch(prototype, &scratch_) == HS_SUCCESS;
  if (data_ == nullptr || context_ == nullptr || !has_scratch) throw std::bad_alloc{};
  pcre2_set_match_limit(context_, kMostSteps);
  pcre2_set_depth_limit(context_, kDeepest);
  pcre2_set_heap_limit(context_, kMostHeapKiB);
  // Without one, code of the JIT takes 32 KiB of the thread's stack.
  if (stack_ != nullptr) pcre2_jit_stack_assign(context_, nullptr, stack_);
}

MatchMemory::~MatchMemory() {
  hs_free_scratch(scratch_);
  pcre2_jit_stack_free(stack_);
  pcre2_match_context_free(context_);
  pcre2_match_data_free(data_);
}

void MatchMemory::keep_captures(std::string_view response, std::uint32_t groups) {
  captures_.assign(groups, {});
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_);
  for (std::size_t i = 0; i < groups; ++i) {
    const PCRE2_SIZE begin = offsets[2 * i];
    const PCRE2_SIZE end = offsets[2 * i + 1];
    // "\K" in a look-ahead may set the begin behind the end.
    if (begin == PCRE2_UNSET || begin > end || end > response.size()) continue;
    captures_[i] = response.substr(begin, end - begin);
  }
}

struct LinePattern::Compiled {
  explicit Compiled(const MatchLine& line);
  ~Compiled() { pcre2_code_free(code); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  [[nodiscard]] int match(std::string_view response, std::size_t start, pcre2_match_data* data,
                          pcre2_match_context* context) const {
    const auto* bytes = reinterpret_cast<PCRE2_SPTR>(response.data());
    return has_jit ? pcre2_jit_match(code, bytes, response.size(), start, 0, data, context)
                   : pcre2_match(code, bytes, response.size(), start, 0, data, context);
  }

  pcre2_code* code = nullptr;  // None when the pattern is wrong.
  bool has_jit = false;
  bool is_one_go = false;  // Begins at the begin of a response only, or asks where it was begun.
};

LinePattern::Compiled::Compiled(const MatchLine& line) {
  int error = 0;
  std::size_t at = 0;
  code = compile(line, 0, error, at);
  if (code == nullptr) return;
  std::uint32_t options = 0;
  pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
  is_one_go = (options & PCRE2_ANCHORED) != 0 || line.pattern.find("\\G") != std::string::npos;
  if (!is_one_go) {
    pcre2_code_free(code);
    code = compile(line, PCRE2_USE_OFFSET_LIMIT, error, at);
    if (code == nullptr) return;
  }
  // Where the system allows no code made at run time, PCRE2 interprets.
  has_jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
}

LinePattern::~LinePattern() { delete compiled_.load(std::memory_order_acquire); }

const LinePattern::Compiled& LinePattern::compiled(const MatchLine& line) const {
  const Compiled* there = compiled_.load(std::memory_order_acquire);
  if (there != nullptr) return *there;
  auto made = std::make_unique<const Compiled>(line);
  // Whoever comes second throws away what it made.
  if (!compiled_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
    return *there;
  }
  return *made.release();
}

LinePattern::Answer LinePattern::match(const MatchLine& line, std::string_view response,
                                       MatchMemory& memory, const MatchDeadline& deadline) const {
  const Compiled& pattern = compiled(line);
  if (pattern.code == nullptr) return {};
  // A null pointer is an error to PCRE2.
  if (response.data() == nullptr) response = std::string_view{""};
  int groups = 0;
  for (std::size_t start = 0;; start += kStartsBetweenLooks) {
    const bool is_last = pattern.is_one_go || response.size() - start < kStartsBetweenLooks;
    pcre2_set_offset_limit(memory.context_,
                           is_last ? PCRE2_UNSET : start + kStartsBetweenLooks - 1);
    groups = pattern.match(response, start, memory.data_, memory.context_);
    if (groups != PCRE2_ERROR_NOMATCH || is_last) break;
    if (deadline.is_over()) return {.outcome = Outcome::Deadline};
  }
  if (is_limit(groups)) return {.outcome = Outcome::Limit, .error = groups};
  if (groups < 0) return {};
  // None: there are more than there is room for.
  const std::uint32_t kept =
      groups == 0 ? MatchMemory::kMostGroups : static_cast<std::uint32_t>(groups);
  memory.keep_captures(response, kept);
  return {.outcome = Outcome::Yes};
}

std::optional<std::string> LinePattern::trouble(const MatchLine& line) {
  int error = 0;
  std::size_t at = 0;
  pcre2_code* code = compile(line, 0, error, at);
  if (code == nullptr)
    return describe(error) + " at byte " + std::to_string(at) + " of the pattern";
  pcre2_code_free(code);
  return std::nullopt;
}

PatternPrefix LinePattern::prefix(const MatchLine& line) {
  PatternPrefix prefix;
  int error = 0;
  std::size_t at = 0;
  const CodeHandle code{compile(line, 0, error, at)};
  if (!code) return prefix;
  std::uint32_t options = 0;
  pcre2_pattern_info(code.get(), PCRE2_INFO_MINLENGTH, &prefix.least);
  pcre2_pattern_info(code.get(), PCRE2_INFO_ALLOPTIONS, &options);
  if ((options & PCRE2_ANCHORED) == 0 || !line.pattern.starts_with('^')) return prefix;
  // PCRE2 works out where a match may begin for patterns that are not held to the begin.
  MatchLine loose = line;
  loose.pattern.erase(0, 1);
  const CodeHandle loose_code{compile(loose, 0, error, at)};
  const std::uint8_t* bits = nullptr;
  if (!loose_code || pcre2_pattern_info(loose_code.get(), PCRE2_INFO_FIRSTBITMAP, &bits) != 0 ||
      bits == nullptr) {
    return prefix;
  }
  ByteSet firsts;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if ((bits[byte / 8] >> (byte % 8) & 1U) != 0) firsts.add(static_cast<unsigned char>(byte));
  }
  prefix.sets[0] = firsts;
  return prefix;
}

std::string LinePattern::describe(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

std::string LinePattern::library() {
  std::array<char, 64> text{};
  pcre2_config(PCRE2_CONFIG_VERSION, text.data());
  return text.data();
}

}  // namespace trawl::service
