#include "control/survey/output/filter_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "base/ip.h"
#include "control/survey/output/word_list.h"
#include "control/survey/output/zmap_classification.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

bool is_word_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == ':' || c == '/' || c == '-';
}

std::string_view describe(std::string_view op) noexcept { return op == "==" ? "=" : op; }

template <std::size_t N, typename Word>
std::array<std::string_view, N> names_of() {
  std::array<std::string_view, N> names;
  for (unsigned i = 0; i < N; ++i) names[i] = to_string(static_cast<Word>(i));
  return names;
}

}  // namespace

constexpr std::uint32_t kMost32 = std::numeric_limits<std::uint32_t>::max();

const FilterCompiler::FieldInfo FilterCompiler::kFields[] = {
    {"ip", Field::Ip, Values::Address, kMost32},
    {"port", Field::Port, Values::Number, 65535},
    {"proto", Field::Protocol, Values::Word, 0},
    {"state", Field::State, Values::Word, 0},
    {"reason", Field::Reason, Values::Word, 0},
    {"ttl", Field::Ttl, Values::Number, 255},
    {"rtt_us", Field::RttUs, Values::Number, kMost32},
    {"attempt", Field::Attempt, Values::Number, 255},
    {"from", Field::From, Values::Address, kMost32},
    {"success", Field::Success, Values::Number, 1},
    {"repeat", Field::Repeat, Values::Number, 1},
    {"cooldown", Field::Cooldown, Values::Number, 1},
    {"classification", Field::Classification, Values::Word, 0},
    {"type", Field::Type, Values::Word, 0},
    {"saddr", Field::Ip, Values::Address, kMost32},
    {"sport", Field::Port, Values::Number, 65535},
};

std::string FilterCompiler::where(std::size_t at) const {
  return fmt::format("{}: at character {}", option_, at + 1);
}

Failure FilterCompiler::failure(std::size_t at, std::string_view message) const {
  return fail(ExitCode::Usage, fmt::format("{}: {}", where(at), message));
}

void FilterCompiler::skip_space() noexcept {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
    ++at_;
  }
}

bool FilterCompiler::take(std::string_view token) noexcept {
  skip_space();
  if (!text_.substr(at_).starts_with(token)) return false;
  at_ += token.size();
  return true;
}

std::string_view FilterCompiler::take_word() noexcept {
  skip_space();
  const std::size_t first = at_;
  while (at_ < text_.size() && is_word_character(text_[at_])) ++at_;
  return text_.substr(first, at_ - first);
}

FilterCompiler::Index FilterCompiler::add(Node node) {
  nodes_.push_back(node);
  return nodes_.size() - 1;
}

Result<FilterCompiler::Index> FilterCompiler::any_of(unsigned depth) {
  auto left = all_of(depth);
  while (left && take("||")) {
    const auto right = all_of(depth);
    if (!right) return right;
    left = add({.kind = Kind::Or, .left = *left, .right = *right});
  }
  return left;
}

Result<FilterCompiler::Index> FilterCompiler::all_of(unsigned depth) {
  auto left = one(depth);
  while (left && take("&&")) {
    const auto right = one(depth);
    if (!right) return right;
    left = add({.kind = Kind::And, .left = *left, .right = *right});
  }
  return left;
}

Result<FilterCompiler::Index> FilterCompiler::one(unsigned depth) {
  if (depth > OutputFilter::kDeepest) {
    return failure(at_,
                   fmt::format("nested deeper than {}; write it flatter", OutputFilter::kDeepest));
  }
  if (take("!")) {
    const auto inner = one(depth + 1);
    if (!inner) return inner;
    return add({.kind = Kind::Not, .left = *inner});
  }
  if (!take("(")) return comparison();
  const std::size_t opened = at_ - 1;
  const auto inner = any_of(depth + 1);
  if (!inner || take(")")) return inner;
  if (at_ == text_.size()) return failure(opened, "this parenthesis is never closed");
  return failure(at_,
                 fmt::format("{} stands where &&, || or ) belongs", quote(text_.substr(at_, 1))));
}

Result<const FilterCompiler::FieldInfo*> FilterCompiler::take_field() {
  skip_space();
  const std::size_t at = at_;
  const std::string_view word = take_word();
  if (word.empty() && at == text_.size()) {
    return failure(at, "the expression ends where a comparison belongs, such as port = 80");
  }
  if (word.empty()) {
    return failure(at, fmt::format("{} stands where a comparison belongs, such as port = 80",
                                   quote(text_.substr(at, 1))));
  }
  const auto* info = std::ranges::find(kFields, word, &FieldInfo::name);
  if (info != std::end(kFields)) return info;
  std::vector<std::string_view> names;
  for (const FieldInfo& known : kFields) names.push_back(known.name);
  return unknown_word(where(at), word, "field", names);
}

Result<std::string_view> FilterCompiler::take_operator(const FieldInfo& field) {
  constexpr std::array<std::string_view, 7> kOperators{"!=", "==", "<=", ">=", "=", "<", ">"};
  skip_space();
  const std::size_t at = at_;
  const auto* op = std::ranges::find_if(kOperators, [this](std::string_view o) { return take(o); });
  std::string_view taken = op != kOperators.end() ? describe(*op) : std::string_view{};
  if (taken.empty() && take_word() == "in") taken = "in";
  const bool order = taken.starts_with('<') || taken.starts_with('>');
  if (field.values == Values::Number && !taken.empty() && taken != "in") return taken;
  if (field.values == Values::Word && !taken.empty() && taken != "in" && !order) return taken;
  if (field.values == Values::Address && !taken.empty() && !order) return taken;
  std::string_view known = "=, !=, <, <=, > or >=";
  if (field.values == Values::Word) known = "= or !=";
  if (field.values == Values::Address) known = "=, != or in";
  return failure(at, fmt::format("{} is compared with {}", field.name, known));
}

