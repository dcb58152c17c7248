#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::service {

struct RpcProgram {
  std::string name;
  std::uint32_t number = 0;
};

// Names of RPC programs in the order in which they are asked for: an nmap-rpc file (Nmap book,
// "SunRPC Numbers: nmap-rpc"), which has the form of rpc(5). The first line for a number counts.
struct RpcTable {
  struct Problem {
    std::size_t line = 0;  // From 1.
    std::string reason;
  };
  static constexpr std::size_t kMostPrograms = 65'536;
  static constexpr std::size_t kLongestName = 64;
  static constexpr std::size_t kMostProblems = 100;  // Of those that are told.

  std::vector<RpcProgram> programs;
  std::vector<Problem> problems;  // Of lines that are left out.

  // "" when it is not there.
  [[nodiscard]] std::string_view name_of(std::uint32_t number) const noexcept;
};

// "NAME NUMBER ALIAS... # COMMENT" on each line.
[[nodiscard]] RpcTable parse_rpc_table(std::string_view text);
// Fails with BadInput, naming the file, when it cannot be read, is over 16 MiB or names no program.
[[nodiscard]] Result<RpcTable> read_rpc_table(const std::string& path);
// data/rpc, as it was compiled in.
[[nodiscard]] std::shared_ptr<const RpcTable> builtin_rpc_table();

}  // namespace trawl::service
