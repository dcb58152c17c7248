#include "control/audit/report/task_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "control/audit/report/calendar.h"
#include "control/survey/output/nmap_xml_formatter.h"
#include "control/survey/output/text_writer.h"

namespace trawl::control {
namespace {

using Seconds = std::chrono::duration<double>;

// What is not over is not done.
double percent_of(const TaskNote& note) {
  constexpr double kAlmost = 99.99;
  return std::clamp(100 * note.share, 0.0, kAlmost);
}

}  // namespace

std::optional<TimeLeft> time_left(double share, Seconds elapsed,
                                  std::chrono::system_clock::time_point now) {
  constexpr double kLongest = 100.0 * 365 * 86400;
  if (!(share > 0) || elapsed <= Seconds{0}) return std::nullopt;
  const Seconds left = elapsed * (1 - std::min(share, 1.0)) / share;
  if (left.count() > kLongest) return std::nullopt;
  return TimeLeft{left,
                  now + std::chrono::duration_cast<std::chrono::system_clock::duration>(left)};
}

std::string duration_text(Seconds time) {
  const auto whole = static_cast<std::int64_t>(std::max(0.0, time.count()));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string stats_line(Seconds elapsed, std::uint64_t completed, std::uint64_t up,
                       std::uint64_t undergoing, std::string_view task) {
  return fmt::format("Stats: {} elapsed; {} hosts completed ({} up), {} undergoing {}\n",
                     duration_text(elapsed), completed, up, undergoing, task);
}

std::string task_line(const TaskNote& note) {
  switch (note.kind) {
    case TaskNote::Kind::Begin:
      return fmt::format("Initiating {} at {}\n", note.task, minute_time(note.now));
    case TaskNote::Kind::End:
      return fmt::format("Completed {} at {}, {:.2f}s elapsed{}\n", note.task,
                         minute_time(note.now), note.elapsed.count(),
                         note.extra.empty() ? note.extra : fmt::format(" ({})", note.extra));
    case TaskNote::Kind::Progress: break;
  }
  const std::string left =
      note.left ? fmt::format("; ETC: {} ({} remaining)", minute_time(note.left->over),
                              duration_text(note.left->seconds))
                : std::string{};
  return fmt::format("{} Timing: About {:.2f}% done{}\n", note.task, percent_of(note), left);
}

std::string task_element(const TaskNote& note) {
  std::string task;
  append_xml_attribute(task, note.task);
  const std::int64_t now = unix_seconds(note.now);
  if (note.kind == TaskNote::Kind::Progress) {
    std::string left;
    if (note.left) {
      left = fmt::format(" remaining=\"{}\" etc=\"{}\"",
                         static_cast<std::int64_t>(std::ceil(note.left->seconds.count())),
                         unix_seconds(note.left->over));
    }
    return fmt::format("<taskprogress task=\"{}\" time=\"{}\" percent=\"{:.2f}\"{}/>\n", task, now,
                       percent_of(note), left);
  }
  std::string extra;
  if (!note.extra.empty()) {
    append_xml_attribute(extra, note.extra);
    extra = fmt::format(" extrainfo=\"{}\"", extra);
  }
  return fmt::format("<{} task=\"{}\" time=\"{}\"{}/>\n",
                     note.kind == TaskNote::Kind::Begin ? "taskbegin" : "taskend", task, now,
                     extra);
}

}  // namespace trawl::control
