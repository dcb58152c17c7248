#pragma once

#include <span>
#include <string_view>

namespace trawl::control {

// `trawl [Nmap's options] targets`; `words` are those behind the program's name. Returns the exit
// code: 0 when done, 255 for a wrong word, 1 for a wrong value and for what failed.
[[nodiscard]] int audit_main(std::span<const char* const> words, std::string_view program);

}  // namespace trawl::control
