#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <string_view>

namespace trawl::nse {

// A pattern of Lua (Reference Manual 5.4, section 6.4.1) against one subject.
//
// Lua's own matcher may take steps without number in one call, where no hook sees it: each step of
// this one counts as an instruction (charge()). It matches what Lua's matches, with its errors.
class PatternMatcher {
 public:
  // Both must be followed by a zero byte and outlive this, as strings of Lua are and do.
  PatternMatcher(lua_State* lua, std::string_view subject, std::string_view pattern)
      : lua_{lua},
        begin_{subject.data()},
        end_{subject.data() + subject.size()},
        pattern_{pattern.data()},
        pattern_end_{pattern.data() + pattern.size()} {}
  ~PatternMatcher() = default;
  PatternMatcher(const PatternMatcher&) = delete;
  PatternMatcher& operator=(const PatternMatcher&) = delete;

  // The end of the match that begins at `from`, or nullptr.
  [[nodiscard]] const char* match_at(const char* from);
  // What is captured as number `index`, or the whole match as number 0 where there is none.
  void push_capture(int index, const char* from, const char* to);
  // All captures, or the whole match where there is none and `from` is not null.
  int push_captures(const char* from, const char* to);
  // Charges for what is not charged yet. To be called once at the end.
  void settle();

 private:
  struct Capture {
    const char* begin;
    std::ptrdiff_t size;  // Or one of these.
  };
  static constexpr std::ptrdiff_t kUnfinished = -1, kPosition = -2;
  static constexpr std::size_t kMostCaptures = 32;
  static constexpr int kMostDepth = 200;

  const char* match(const char* s, const char* p);
  const char* match_here(const char* s, const char* p);
  const char* match_single(const char*& s, const char*& p, bool& goes_on);
  const char* expand_most(const char* s, const char* p, const char* after);
  const char* expand_least(const char* s, const char* p, const char* after);
  const char* open_capture(const char* s, const char* p, std::ptrdiff_t kind);
  const char* close_capture(const char* s, const char* p);
  const char* match_balance(const char* s, const char* p);
  const char* match_again(const char* s, unsigned char digit);
  const char* match_frontier(const char* s, const char* p, const char* after) const;
  [[nodiscard]] bool is_single(const char* s, const char* p, const char* after);
  [[nodiscard]] const char* class_end(const char* p);
  int checked_capture(int digit);
  void step(std::uint64_t count = 1);

  lua_State* lua_;
  const char* begin_;
  const char* end_;
  const char* pattern_;
  const char* pattern_end_;
  int depth_ = kMostDepth;
  int captures_ = 0;
  std::array<Capture, kMostCaptures> capture_;  // The first `captures_` of them.
  std::uint64_t steps_ = 0;
};

// Replaces string.find, match, gmatch and gsub by functions that do the same, and count.
void replace_string_functions(lua_State* lua);

}  // namespace trawl::nse
