#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/rpc/rpc_table.h"

// A file of names of RPC programs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using trawl::service::RpcTable;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const RpcTable table = trawl::service::parse_rpc_table(text);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  if (table.programs.size() + table.problems.size() > lines) std::abort();
  for (const auto& program : table.programs) {
    const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
    if (program.name.empty() || program.name.size() > RpcTable::kLongestName ||
        !std::ranges::all_of(program.name, printable) ||
        table.name_of(program.number) != program.name) {
      std::abort();
    }
  }
  for (const auto& problem : table.problems) {
    if (problem.reason.empty() || problem.line == 0 || problem.line > lines) std::abort();
  }
  return 0;
}
