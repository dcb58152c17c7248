#include "control/lab/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace trawl::control {
namespace {

constexpr int kExecFailed = 127;

std::vector<char*> argument_pointers(const Arguments& arguments) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// A line as an error message may quote it.
std::string printable(std::string_view text) {
  std::string line{text};
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return line;
}

std::string first_line(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  return printable(text.substr(0, text.find_first_of("\r\n")));
}

std::string last_line(std::string_view text) {
  text = text.substr(0, text.find_last_not_of("\r\n") + 1);
  return printable(text.substr(text.find_last_of("\r\n") + 1));
}

std::string spell(const Arguments& arguments) {
  std::string line;
  for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  return line;
}

// Both ends of a pipe that no program started later inherits.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_write();
    if (read_end >= 0) close(read_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_write() {
    if (write_end >= 0) close(write_end);
    write_end = -1;
  }
  [[nodiscard]] std::string read_all() const {
    std::string text;
    std::array<char, 4096> piece{};
    while (true) {
      const ssize_t size = read(read_end, piece.data(), piece.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
  }
};

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kExecFailed;
}

Failure cannot_start(const std::string& program, int error) {
  return fail(ExitCode::Runtime, fmt::format("cannot start {}: {}", program, std::strerror(error)));
}

// In the child: replaces the process, or tells the parent through `report` why not.
[[noreturn]] void exec_or_report(const Arguments& arguments, int report) {
  execv(arguments.front().c_str(), argument_pointers(arguments).data());
  const int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(kExecFailed);
  _exit(kExecFailed);
}

// 0 when the exec that `report` belongs to succeeded, else its errno.
int exec_error(Pipe& report) {
  report.close_write();
  const std::string text = report.read_all();
  int error = 0;
  if (text.size() == sizeof error) std::memcpy(&error, text.data(), sizeof error);
  return error;
}

}  // namespace

std::optional<ProcessId> find_process(pid_t pid) {
  const std::string text = text_of(fmt::format("/proc/{}/stat", pid));
  // The command in parentheses may hold anything, so fields are counted from its end; the state is
  // field 3 and the start time field 22.
  const std::size_t after_name = text.rfind(") ");
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields{text.substr(after_name + 2)};
  std::string field;
  constexpr int kFieldsToStartTime = 20;
  for (int i = 0; i < kFieldsToStartTime; ++i) {
    if (!(fields >> field)) return std::nullopt;
    if (i == 0 && (field == "Z" || field == "X")) return std::nullopt;
  }
  return ProcessId{pid, std::strtoull(field.c_str(), nullptr, 10)};
}

bool is_alive(const ProcessId& process) {
  const auto found = find_process(process.pid);
  return found && found->start_time == process.start_time;
}

bool is_running(std::string_view name) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator entry{"/proc", error}; entry != fs::directory_iterator{};
       entry.increment(error)) {
    const auto pid = static_cast<pid_t>(std::atoi(entry->path().filename().c_str()));
    if (pid <= 0 || !find_process(pid)) continue;
    const std::string found = text_of(entry->path() / "comm");
    if (std::string_view{found}.substr(0, found.find('\n')) == name) return true;
  }
  return false;
}

void end_process(const ProcessId& process, std::chrono::milliseconds patience) {
  constexpr auto kStep = std::chrono::milliseconds{10};
  if (!is_alive(process)) return;
  kill(process.pid, SIGTERM);
  for (auto waited = std::chrono::milliseconds{0}; is_alive(process); waited += kStep) {
    if (waited >= patience) kill(process.pid, SIGKILL);
    std::this_thread::sleep_for(kStep);
  }
  waitpid(process.pid, nullptr, WNOHANG);
}

void kill_processes(const std::vector<ProcessId>& processes) {
  for (const ProcessId& process : processes) {
    if (is_alive(process)) kill(process.pid, SIGKILL);
  }
  for (const ProcessId& process : processes) {
    while (is_alive(process)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    waitpid(process.pid, nullptr, WNOHANG);
  }
}

Result<std::string> find_tool(const std::string& name, const std::string& package) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders{
      fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin", path == nullptr ? "" : path)};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.starts_with('/')) continue;
    const std::string file = fmt::format("{}/{}", folder, name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return fail(ExitCode::Runtime,
              fmt::format("{} is missing; install it with 'apt-get install {}'", name, package));
}

Result<std::string> run(const Arguments& arguments) {
  Pipe output;
  Pipe errors;
  Pipe report;
  const pid_t pid = fork();
  if (pid < 0) return cannot_start(arguments.front(), errno);
  if (pid == 0) {
    dup2(output.write_end, STDOUT_FILENO);
    dup2(errors.write_end, STDERR_FILENO);
    exec_or_report(arguments, report.write_end);
  }
  output.close_write();
  errors.close_write();
  const int error = exec_error(report);
  // Tools write little to standard error, so reading one stream after the other cannot block.
  std::string text = output.read_all();
  const std::string complaint = errors.read_all();
  const int status = wait_for(pid);
  if (error != 0) return cannot_start(arguments.front(), error);
  if (status == 0) return text;
  const bool is_ours =
      status == static_cast<int>(ExitCode::Usage) || status == static_cast<int>(ExitCode::BadInput);
  // What is wrong with a command line comes first, advice after it; others end with the reason.
  const bool is_usage = status == static_cast<int>(ExitCode::Usage);
  return fail(is_ours ? static_cast<ExitCode>(status) : ExitCode::Runtime,
              fmt::format("'{}' failed: {}", spell(arguments),
                          is_usage ? first_line(complaint) : last_line(complaint)));
}

Result<ProcessId> start_daemon(const Arguments& arguments, const std::string& log_file) {
  const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return cannot_start(log_file, errno);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Pipe report;
  const pid_t pid = fork();
  if (pid == 0) {
    setsid();
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    exec_or_report(arguments, report.write_end);
  }
  const int fork_error = errno;
  close(log);
  close(null);
  if (pid < 0) return cannot_start(arguments.front(), fork_error);
  if (const int error = exec_error(report); error != 0) {
    wait_for(pid);
    return cannot_start(arguments.front(), error);
  }
  const auto process = find_process(pid);
  if (process) return *process;
  wait_for(pid);
  return fail(ExitCode::Runtime,
              fmt::format("{} ended at once: {}", arguments.front(), last_line_of(log_file)));
}

Error become(const Arguments& arguments) {
  execv(arguments.front().c_str(), argument_pointers(arguments).data());
  return cannot_start(arguments.front(), errno).value();
}

bool run_in_namespace(const std::string& name, const std::function<bool()>& body) {
  const pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) {
    const int fd = open(fmt::format("/run/netns/{}", name).c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = fd >= 0 && setns(fd, CLONE_NEWNET) == 0 && body();
    _exit(done ? 0 : 1);
  }
  return wait_for(pid) == 0;
}

std::string text_of(const std::string& file) {
  std::ifstream stream{file};
  std::string text;
  // Unlike a stream iterator, getline makes a failed read the end of the text, not an exception: a
  // file of /proc fails once its process has ended.
  std::getline(stream, text, '\0');
  return text;
}

std::string last_line_of(const std::string& file) { return last_line(text_of(file)); }

}  // namespace trawl::control
