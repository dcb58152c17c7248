#include "control/lab/lab_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace trawl::control {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRoot = "/run/trawl-lab";
constexpr std::size_t kLongestName = 16;

}  // namespace

LabState::LabState(std::string lab_name)
    : lab_name_{std::move(lab_name)}, folder_{fmt::format("{}/{}", kRoot, lab_name_)} {}

bool LabState::is_valid_name(const std::string& name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

Result<void> LabState::create() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    return fail(ExitCode::Runtime, fmt::format("cannot make {}: {}", folder_, error.message()));
  }
  return append("# What this lab made: namespaces by inode, processes by start time.");
}

bool LabState::load() {
  namespaces_.clear();
  processes_.clear();
  failures_.clear();
  std::ifstream stream{file("state")};
  if (!stream) return false;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words{line};
    std::string kind;
    std::string name;
    words >> kind >> name;
    if (kind == "namespace") {
      NamespaceId id{name, 0};
      words >> id.inode;
      std::erase_if(namespaces_, [&](const NamespaceId& known) { return known.name == name; });
      namespaces_.push_back(id);
    } else if (kind == "process") {
      LabProcess process{name, {}};
      if (words >> process.id.pid >> process.id.start_time) processes_.push_back(process);
    } else if (kind == "failed") {
      forget_process(name);
      failures_.push_back(name);
    }
  }
  return true;
}

void LabState::remove() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<void> LabState::append(const std::string& line) const {
  std::ofstream stream{file("state"), std::ios::app};
  stream << line << '\n' << std::flush;
  if (stream) return {};
  return fail(ExitCode::Runtime,
              fmt::format("cannot write {}: {}", file("state"), std::strerror(errno)));
}

Result<void> LabState::will_make_namespace(const std::string& name) {
  namespaces_.push_back({name, 0});
  return append(fmt::format("namespace {} 0", name));
}

Result<void> LabState::made_namespace(const std::string& name) {
  namespaces_.back().inode = namespace_inode(name).value_or(0);
  return append(fmt::format("namespace {} {}", name, namespaces_.back().inode));
}

Result<void> LabState::started(const std::string& name, const ProcessId& process) {
  processes_.push_back({name, process});
  return append(fmt::format("process {} {} {}", name, process.pid, process.start_time));
}

Result<void> LabState::failed(const std::string& name) {
  forget_process(name);
  failures_.push_back(name);
  return append(fmt::format("failed {}", name));
}

void LabState::forget_process(const std::string& name) {
  std::erase_if(processes_, [&](const LabProcess& process) { return process.name == name; });
}

std::optional<std::uint64_t> namespace_inode(const std::string& name) {
  struct stat info {};
  if (stat(fmt::format("/run/netns/{}", name).c_str(), &info) != 0) return std::nullopt;
  return info.st_ino;
}

LabLock::LabLock(const std::string& lab_name)
    : file_{fmt::format("{}/{}.lock", kRoot, lab_name)},
      folder_{fmt::format("{}/{}", kRoot, lab_name)} {
  std::error_code ignored;
  fs::create_directories(kRoot, ignored);
  // Whoever held it before may have removed the file that was opened here: then try again.
  while (true) {
    fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) return;
    struct stat ours {};
    struct stat named {};
    const bool is_current =
        fstat(fd_, &ours) == 0 && stat(file_.c_str(), &named) == 0 && ours.st_ino == named.st_ino;
    if (is_current) return;
    close(fd_);
  }
}

LabLock::~LabLock() {
  if (fd_ < 0) return;
  // Only a lab that exists keeps its lock file.
  if (!fs::exists(folder_)) unlink(file_.c_str());
  close(fd_);
}

}  // namespace trawl::control
