#include "control/survey/checkpoint/slot_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace trawl::control {
namespace {

// By name: to the kernel it is the same file, whoever has it open. Pipes and devices have no disk.
Result<void> make_last(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  const bool failed = fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS;
  const int error = errno;
  close(fd);
  if (!failed) return {};
  return fail(ExitCode::Output, fmt::format("{} cannot be made to last: {}", path,
                                            std::system_category().message(error)));
}

}  // namespace

SlotWriter::SlotWriter(Checkpoint& checkpoint, std::vector<std::string> outputs)
    : checkpoint_{checkpoint}, outputs_{std::move(outputs)}, thread_{[this] { run(); }} {}

SlotWriter::~SlotWriter() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<bool> SlotWriter::begin(const Slot& slot) {
  const std::lock_guard lock{mutex_};
  if (error_) return Failure{*std::exchange(error_, std::nullopt)};
  if (busy_ || wanted_) return false;
  wanted_ = slot;
  changed_.notify_all();
  return true;
}

Result<void> SlotWriter::finish(const Slot& slot) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !busy_ && !wanted_; });
  return write(slot);
}

void SlotWriter::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || wanted_; });
    if (!wanted_) return;
    const Slot slot = *std::exchange(wanted_, std::nullopt);
    busy_ = true;
    lock.unlock();
    const auto written = write(slot);
    lock.lock();
    busy_ = false;
    if (!written) error_ = written.error();
    changed_.notify_all();
  }
}

Result<void> SlotWriter::write(const Slot& slot) {
  for (const std::string& path : outputs_) {
    if (auto last = make_last(path); !last) return last;
  }
  return checkpoint_.write_slot(slot);
}

}  // namespace trawl::control
