#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "service/probes/probe_file.h"

namespace trawl::service {

// A part of a line, or why the line is wrong: a clause for people.
template <typename T>
using Part = tl::expected<T, std::string>;

[[nodiscard]] inline tl::unexpected<std::string> wrong(std::string reason) {
  return tl::unexpected<std::string>{std::move(reason)};
}

// Bytes of a file for a message: in quotes, shortened, '.' for what is not printable.
[[nodiscard]] std::string quoted(std::string_view text);

// Takes a line of a probe file apart from its front.
class LineParts {
 public:
  explicit LineParts(std::string_view line) noexcept : rest_{line} {}

  void skip_blanks() noexcept;
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  // Up to the next blank or the end.
  [[nodiscard]] std::string_view word() noexcept;
  // The letters that directly follow.
  [[nodiscard]] std::string_view letters() noexcept;
  // Whether the line goes on with `text`, which is then behind us.
  [[nodiscard]] bool take(std::string_view text) noexcept;
  // A delimiter, whatever it is, and what is between it and its next occurrence.
  [[nodiscard]] Part<std::string_view> delimited() noexcept;

 private:
  std::string_view rest_;
};

// A probe's payload: \0 \a \b \f \n \r \t \v \xHH and \\ stand for bytes, anything else for itself.
[[nodiscard]] Part<std::string> unescape(std::string_view text);

// A decimal number of `least` to `most`.
[[nodiscard]] Part<unsigned> parse_number(std::string_view text, unsigned least, unsigned most);

// Of `ports` and `sslports`: "21,43,32750-32810".
[[nodiscard]] Part<PortSet> parse_ports(std::string_view list);

// Of `Exclude`: as -p has it, "53,T:9100,U:30000-40000"; a letter holds for what follows it.
struct ExcludedPorts {
  PortSet tcp;
  PortSet udp;
};
[[nodiscard]] Part<ExcludedPorts> parse_excluded(std::string_view list);

// What follows `match` or `softmatch`; `line` and `is_soft` are the caller's.
[[nodiscard]] Part<MatchLine> parse_match(std::string_view text);

}  // namespace trawl::service
