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

Result<AuditReports> AuditReports::open(const AuditOptions& options, const AuditRun& run,
                                        const ReportSettings& settings) {
  AuditReports reports;
  const bool has_screen = std::ranges::none_of(
      options.outputs, [](const AuditOptions::Output& output) { return output.path == "-"; });
  if (has_screen) {
    if (auto taken = reports.take(OutputFile::create("-"), make_screen_format(run, settings.names));
        !taken) {
      return Failure{taken.error()};
    }
  }
  for (const AuditOptions::Output& output : options.outputs) {
    auto file = open_output(output, expand_file_name(output.path, run.started), settings.appends);
    if (auto taken =
            reports.take(std::move(file), make_report_format(output.format, run, settings.names));
        !taken) {
      return Failure{taken.error()};
    }
  }
  return reports;
}

Result<void> AuditReports::take(Result<OutputFile> file, std::unique_ptr<ReportFormat> format) {
  if (!file) return Failure{file.error()};
  if (auto written = append_all(*file, format->header()); !written) return written;
  reports_.push_back({std::move(*file), std::move(format)});
  return {};
}

Result<void> AuditReports::add(const HostReport& report) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = append_all(one.file, one.format->host(report)); !done && first) first = done;
  }
  return first;
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
