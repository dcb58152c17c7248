#pragma once

#include <optional>
#include <string>

#include "control/audit/resume/log_lines.h"

namespace trawl::control {

// XML reports, as Nmap and trawl write them: an element a line, where it matters. What is in a
// value cannot begin a line with "<", so no host can be made up by a name.
class XmlLog final : public LogLines {
 public:
  XmlLog() {
    run().format = AuditOptions::Output::Format::Xml;
    run().is_format_known = true;
  }

  [[nodiscard]] bool take(const LogLine& line) override;
  [[nodiscard]] bool finish() override { return has_begun(); }

 private:
  [[nodiscard]] bool take_start(const LogLine& line);
  void take_host_part(std::string_view text);
  [[nodiscard]] bool end_host(const LogLine& line);

  bool in_host_ = false;
  std::uint64_t prologue_ = 0;  // Where the last document begins.
  bool is_up_ = false;
  std::string address_;
  bool was_interrupted_ = false;  // All that follows is to be looked at again.
};

// The value of the attribute `name` in the element that `text` begins with, its entities resolved;
// nullopt where it is not there. Character references below 256 are bytes, as Nmap means them.
[[nodiscard]] std::optional<std::string> xml_attribute(std::string_view text,
                                                       std::string_view name);

}  // namespace trawl::control
