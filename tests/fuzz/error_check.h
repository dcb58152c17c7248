#pragma once

#include <algorithm>
#include <cstdlib>

#include "base/result.h"

namespace trawl {

// Aborts unless `error` has this code and a message fit for a terminal, whatever the input held.
inline void check_error(const Error& error, ExitCode code) {
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (error.code != code || error.message.empty()) std::abort();
  if (!std::ranges::all_of(error.message, printable)) std::abort();
}

}  // namespace trawl
