#include "service/rpc/rpc_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "service/rpc/rpc_table_text.h"

namespace trawl::service {
namespace {

constexpr std::size_t kLongestFile = 16U << 20U;
constexpr std::string_view kBlanks = " \t\r\v\f";

// Takes a word off the front of `line`; "" at its end or at a comment.
std::string_view take_word(std::string_view& line) noexcept {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(kBlanks)));
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r\v\f#"));
  line.remove_prefix(word.size());
  return word;
}

// What is wrong with a line; "" when `program` is what it names.
std::string_view read_line(std::string_view line, RpcProgram& program) {
  const std::string_view name = take_word(line);
  const std::string_view number = take_word(line);
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (name.size() > RpcTable::kLongestName) return "the name is too long";
  if (!std::ranges::all_of(name, is_plain)) return "the name has bytes that are not printable";
  if (number.empty()) return "a number is missing";
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, program.number);
  if (error != std::errc{} || stop != end) return "the number is not one of 0 to 4294967295";
  program.name = name;
  return "";
}

}  // namespace

std::string_view RpcTable::name_of(std::uint32_t number) const noexcept {
  const auto found = std::ranges::find(programs, number, &RpcProgram::number);
  return found == programs.end() ? std::string_view{} : found->name;
}

RpcTable parse_rpc_table(std::string_view text) {
  RpcTable table;
  std::unordered_set<std::uint32_t> known;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    RpcProgram program;
    std::string_view reason = read_line(line, program);
    if (reason.empty() && table.programs.size() == RpcTable::kMostPrograms) {
      reason = "there are too many programs";
    }
    if (!reason.empty()) {
      if (table.problems.size() < RpcTable::kMostProblems) {
        table.problems.push_back({number, std::string{reason}});
      }
    } else if (known.insert(program.number).second) {
      table.programs.push_back(std::move(program));
    }
  }
  return table;
}

Result<RpcTable> read_rpc_table(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text;
  if (file) {
    text.resize(kLongestFile + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  }
  if (!file.eof()) {
    return fail(ExitCode::BadInput,
                fmt::format("Cannot read {}: it {}.", path,
                            text.size() > kLongestFile ? "is over 16 MiB" : "is no readable file"));
  }
  RpcTable table = parse_rpc_table(text);
  if (table.programs.empty()) {
    return fail(ExitCode::BadInput, fmt::format("{} names no RPC program.", path));
  }
  return table;
}

std::shared_ptr<const RpcTable> builtin_rpc_table() {
  static const auto table = std::make_shared<const RpcTable>(parse_rpc_table(kRpcTableText));
  return table;
}

}  // namespace trawl::service
