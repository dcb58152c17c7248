#include "nse/lua/pattern.h"

#include <cctype>
#include <cstring>

#include "nse/lua/lua_thread.h"

namespace trawl::nse {
namespace {

constexpr char kEscape = '%';
constexpr std::uint64_t kStepsAtOnce = 10'000;  // Between charges.

unsigned char byte_at(const char* p) { return static_cast<unsigned char>(*p); }

// Whether `c` is of the class that a letter behind '%' names; another character names itself.
bool is_of_class(int c, int letter) {
  bool is_member = false;
  switch (std::tolower(letter)) {
    case 'a': is_member = std::isalpha(c) != 0; break;
    case 'c': is_member = std::iscntrl(c) != 0; break;
    case 'd': is_member = std::isdigit(c) != 0; break;
    case 'g': is_member = std::isgraph(c) != 0; break;
    case 'l': is_member = std::islower(c) != 0; break;
    case 'p': is_member = std::ispunct(c) != 0; break;
    case 's': is_member = std::isspace(c) != 0; break;
    case 'u': is_member = std::isupper(c) != 0; break;
    case 'w': is_member = std::isalnum(c) != 0; break;
    case 'x': is_member = std::isxdigit(c) != 0; break;
    case 'z': is_member = c == 0; break;  // Of older editions of Lua.
    default: return letter == c;
  }
  return std::isupper(letter) != 0 ? !is_member : is_member;
}

// `set` is at '[', `last` at the ']' that ends it.
bool is_in_set(int c, const char* set, const char* last) {
  bool found = true;
  if (set[1] == '^') {
    found = false;
    ++set;
  }
  while (++set < last) {
    if (*set == kEscape) {
      ++set;
      if (is_of_class(c, byte_at(set))) return found;
    } else if (set[1] == '-' && set + 2 < last) {
      set += 2;
      if (byte_at(set - 2) <= c && c <= byte_at(set)) return found;
    } else if (byte_at(set) == c) {
      return found;
    }
  }
  return !found;
}

}  // namespace

void PatternMatcher::step(std::uint64_t count) {
  steps_ += count;
  if (steps_ >= kStepsAtOnce) settle();
}

void PatternMatcher::settle() {
  const std::uint64_t steps = steps_;
  steps_ = 0;
  charge(lua_, steps);
}

const char* PatternMatcher::match_at(const char* from) {
  captures_ = 0;
  depth_ = kMostDepth;
  return match(from, pattern_);
}

const char* PatternMatcher::class_end(const char* p) {
  const char first = *p++;
  if (first == kEscape) {
    if (p == pattern_end_) luaL_error(lua_, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (*p == '^') ++p;
  do {
    if (p == pattern_end_) luaL_error(lua_, "malformed pattern (missing ']')");
    if (*p++ == kEscape && p < pattern_end_) ++p;
  } while (*p != ']');
  return p + 1;
}

bool PatternMatcher::is_single(const char* s, const char* p, const char* after) {
  step();
  if (s >= end_) return false;
  switch (*p) {
    case '.': return true;
    case kEscape: return is_of_class(byte_at(s), byte_at(p + 1));
    case '[': return is_in_set(byte_at(s), p, after - 1);
    default: return *p == *s;
  }
}

const char* PatternMatcher::match(const char* s, const char* p) {
  if (depth_-- == 0) luaL_error(lua_, "pattern too complex");
  const char* const result = match_here(s, p);
  ++depth_;
  return result;
}

const char* PatternMatcher::match_here(const char* s, const char* p) {
  while (p != pattern_end_) {
    step();
    if (*p == '(') {
      return p[1] == ')' ? open_capture(s, p + 2, kPosition) : open_capture(s, p + 1, kUnfinished);
    }
    if (*p == ')') return close_capture(s, p + 1);
    if (*p == '$' && p + 1 == pattern_end_) return s == end_ ? s : nullptr;
    if (*p == kEscape && p[1] == 'b') {
      s = match_balance(s, p + 2);
      p += 4;
    } else if (*p == kEscape && p[1] == 'f') {
      p += 2;
      if (*p != '[') luaL_error(lua_, "missing '[' after '%%f' in pattern");
      const char* const after = class_end(p);
      s = match_frontier(s, p, after);
      p = after;
    } else if (*p == kEscape && p[1] >= '0' && p[1] <= '9') {
      s = match_again(s, byte_at(p + 1));
      p += 2;
    } else {
      bool goes_on = false;
      const char* const result = match_single(s, p, goes_on);
      if (!goes_on) return result;
    }
    if (s == nullptr) return nullptr;
  }
  return s;
}

// One character or class with what repeats it. Where the match goes on, `s` and `p` are behind it.
const char* PatternMatcher::match_single(const char*& s, const char*& p, bool& goes_on) {
  const char* const after = class_end(p);
  const bool matches = is_single(s, p, after);
  const char suffix = *after;
  if (!matches) {
    goes_on = suffix == '*' || suffix == '?' || suffix == '-';
    p = after + 1;
    return nullptr;
  }
  switch (suffix) {
    case '?': {
      const char* const result = match(s + 1, after + 1);
      if (result != nullptr) return result;
      p = after + 1;
      break;
    }
    case '+': return expand_most(s + 1, p, after);
    case '*': return expand_most(s, p, after);
    case '-': return expand_least(s, p, after);
    default:
      ++s;
      p = after;
      break;
  }
  goes_on = true;
  return nullptr;
}

const char* PatternMatcher::expand_most(const char* s, const char* p, const char* after) {
  std::ptrdiff_t count = 0;
  while (is_single(s + count, p, after)) ++count;
  for (; count >= 0; --count) {
    const char* const result = match(s + count, after + 1);
    if (result != nullptr) return result;
  }
  return nullptr;
}

const char* PatternMatcher::expand_least(const char* s, const char* p, const char* after) {
  for (;; ++s) {
    const char* const result = match(s, after + 1);
    if (result != nullptr) return result;
    if (!is_single(s, p, after)) return nullptr;
  }
}

const char* PatternMatcher::open_capture(const char* s, const char* p, std::ptrdiff_t kind) {
  if (static_cast<std::size_t>(captures_) >= kMostCaptures) luaL_error(lua_, "too many captures");
  capture_[static_cast<std::size_t>(captures_)] = {s, kind};
  ++captures_;
  const char* const result = match(s, p);
  if (result == nullptr) --captures_;
  return result;
}

const char* PatternMatcher::close_capture(const char* s, const char* p) {
  int open = captures_ - 1;
  while (open >= 0 && capture_[static_cast<std::size_t>(open)].size != kUnfinished) --open;
  if (open < 0) luaL_error(lua_, "invalid pattern capture");
  Capture& capture = capture_[static_cast<std::size_t>(open)];
  capture.size = s - capture.begin;
  const char* const result = match(s, p);
  if (result == nullptr) capture.size = kUnfinished;
  return result;
}

const char* PatternMatcher::match_balance(const char* s, const char* p) {
  if (p >= pattern_end_ - 1) luaL_error(lua_, "malformed pattern (missing arguments to '%%b')");
  if (*s != *p) return nullptr;
  int depth = 1;
  while (++s < end_) {
    step();
    if (*s == p[1]) {
      if (--depth == 0) return s + 1;
    } else if (*s == *p) {
      ++depth;
    }
  }
  return nullptr;
}

const char* PatternMatcher::match_frontier(const char* s, const char* p, const char* after) const {
  const int before = s == begin_ ? 0 : byte_at(s - 1);
  return !is_in_set(before, p, after - 1) && is_in_set(byte_at(s), p, after - 1) ? s : nullptr;
}

int PatternMatcher::checked_capture(int digit) {
  const int index = digit - '1';
  if (index < 0 || index >= captures_ ||
      capture_[static_cast<std::size_t>(index)].size == kUnfinished) {
    luaL_error(lua_, "invalid capture index %%%d", index + 1);
  }
  return index;
}

const char* PatternMatcher::match_again(const char* s, unsigned char digit) {
  const Capture& capture = capture_[static_cast<std::size_t>(checked_capture(digit))];
  if (capture.size < 0 || end_ - s < capture.size) return nullptr;
  step(static_cast<std::uint64_t>(capture.size));
  const auto size = static_cast<std::size_t>(capture.size);
  return std::memcmp(capture.begin, s, size) == 0 ? s + capture.size : nullptr;
}

void PatternMatcher::push_capture(int index, const char* from, const char* to) {
  if (index >= captures_) {
    if (index != 0) luaL_error(lua_, "invalid capture index %%%d", index + 1);
    lua_pushlstring(lua_, from, static_cast<std::size_t>(to - from));
    return;
  }
  const Capture& capture = capture_[static_cast<std::size_t>(index)];
  if (capture.size == kUnfinished) luaL_error(lua_, "unfinished capture");
  if (capture.size == kPosition) {
    lua_pushinteger(lua_, capture.begin - begin_ + 1);
  } else {
    lua_pushlstring(lua_, capture.begin, static_cast<std::size_t>(capture.size));
  }
}

int PatternMatcher::push_captures(const char* from, const char* to) {
  const int count = captures_ == 0 && from != nullptr ? 1 : captures_;
  luaL_checkstack(lua_, count, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(i, from, to);
  return count;
}

}  // namespace trawl::nse
