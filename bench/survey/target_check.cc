// Reads targets, one a line, and proves that exactly the expected ones came, each once.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/simnet/options.h"
#include "bench/survey/target_bits.h"
#include "bench/survey/target_lines.h"

namespace trawl::survey_bench {
namespace {

struct Arguments {
  std::string space;
  std::string ports;
  std::vector<std::string> excludes;
  std::string expect;
};

Result<void> exclude_file(TargetBits& bits, const std::string& path) {
  std::ifstream file{path};
  if (!file) return fail(ExitCode::BadInput, fmt::format("{} cannot be read", path));
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const auto prefix = Ipv4Prefix::parse(line);
    if (!prefix) return fail(ExitCode::BadInput, fmt::format("{}: no prefix: {}", path, line));
    bits.exclude(*prefix);
  }
  return {};
}

Result<void> expect_file(TargetBits& bits, const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ExitCode::BadInput, fmt::format("{} cannot be read", path));
  TargetLines lines{descriptor};
  std::uint64_t outside = 0;
  const bool done = lines.read([&](Endpoint target) { outside += bits.expect(target) ? 0 : 1; });
  ::close(descriptor);
  if (done && lines.bad() == 0 && outside == 0) return {};
  return fail(ExitCode::BadInput,
              fmt::format("{}: {} lines are no targets and {} lie outside --targets or --ports",
                          path, lines.bad(), outside));
}

Result<TargetBits> make_bits(const Arguments& arguments) {
  const auto space = Ipv4Prefix::parse(arguments.space);
  if (!space) return fail(ExitCode::Usage, "--targets: give one prefix, like 198.18.0.0/15");
  const auto ports = simnet::parse_ports(arguments.ports);
  if (!ports) return fail(ExitCode::Usage, fmt::format("--ports: {}", ports.error().message));
  auto bits = TargetBits::make(*space, *ports);
  if (!bits) return bits;
  if (!arguments.expect.empty()) {
    if (auto read = expect_file(*bits, arguments.expect); !read) {
      return tl::unexpected{read.error()};
    }
  } else {
    bits->expect_all();
  }
  for (const std::string& path : arguments.excludes) {
    if (auto read = exclude_file(*bits, path); !read) return tl::unexpected{read.error()};
  }
  return bits;
}

Result<void> check(const Arguments& arguments) {
  auto bits = make_bits(arguments);
  if (!bits) return tl::unexpected{bits.error()};
  const std::uint64_t expected = bits->left();
  TargetLines lines{STDIN_FILENO};
  const auto begin = std::chrono::steady_clock::now();
  if (!lines.read([&](Endpoint target) { bits->tick(target); })) {
    return fail(ExitCode::BadInput, "standard input cannot be read");
  }
  bits->finish();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const TickCounts& counts = bits->counts();
  fmt::print(
      "{{\"expected\":{},\"came\":{},\"missed\":{},\"twice\":{},\"outside\":{},\"bad_lines\":{},"
      "\"seconds\":{:.3f}}}\n",
      expected, counts.ticked, bits->left(), counts.twice, counts.outside, lines.bad(),
      seconds.count());
  return {};
}

int check_main(int argc, const char* const* argv) {
  CLI::App app{
      "Reads lines that begin with ADDRESS:PORT or ADDRESS,PORT from standard input and counts, as "
      "JSON, what was expected and did not come, came twice, or was not expected.",
      "target-check"};
  Arguments arguments;
  app.add_option("--targets", arguments.space, "The prefix that holds them all")
      ->required()
      ->type_name("PREFIX");
  app.add_option("--ports", arguments.ports, "The ports of each address")
      ->required()
      ->type_name("PORTS");
  app.add_option("--exclude", arguments.excludes, "A prefix a line, not expected (repeatable)")
      ->type_name("FILE");
  app.add_option("--expect", arguments.expect, "Expect the targets of FILE and no others")
      ->type_name("FILE");
  CLI11_PARSE(app, argc, argv);
  const auto done = check(arguments);
  if (done) return 0;
  fmt::print(stderr, "target-check: {}\n", done.error().message);
  return static_cast<int>(done.error().code);
}

}  // namespace
}  // namespace trawl::survey_bench

int main(int argc, char** argv) { return trawl::survey_bench::check_main(argc, argv); }
