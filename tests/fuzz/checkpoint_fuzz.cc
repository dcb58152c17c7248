// A checkpoint whose plan, or whose state, is anything at all.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "control/survey/checkpoint/checkpoint.h"
#include "tests/fuzz/error_check.h"

namespace {

using namespace trawl;
using namespace trawl::control;

void parse_plan(std::span<const char> bytes) {
  const auto plan = parse_checkpoint_plan(bytes, "x");
  if (!plan) return check_error(plan.error(), ExitCode::BadInput);
  if (serialise(*plan).size() != bytes.size()) std::abort();
}

constexpr std::size_t kStateSize = 4 * kCheckpointPage;  // Live state and slots.

// A good file for all inputs of this process: its name, where those are in it, and how they were.
struct Good {
  std::string name;
  std::streamoff offset = 0;
  std::string state = std::string(kStateSize, 0);
};

// It is in no folder by the time it is used: nothing is left behind, however the process ends.
std::string make_good_file() {
  const std::string path = "/tmp/trawl-checkpoint-fuzz-" + std::to_string(getpid());
  unlink(path.c_str());
  CheckpointPlan plan;
  plan.ports = {80};
  plan.addresses = {{Ipv4Address{1}, Ipv4Address{1000}}};
  auto made = Checkpoint::create(path, plan);
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  unlink(path.c_str());
  if (!made || fd < 0) std::abort();
  (void)(*made)->begin_sweep(1);
  for (std::uint64_t i = 0; i < 10; ++i) (void)(*made)->record({.index = i}, {});
  return "/proc/self/fd/" + std::to_string(fd);
}

const Good& good_file() {
  static const Good good = [] {
    Good made;
    made.name = make_good_file();
    CheckpointHeader header;
    std::ifstream file{made.name, std::ios::binary};
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    made.offset = static_cast<std::streamoff>(header.live_offset);
    file.seekg(made.offset);
    file.read(made.state.data(), kStateSize);
    if (!file) std::abort();
    return made;
  }();
  return good;
}

// Overwrites live state and slots of a good file, and opens it.
void open_file(std::span<const char> bytes) {
  constexpr std::size_t kBootId = 64;  // Stays, so that the live state counts.
  const Good& good = good_file();
  std::string state = good.state;
  std::copy_n(bytes.begin(), std::min(bytes.size(), kStateSize - kBootId), state.begin() + kBootId);
  std::fstream file{good.name, std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(good.offset);
  file.write(state.data(), kStateSize);
  file.close();
  const auto opened = Checkpoint::open(good.name);
  if (!opened) return check_error(opened.error(), ExitCode::BadInput);
  Checkpoint& checkpoint = **opened;
  const auto& restored = checkpoint.restored();
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(restored.journal, 100); ++i) {
    const auto entry = checkpoint.entry(i);
    if (!entry) check_error(entry.error(), ExitCode::BadInput);
  }
  for (std::uint64_t i = restored.outputs.journal;
       i < std::min(restored.journal, restored.outputs.journal + 100); ++i) {
    const Verdict verdict = checkpoint.unwritten(i);
    if (to_string(verdict.state).empty() || to_string(verdict.reason).empty()) std::abort();
  }
  (void)checkpoint.continue_sweep();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const char> bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (data[0] % 2 == 0) {
    parse_plan(bytes);
  } else {
    open_file(bytes);
  }
  return 0;
}
