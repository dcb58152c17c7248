#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// A program and its arguments; never a shell line.
using Arguments = std::vector<std::string>;

// A process that cannot be mistaken for a later one with the same number.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // Clock ticks since boot, as in /proc/PID/stat.
};

// Nullopt when there is no such process, or only its zombie.
[[nodiscard]] std::optional<ProcessId> find_process(pid_t pid);
[[nodiscard]] bool is_alive(const ProcessId& process);
// Whether any process on this machine has this name, that of its program cut to 15 characters.
[[nodiscard]] bool is_running(std::string_view name);
// SIGTERM, and SIGKILL after `patience`; returns once it is gone. Reaps it when it is our child.
void end_process(const ProcessId& process, std::chrono::milliseconds patience);
// SIGKILL for all of them first; returns once they are gone.
void kill_processes(const std::vector<ProcessId>& processes);

// The absolute path of a tool, looked for in PATH and the system directories. Fails with Runtime,
// naming the Debian package that has it.
[[nodiscard]] Result<std::string> find_tool(const std::string& name, const std::string& package);

// Runs to the end and returns what it wrote to standard output. Fails with Runtime when it cannot
// start or exits with anything but 0; the error's code is the exit code where that is one of ours
// (Usage, BadInput). Quotes the last line it wrote to standard error, after Usage the first.
[[nodiscard]] Result<std::string> run(const Arguments& arguments);

// Starts a process of its own session that outlives this one; its output goes to `log_file`.
[[nodiscard]] Result<ProcessId> start_daemon(const Arguments& arguments,
                                             const std::string& log_file);

// Becomes the program; returns only when that fails.
[[nodiscard]] Error become(const Arguments& arguments);

// Runs `body` in a child process inside the named network namespace. False when the namespace
// cannot be entered or `body` says so.
[[nodiscard]] bool run_in_namespace(const std::string& name, const std::function<bool()>& body);

// A text file up to where it ends or cannot be read on; empty when it cannot be read at all.
[[nodiscard]] std::string text_of(const std::string& file);
// The end of a log for an error message: its last line, without control characters.
[[nodiscard]] std::string last_line_of(const std::string& file);

}  // namespace trawl::control
