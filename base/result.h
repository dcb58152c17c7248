#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace trawl {

// The process exit codes, as documented in trawl(1). An Error carries the one it leads to.
enum class ExitCode : int {
  Done = 0,
  Runtime = 1,       // Something failed that is none of the below.
  Usage = 2,         // The command line is wrong.
  BadInput = 3,      // A target, exclude or configuration file is wrong, or nothing is left.
  Device = 4,        // Link, EAL, driver or permission.
  Degraded = 5,      // The survey ended, but frames were lost on this machine.
  Output = 6,        // Results or metadata could not be written.
  Interrupted = 130  // SIGINT or SIGTERM; everything found is written.
};

// Why something could not be done: one sentence for a person that names the file, line or option
// and says what to do.
struct Error {
  ExitCode code = ExitCode::Runtime;
  std::string message;
  bool retryable = false;
};

// Mark every function that returns one [[nodiscard]].
template <typename T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure fail(ExitCode code, std::string message) {
  return Failure{Error{.code = code, .message = std::move(message), .retryable = false}};
}

}  // namespace trawl
