#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"
#include "control/audit/report/report_format.h"
#include "control/audit/resume/seen_hosts.h"
#include "control/survey/output_file.h"

namespace trawl::control {

// An output of an audit that goes on.
struct ContinuedOutput {
  std::string path;                         // As it was expanded at the audit's start.
  bool is_report = false;                   // It says which hosts it has.
  std::optional<std::uint64_t> position{};  // Behind what stays of it; it begins anew without.
  SeenHosts held{};                         // It has them, so they are not told of again.
  bool has_header = true;                   // What is in front of hosts stays as well.
};

struct ReportSettings {
  const PortNames* names = nullptr;  // Outlives the reports; none are known without.
  bool appends = false;              // --append-output: what a file holds stays in front.
  std::span<const ContinuedOutput> continued{};  // --resume: one for each output, or none.
  std::vector<std::string> complaints{};  // From before there were reports; first in normal files.
};

// All reports of an audit: files, and the screen unless another takes standard output.
//
// After each flush() every regular file is a whole document, its closing part included, also when
// the process is killed. A failure of one report does not keep the others from theirs; the first is
// returned.
//
// Thread: one user.
class AuditReports {
 public:
  // Opens all and writes what they begin with. File names have their escapes expanded by the run's
  // start. Fails with Output, in Nmap's words where a file cannot be opened.
  [[nodiscard]] static Result<AuditReports> open(const AuditOptions& options, const AuditRun& run,
                                                 const ReportSettings& settings = {});

  // Writes `text`, of whole lines, to the screen and the files of the options; nothing else comes
  // into them. What has no place for it is left empty, as Nmap leaves it.
  [[nodiscard]] static Result<void> write_alone(const AuditOptions& options, const AuditRun& run,
                                                const ReportSettings& settings,
                                                std::string_view text);

  // Takes a warning or an error that went to standard error: normal files have them too.
  [[nodiscard]] Result<void> complain(std::string_view text);
  // Takes a host with any number of ports; one larger than the buffers goes to the files at once.
  [[nodiscard]] Result<void> add(const HostReport& report);
  // What scripts found before all hosts, or after them.
  [[nodiscard]] Result<void> add_scripts(bool is_before, const std::vector<ScriptReport>& scripts);
  // What is told while the audit runs, in formats that tell it.
  [[nodiscard]] Result<void> note(const TaskNote& note);
  [[nodiscard]] Result<void> hint(const HostReport& report);
  // Whole lines for whoever watches the screen; at once, where a report has not taken it.
  [[nodiscard]] Result<void> say(std::string_view lines);
  [[nodiscard]] bool has_screen() const noexcept { return has_screen_; }
  // As -v and -d: what comes next is told so.
  void set_levels(int verbosity, int debugging);

  // Hands what was added to the operating system. `totals` are those so far.
  [[nodiscard]] Result<void> flush(const AuditTotals& totals);
  [[nodiscard]] Result<void> close(const AuditTotals& totals);

 private:
  struct Report {
    OutputFile file;
    std::unique_ptr<ReportFormat> format;
    SeenHosts held{};         // Not to be told of.
    bool has_header = false;  // From before.
  };

  AuditReports() = default;
  [[nodiscard]] static Result<AuditReports> create(const AuditOptions& options, const AuditRun& run,
                                                   const ReportSettings& settings);
  [[nodiscard]] Result<void> go_on(const ContinuedOutput& output,
                                   std::unique_ptr<ReportFormat> format);

  template <typename Text>
  [[nodiscard]] Result<void> append(const Text& text_of);

  std::vector<Report> reports_;
  bool has_screen_ = false;  // The first report is it.
};

}  // namespace trawl::control