Result<std::uint32_t> FilterCompiler::number_value(const FieldInfo& field, std::string_view word,
                                                   std::size_t at) const {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole = error == std::errc{} && end == word.data() + word.size();
  if (whole && value <= field.most) return value;
  return failure(at, fmt::format("{} is not a value of {}; expected a number from 0 to {}",
                                 quote(word), field.name, field.most));
}

Result<std::uint32_t> FilterCompiler::word_value(const FieldInfo& field, std::string_view word,
                                                 std::size_t at) const {
  const auto find = [&](std::span<const std::string_view> names) -> Result<std::uint32_t> {
    const auto name = std::ranges::find(names, word);
    if (name != names.end()) return static_cast<std::uint32_t>(name - names.begin());
    return unknown_word(where(at), word, field.name, names);
  };
  if (field.field == Field::State) return find(names_of<kPortStates, PortState>());
  if (field.field == Field::Reason) return find(names_of<kReasons, Reason>());
  if (field.field == Field::Protocol) return find(names_of<kProtocols, Protocol>());
  if (field.field == Field::Type) return find(OutputFilter::kTypes);
  return find(kZmapClassifications);
}

Result<void> FilterCompiler::set_range(OutputFilter::Test& test, const FieldInfo& field,
                                       std::string_view op, std::string_view word,
                                       std::size_t at) const {
  if (field.values == Values::Address) {
    const auto v4 = Ipv4Prefix::parse(word);
    const auto v6 = Ipv6Prefix::parse(word);
    const bool slash = word.find('/') != std::string_view::npos;
    if ((!v4 && !v6) || (slash && op != "in")) {
      return failure(at, fmt::format("{} is not an IP {}", quote(word),
                                     op == "in" ? "prefix such as 198.18.0.0/15"
                                                : "address such as 198.18.0.1; write in for a "
                                                  "prefix"));
    }
    test.first = v4 ? IpAddress{v4->first()} : IpAddress{v6->first()};
    test.last = v4 ? IpAddress{v4->last()} : IpAddress{v6->last()};
    return {};
  }
  const auto value =
      field.values == Values::Number ? number_value(field, word, at) : word_value(field, word, at);
  if (!value) return Failure{value.error()};
  test.low = test.high = *value;
  if (op == "<=" || op == "<") test.low = 0;
  if (op == ">=" || op == ">") test.high = kMost32;
  // The two that hold of nothing become a range that runs backwards.
  const bool nothing = (op == "<" && *value == 0) || (op == ">" && *value == kMost32);
  if (op == "<") test.high = nothing ? 0 : *value - 1;
  if (op == ">") test.low = nothing ? kMost32 : *value + 1;
  if (nothing) test.low = 1, test.high = 0;
  return {};
}

Result<FilterCompiler::Index> FilterCompiler::comparison() {
  const auto field = take_field();
  if (!field) return Failure{field.error()};
  const auto op = take_operator(**field);
  if (!op) return Failure{op.error()};
  skip_space();
  const std::size_t at = at_;
  const std::string_view word = take_word();
  if (word.empty()) return failure(at, fmt::format("a value of {} is missing", (*field)->name));
  if (++comparisons_ > OutputFilter::kMostComparisons) {
    return failure(
        at, fmt::format("more than {} comparisons; write fewer", OutputFilter::kMostComparisons));
  }
  Node node;
  node.test.field = (*field)->field;
  if (auto set = set_range(node.test, **field, *op, word, at); !set) return Failure{set.error()};
  const Index test = add(node);
  return *op == "!=" ? add({.kind = Kind::Not, .left = test}) : test;
}

FilterCompiler::Place FilterCompiler::emit(Index index, Place yes, Place no,
                                           OutputFilter& filter) const {
  const Node& node = nodes_[index];
  switch (node.kind) {
    case Kind::Not: return emit(node.left, no, yes, filter);
    case Kind::And: return emit(node.left, emit(node.right, yes, no, filter), no, filter);
    case Kind::Or: return emit(node.left, yes, emit(node.right, yes, no, filter), filter);
    case Kind::Test: break;
  }
  OutputFilter::Test test = node.test;
  test.yes = yes;
  test.no = no;
  filter.tests_.push_back(test);
  return static_cast<Place>(filter.tests_.size() - 1 + OutputFilter::kFirstTest);
}

Result<OutputFilter> FilterCompiler::compile() {
  if (text_.size() > OutputFilter::kLongestText) {
    return fail(ExitCode::Usage, fmt::format("{}: {} characters are too many; {} are the most",
                                             option_, text_.size(), OutputFilter::kLongestText));
  }
  const auto root = any_of(0);
  if (!root) return Failure{root.error()};
  skip_space();
  if (at_ < text_.size()) {
    return failure(at_,
                   fmt::format("{} stands where && or || belongs", quote(text_.substr(at_, 1))));
  }
  OutputFilter filter;
  filter.start_ = emit(*root, OutputFilter::kAccept, OutputFilter::kReject, filter);
  return filter;
}

Result<OutputFilter> OutputFilter::parse(std::string_view text, std::string_view option) {
  return FilterCompiler{text, option}.compile();
}

}  // namespace trawl::control
