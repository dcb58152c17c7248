#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/rpc/rpc_grinder.h"

namespace {

using trawl::service::RpcGrinder;
using trawl::service::RpcProgram;
using trawl::service::RpcTable;
using trawl::service::Transport;

// The calls have the ids 1, 2, 3...
RpcGrinder make(Transport transport) {
  auto table = std::make_shared<RpcTable>();
  for (std::uint32_t i = 0; i < 3; ++i) {
    table->programs.push_back({.name = "p", .number = 100'000 + i});
  }
  return RpcGrinder{table, transport, 1};
}

void end(RpcGrinder& grinder) {
  for (unsigned i = 0; i <= RpcGrinder::kMostTries && !grinder.is_done(); ++i) {
    (void)grinder.take_output();
    grinder.time_out();
  }
  if (!grinder.is_done() || !grinder.take_output().empty()) std::abort();
  const bool is_found = grinder.outcome() == RpcGrinder::Outcome::Found;
  if (is_found != grinder.rpc().has_value() || is_found == grinder.name().empty()) std::abort();
  if (is_found && grinder.rpc()->low > grinder.rpc()->high) std::abort();
}

void run_stream(std::string_view said, std::size_t step) {
  RpcGrinder grinder = make(Transport::Tcp);
  (void)grinder.take_output();
  for (std::size_t at = 0; at < said.size(); at += step) {
    grinder.feed(said.substr(at, step));
    (void)grinder.take_output();
  }
  end(grinder);
}

}  // namespace

// What a server answers: as a stream, and as datagrams, each after a byte of its size.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view said{reinterpret_cast<const char*>(data), size};
  run_stream(said, 1);
  run_stream(said, 7);
  RpcGrinder grinder = make(Transport::Udp);
  for (std::string_view left = said; !left.empty();) {
    (void)grinder.take_output();
    const auto length = static_cast<unsigned char>(left.front());
    grinder.feed(left.substr(1, length));
    left.remove_prefix(std::min<std::size_t>(left.size(), 1U + length));
  }
  end(grinder);
  return 0;
}
