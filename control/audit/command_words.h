#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// Why a command line cannot be done, as Nmap says it: a wrong word ends with code 255 and a hint at
// the help, a wrong value with code 1.
struct AuditError {
  enum class Kind { Word, Value };
  Kind kind = Kind::Value;
  std::string message;
};
template <typename T>
using AuditResult = tl::expected<T, AuditError>;

[[nodiscard]] inline tl::unexpected<AuditError> bad_word(std::string message) {
  return tl::unexpected{AuditError{AuditError::Kind::Word, std::move(message)}};
}
[[nodiscard]] inline tl::unexpected<AuditError> bad_value(std::string message) {
  return tl::unexpected{AuditError{AuditError::Kind::Value, std::move(message)}};
}

// Whether an option has a value: behind it ("-p22", "--ttl=9", "-oX=-") or in the next word
// ("-p 22"); an optional one only behind it ("-v2").
enum class ArgumentUse { None, Required, Optional };

// An option by its name: one letter with one dash, or several with one dash or two.
struct OptionName {
  std::string_view name;
  ArgumentUse use = ArgumentUse::None;
};

// One option as it was written.
struct OptionWord {
  std::size_t number = 0;  // Of its name in the list.
  std::string value;
  bool has_value = false;
};

struct CommandWords {
  std::vector<OptionWord> options;  // In their order.
  std::vector<std::string> operands;
  std::vector<std::string> option_words;  // The words that hold the options, as they were.
};

// Takes a command line apart the way getopt_long_only(3) does, as Nmap's users know it: options and
// operands in any order, names shortened as long as they are unique, one dash or two before long
// ones, one-letter options joined ("-nv"), "--" before what is no option. Fails with a Word error
// in getopt's wording, `program` in front.
[[nodiscard]] AuditResult<CommandWords> split_command_words(std::span<const char* const> words,
                                                            std::span<const OptionName> names,
                                                            std::string_view program);

}  // namespace trawl::control
