#include "control/audit/command_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace trawl::control {
namespace {

class Splitter {
 public:
  Splitter(std::span<const char* const> words, std::span<const OptionName> names,
           std::string_view program)
      : words_{words}, names_{names}, program_{program} {}

  AuditResult<CommandWords> run() {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      if (word == "--") break;
      if (word.size() < 2 || word.front() != '-') {
        result_.operands.emplace_back(word);
        continue;
      }
      const std::size_t first = at_ - 1;
      if (auto taken = take(word); !taken) return tl::unexpected{taken.error()};
      result_.option_words.insert(result_.option_words.end(), words_.begin() + first,
                                  words_.begin() + at_);
    }
    for (; at_ < words_.size(); ++at_) result_.operands.emplace_back(words_[at_]);
    return std::move(result_);
  }

 private:
  using Taken = AuditResult<void>;

  Taken take(std::string_view word) {
    const bool two_dashes = word.starts_with("--");
    const std::string_view body = word.substr(two_dashes ? 2 : 1);
    const std::size_t equals = std::min(body.find('='), body.size());
    const std::string_view name = body.substr(0, equals);
    // One dash and one letter is never short for a long name.
    const bool is_letter = !two_dashes && find_letter(body.front()) && name.size() == 1;
    if (!is_letter && !name.empty()) {
      const auto found = find_long(name);
      if (found.size() == 1) return take_long(found.front(), word, body, equals);
      if (found.size() > 1 && (two_dashes || !find_letter(body.front()))) {
        return ambiguous(word.substr(0, word.size() - body.size() + equals), found);
      }
    }
    if (two_dashes) {
      return bad_word(fmt::format("{}: unrecognized option '--{}'", program_, name));
    }
    return take_letters(word, body);
  }

  // All whose names `name` begins, or the one that it is.
  [[nodiscard]] std::vector<std::size_t> find_long(std::string_view name) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].name.size() < 2 || !names_[i].name.starts_with(name)) continue;
      if (names_[i].name == name) return {i};
      found.push_back(i);
    }
    return found;
  }
  [[nodiscard]] std::optional<std::size_t> find_letter(char letter) const {
    const auto at = std::ranges::find_if(names_, [letter](const OptionName& option) {
      return option.name.size() == 1 && option.name.front() == letter;
    });
    if (at == names_.end()) return std::nullopt;
    return static_cast<std::size_t>(at - names_.begin());
  }

  Taken take_long(std::size_t number, std::string_view word, std::string_view body,
                  std::size_t equals) {
    const OptionName& option = names_[number];
    const std::string_view dashes = word.substr(0, word.size() - body.size());
    const bool has_value = equals < body.size();
    OptionWord taken{.number = number, .value = {}, .has_value = has_value};
    if (has_value) {
      if (option.use == ArgumentUse::None) {
        return bad_word(fmt::format("{}: option '{}{}' doesn't allow an argument", program_, dashes,
                                    option.name));
      }
      taken.value = body.substr(equals + 1);
    } else if (option.use == ArgumentUse::Required) {
      if (at_ == words_.size()) {
        return bad_word(
            fmt::format("{}: option '{}{}' requires an argument", program_, dashes, option.name));
      }
      taken.value = words_[at_++];
      taken.has_value = true;
    }
    result_.options.push_back(std::move(taken));
    return {};
  }

  // "-nv", "-p22", "-v2": the first that takes a value has the rest of the word.
  Taken take_letters(std::string_view word, std::string_view body) {
    for (std::size_t i = 0; i < body.size(); ++i) {
      const auto number = find_letter(body[i]);
      if (!number) {
        if (i == 0) {
          return bad_word(fmt::format("{}: unrecognized option '{}'", program_, word));
        }
        return bad_word(fmt::format("{}: invalid option -- '{}'", program_, body[i]));
      }
      const ArgumentUse use = names_[*number].use;
      OptionWord taken{.number = *number, .value = {}, .has_value = false};
      if (use == ArgumentUse::None) {
        result_.options.push_back(std::move(taken));
        continue;
      }
      taken.value = body.substr(i + 1);
      taken.has_value = !taken.value.empty();
      if (use == ArgumentUse::Required && !taken.has_value) {
        if (at_ == words_.size()) {
          return bad_word(
              fmt::format("{}: option requires an argument -- '{}'", program_, body[i]));
        }
        taken.value = words_[at_++];
        taken.has_value = true;
      }
      result_.options.push_back(std::move(taken));
      return {};
    }
    return {};
  }

  [[nodiscard]] Taken ambiguous(std::string_view written, const std::vector<std::size_t>& found) {
    std::string message =
        fmt::format("{}: option '{}' is ambiguous; possibilities:", program_, written);
    const std::string_view dashes = written.substr(0, written.starts_with("--") ? 2 : 1);
    for (const std::size_t number : found)
      message += fmt::format(" '{}{}'", dashes, names_[number].name);
    return bad_word(std::move(message));
  }

  std::span<const char* const> words_;
  std::span<const OptionName> names_;
  std::string_view program_;
  std::size_t at_ = 0;
  CommandWords result_;
};

}  // namespace

AuditResult<CommandWords> split_command_words(std::span<const char* const> words,
                                              std::span<const OptionName> names,
                                              std::string_view program) {
  return Splitter{words, names, program}.run();
}

}  // namespace trawl::control
