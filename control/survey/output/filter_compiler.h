#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/survey/output/output_filter.h"

namespace trawl::control {

// Turns the text of an OutputFilter into its tests: a recursive descent that makes a tree, and a
// walk over the tree from its end, so that every test is made after those it leads to.
//
// Used once: make one, call compile(), drop it.
class FilterCompiler {
 public:
  FilterCompiler(std::string_view text, std::string_view option) noexcept
      : text_{text}, option_{option} {}

  [[nodiscard]] Result<OutputFilter> compile();

 private:
  using Field = OutputFilter::Field;
  using Place = OutputFilter::Place;
  using Index = std::size_t;
  enum class Kind : std::uint8_t { Test, Not, And, Or };
  enum class Values : std::uint8_t { Number, Word, Address };
  struct Node {
    Kind kind = Kind::Test;
    OutputFilter::Test test{};
    Index left = 0;  // Not has this one alone.
    Index right = 0;
  };
  struct FieldInfo {
    std::string_view name;
    Field field;
    Values values;
    std::uint32_t most;  // The largest value it has.
  };
  static const FieldInfo kFields[];

  // Where a failure is: the option and the character, counted from 1.
  [[nodiscard]] std::string where(std::size_t at) const;
  [[nodiscard]] Failure failure(std::size_t at, std::string_view message) const;

  void skip_space() noexcept;
  // Takes `token` when the text goes on with it.
  bool take(std::string_view token) noexcept;
  // A field, an operator in letters or a value; "" when something else comes.
  [[nodiscard]] std::string_view take_word() noexcept;

  [[nodiscard]] Result<Index> any_of(unsigned depth);
  [[nodiscard]] Result<Index> all_of(unsigned depth);
  [[nodiscard]] Result<Index> one(unsigned depth);
  [[nodiscard]] Result<Index> comparison();
  [[nodiscard]] Result<const FieldInfo*> take_field();
  [[nodiscard]] Result<std::string_view> take_operator(const FieldInfo& field);
  [[nodiscard]] Result<std::uint32_t> number_value(const FieldInfo& field, std::string_view word,
                                                   std::size_t at) const;
  [[nodiscard]] Result<std::uint32_t> word_value(const FieldInfo& field, std::string_view word,
                                                 std::size_t at) const;
  [[nodiscard]] Result<void> set_range(OutputFilter::Test& test, const FieldInfo& field,
                                       std::string_view op, std::string_view word,
                                       std::size_t at) const;

  Index add(Node node);
  Place emit(Index node, Place yes, Place no, OutputFilter& filter) const;

  std::string_view text_;
  std::string_view option_;
  std::size_t at_ = 0;
  std::vector<Node> nodes_;
  std::size_t comparisons_ = 0;
};

}  // namespace trawl::control
