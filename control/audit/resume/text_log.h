#pragma once

#include <optional>
#include <string>

#include "control/audit/resume/log_lines.h"

namespace trawl::control {

// Normal and grepable reports. They begin alike, and the first host tells them apart.
//
// A host is finished when something follows that is not of it: the next host or the closing lines.
// So the last of a report that was torn is looked at again.
class TextLog final : public LogLines {
 public:
  [[nodiscard]] bool take(const LogLine& line) override;
  [[nodiscard]] bool finish() override;

 private:
  struct Host {
    std::string address;
    bool is_up = false;
    std::uint64_t begin = 0;
  };

  [[nodiscard]] bool take_start(const LogLine& line);
  [[nodiscard]] bool take_normal_host(const LogLine& line);
  [[nodiscard]] bool take_grepable_host(const LogLine& line);
  [[nodiscard]] bool begin_host(Host host);
  // What closes a report begins here.
  [[nodiscard]] bool close(std::uint64_t at);
  [[nodiscard]] bool end_host();

  std::optional<Host> host_;             // Not known to be finished.
  std::optional<std::uint64_t> closed_;  // Where the closing lines begin.
  bool was_torn_ = false;                // The line before is of no host.
  bool was_interrupted_ = false;         // All that follows is to be looked at again.
  bool ended_early_ = false;
  std::uint64_t end_ = 0;  // Of the last whole line.
};

}  // namespace trawl::control
