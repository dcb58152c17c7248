#include "control/audit/resume/resume_plan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/audit/report/calendar.h"
#include "control/audit/report/report_text.h"
#include "control/audit/resume/resume_log.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

using Output = AuditOptions::Output;

tl::unexpected<AuditError> cannot(std::string_view path, std::string_view why) {
  return bad_value(fmt::format("Cannot resume {}: {}", printable(path), why));
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one {};
  struct stat two {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &two) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

bool is_random(const std::string& word) {
  return word.starts_with("-iR") || word.starts_with("--iR");
}

AuditResult<AuditOptions> options_of(const LogRun& run, const std::string& path,
                                     std::string_view program) {
  if (std::ranges::any_of(run.words, is_random)) {
    return cannot(path, "its targets were random, and which were left is not known");
  }
  std::vector<const char*> words;
  for (const std::string& word : run.words) words.push_back(word.c_str());
  auto parsed = parse_audit_options(words, program);
  if (!parsed) return tl::unexpected{std::move(parsed.error())};
  auto* const options = std::get_if<AuditOptions>(&*parsed);
  if (options == nullptr || options->resume_log) {
    return bad_value(fmt::format("Unable to parse supposed log file {}.  Sorry", printable(path)));
  }
  if (std::ranges::count(options->target_files, "-") > 0) {
    return cannot(path, "its targets came from standard input, and which were left is not known");
  }
  if (options->list_only) return cannot(path, "a list of targets is made anew with its command");
  return std::move(*options);
}

SeenHosts in_both(const SeenHosts& a, const SeenHosts& b) {
  SeenHosts both;
  for (const auto& [address, host] : a) {
    const auto other = b.find(address);
    if (other == b.end()) continue;
    const std::uint32_t count = std::min(host.count, other->second.count);
    both[address] = {.count = count, .up = std::min(count, host.up)};
  }
  return both;
}

// Needs `part` to have no host more often than `all`.
SeenHosts without(const SeenHosts& all, const SeenHosts& part) {
  SeenHosts rest;
  for (const auto& [address, host] : all) {
    const auto taken = part.find(address);
    const std::uint32_t count = host.count - (taken == part.end() ? 0 : taken->second.count);
    if (count > 0) rest[address] = {.count = count, .up = std::min(count, host.up)};
  }
  return rest;
}

// Reads what there is of each output.
class Planner {
 public:
  Planner(std::string path, LogRun run, AuditOptions options)
      : path_{std::move(path)}, run_{std::move(run)} {
    plan_.options = std::move(options);
  }

  AuditResult<ResumePlan> run() {
    const std::size_t own = own_output();
    std::vector<Output>& outputs = plan_.options.outputs;
    plan_.outputs.resize(outputs.size());
    plan_.has_ended = run_.has_ended;
    if (run_.is_format_known && outputs[own].format != run_.format) {
      return cannot(path_, "it is the output of another command");
    }
    plan_.finished = run_.hosts;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      auto read = i == own ? continue_at(path_, run_) : read_other(outputs[i]);
      if (!read) return tl::unexpected{std::move(read.error())};
      plan_.outputs[i] = std::move(*read);
      const ContinuedOutput& output = plan_.outputs[i];
      if (output.is_report) plan_.finished = in_both(plan_.finished, output.held);
    }
    // What is left is what other reports lack.
    for (ContinuedOutput& output : plan_.outputs) {
      output.held = without(output.held, plan_.finished);
    }
    for (const auto& [address, host] : plan_.finished) {
      plan_.hosts += host.count;
      plan_.hosts_up += host.up;
    }
    return std::move(plan_);
  }

 private:
  // Which output the report is, by its file; one that was moved or came through a pipe takes the
  // place of the one of its format, or is one more.
  std::size_t own_output() {
    std::vector<Output>& outputs = plan_.options.outputs;
    const auto started = run_.started.value_or(std::chrono::system_clock::now());
    for (Output& output : outputs) {
      if (output.path == "-") continue;
      output.path = expand_file_name(output.path, started);
    }
    auto found = std::ranges::find_if(outputs, [this](const Output& output) {
      return output.path != "-" && is_same_file(output.path, path_);
    });
    if (found == outputs.end()) {
      found = std::ranges::find(outputs, run_.format, &Output::format);
    }
    if (found == outputs.end()) found = outputs.insert(found, {run_.format, {}});
    found->path = path_;
    return static_cast<std::size_t>(found - outputs.begin());
  }

  static ContinuedOutput continue_at(const std::string& path, const LogRun& run) {
    ContinuedOutput output{.path = path, .is_report = true, .held = run.hosts};
    // Runs before this one stay whatever became of its start.
    output.position = run.has_whole_start ? run.whole : run.start;
    output.has_header = run.has_whole_start;
    return output;
  }

  AuditResult<ContinuedOutput> read_other(const Output& output) {
    ContinuedOutput anew{.path = output.path};
    struct stat status {};
    if (output.path == "-") return anew;
    if (::stat(output.path.c_str(), &status) != 0) {
      anew.is_report = output.format != Output::Format::Kiddie;
      if (errno == ENOENT && (run_.hosts.empty() || !anew.is_report)) return anew;
      const int error = errno;
      return cannot(path_, fmt::format("its command line names {} as well ({}); put it back",
                                       printable(output.path), std::strerror(error)));
    }
    if (!S_ISREG(status.st_mode)) return anew;
    if (output.format == Output::Format::Kiddie) {
      anew.position = static_cast<std::uint64_t>(status.st_size);
      return anew;
    }
    anew.is_report = true;
    if (status.st_size == 0) {
      plan_.has_ended = false;
      return anew;
    }
    const auto read = read_resume_log(output.path);
    if (!read) return bad_value(read.error().message);
    if (read->words != run_.words || (read->is_format_known && read->format != output.format)) {
      return cannot(path_,
                    fmt::format("{} is the output of another command", printable(output.path)));
    }
    plan_.has_ended = plan_.has_ended && read->has_ended;
    return continue_at(output.path, *read);
  }

  std::string path_;
  LogRun run_;
  ResumePlan plan_;
};

}  // namespace

AuditResult<ResumePlan> plan_resume(const std::string& path, std::string_view program) {
  auto run = read_resume_log(path);
  if (!run) return bad_value(run.error().message);
  auto options = options_of(*run, path, program);
  if (!options) return tl::unexpected{std::move(options.error())};
  return Planner{path, std::move(*run), std::move(*options)}.run();
}

}  // namespace trawl::control
