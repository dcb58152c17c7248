#include "control/audit/report/audit_reports.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "control/audit/report/calendar.h"

namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;

std::string_view kind_of(Format format) {
  switch (format) {
    case Format::Normal: return "normal";
    case Format::Xml: return "XML";
    case Format::Grepable: return "machine";
    case Format::Json: return "JSON";
    case Format::Kiddie: return "$Cr!pT |<!dd!3";
  }
  return "";
}

// Why a file that could not be opened cannot be, 0 where it can by now.
int open_error(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

// A pipe or device has no old content, and is opened as ever.
Result<OutputFile> open_file(const std::string& path, bool appends) {
  struct stat status {};
  if (appends && path != "-" && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    return OutputFile::reopen(path, static_cast<std::uint64_t>(status.st_size));
  }
  return OutputFile::create(path);
}

Result<OutputFile> open_output(const AuditOptions::Output& output, const std::string& path,
                               bool appends) {
  auto file = open_file(path, appends);
  if (file) return file;
  const int error = open_error(path);
  if (error == 0) return file;
  return fail(ExitCode::Output,
              fmt::format("Failed to open {} output file {} for writing: {} ({})",
                          kind_of(output.format), path, std::strerror(error), error));
}

// In pieces that the buffer takes, of whole lines where lines are that short.
Result<void> append_all(OutputFile& file, std::string_view text) {
  while (!text.empty()) {
    std::string_view piece = text.substr(0, OutputFile::kBufferSize);
    const std::size_t line_end = piece.rfind('\n');
    if (line_end != std::string_view::npos) piece = piece.substr(0, line_end + 1);
    if (auto done = file.append(piece); !done) return done;
    text.remove_prefix(piece.size());
  }
  return {};
}

}  // namespace

Result<AuditReports> AuditReports::create(const AuditOptions& options, const AuditRun& run,
                                          const ReportSettings& settings) {
  AuditReports reports;
  const auto take = [&](Result<OutputFile> file, std::unique_ptr<ReportFormat> format) {
    if (!file) return Result<void>{Failure{file.error()}};
    std::string early;
    for (const std::string& text : settings.complaints) early += format->complaint(text);
    reports.reports_.push_back({std::move(*file), std::move(format)});
    return append_all(reports.reports_.back().file, early);
  };
  const bool has_screen = std::ranges::none_of(
      options.outputs, [](const AuditOptions::Output& output) { return output.path == "-"; });
  if (has_screen) {
    if (auto taken = take(OutputFile::create("-"), make_screen_format(run, settings.names));
        !taken) {
      return Failure{taken.error()};
    }
    reports.has_screen_ = true;
  }
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    const AuditOptions::Output& output = options.outputs[i];
    if (i < settings.continued.size()) {
      auto taken = reports.go_on(settings.continued[i],
                                 make_report_format(output.format, run, settings.names));
      if (!taken) return Failure{taken.error()};
      continue;
    }
    auto file = open_output(output, expand_file_name(output.path, run.started), settings.appends);
    if (auto taken = take(std::move(file), make_report_format(output.format, run, settings.names));
        !taken) {
      return Failure{taken.error()};
    }
  }
  return reports;
}

Result<AuditReports> AuditReports::open(const AuditOptions& options, const AuditRun& run,
                                        const ReportSettings& settings) {
  auto reports = create(options, run, settings);
  if (!reports) return reports;
  for (Report& one : reports->reports_) {
    if (one.has_header) continue;
    if (auto written = append_all(one.file, one.format->header()); !written) {
      return Failure{written.error()};
    }
  }
  return reports;
}

Result<void> AuditReports::write_alone(const AuditOptions& options, const AuditRun& run,
                                       const ReportSettings& settings, std::string_view text) {
  auto reports = create(options, run, settings);
  if (!reports) return Failure{reports.error()};
  Result<void> first;
  for (Report& one : reports->reports_) {
    auto done = append_all(one.file, one.format->lone_text(text));
    if (done) done = one.file.close({});
    if (!done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::complain(std::string_view text) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = append_all(one.file, one.format->complaint(text)); !done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::go_on(const ContinuedOutput& output,
                                 std::unique_ptr<ReportFormat> format) {
  auto file = output.position ? OutputFile::reopen(output.path, *output.position)
                              : OutputFile::create(output.path);
  if (!file) return Failure{file.error()};
  reports_.push_back({.file = std::move(*file),
                      .format = std::move(format),
                      .held = output.held,
                      .has_header = output.position && output.has_header});
  return {};
}

template <typename Text>
Result<void> AuditReports::append(const Text& text_of) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = append_all(one.file, text_of(*one.format)); !done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::add(const HostReport& report) {
  Result<void> first;
  for (Report& one : reports_) {
    if (take_seen(one.held, report.ip)) continue;
    if (auto done = append_all(one.file, one.format->host(report)); !done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::add_scripts(bool is_before, const std::vector<ScriptReport>& scripts) {
  return append([&](const ReportFormat& format) { return format.scripts(is_before, scripts); });
}

Result<void> AuditReports::note(const TaskNote& note) {
  return append([&note](const ReportFormat& format) { return format.task(note); });
}

Result<void> AuditReports::hint(const HostReport& report) {
  return append([&report](const ReportFormat& format) { return format.hint(report); });
}

Result<void> AuditReports::say(std::string_view lines) {
  if (!has_screen_) return {};
  Report& screen = reports_.front();
  if (auto done = append_all(screen.file, screen.format->lines(lines)); !done) return done;
  return screen.file.flush();
}

void AuditReports::set_levels(int verbosity, int debugging) {
  for (Report& one : reports_) one.format->set_levels(verbosity, debugging);
}

Result<void> AuditReports::flush(const AuditTotals& totals) {
  Result<void> first;
  for (Report& one : reports_) {
    const bool closes = one.file.is_rewritable();
    auto done = one.file.flush(closes ? one.format->footer(totals) : std::string{});
    if (!done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::close(const AuditTotals& totals) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = one.file.close(one.format->footer(totals)); !done && first) first = done;
  }
  return first;
}

}  // namespace trawl::control
