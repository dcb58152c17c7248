#include "dataplane/exception/interface_claim.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "base/log.h"
#include "dataplane/exception/firewall.h"
#include "dataplane/exception/reserved_ports.h"
#include "dataplane/exception/xdp_program.h"

namespace trawl::dataplane {
namespace {

struct Notes {
  int pid = 0;
  NetworkNamespace space;
  std::string boot;
  std::vector<std::string> tables;
};

std::string boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  file >> id;
  return id;
}

Notes parse_notes(const std::string& text) {
  Notes notes;
  std::istringstream lines{text};
  std::string key;
  std::string value;
  while (lines >> key >> value) {
    const auto number = [&](auto& into) {
      std::from_chars(value.data(), value.data() + value.size(), into);
    };
    if (key == "pid") number(notes.pid);
    if (key == "namespace") number(notes.space.cookie);
    if (key == "boot") notes.boot = value;
    if (key == "table") notes.tables.push_back(value);
  }
  return notes;
}

std::string prefix_of(const NetworkNamespace& space) { return fmt::format("{}.", space.inode); }

std::string path_of(const std::string& interface) {
  return fmt::format("{}/{}{}", LockedFile::kFolder, prefix_of(NetworkNamespace::current()),
                     interface);
}

// Whoever looks whether a claim is held takes it for a moment.
LockedFile::Status open_patiently(LockedFile& file, const std::string& path) {
  constexpr int kTries = 20;
  auto status = LockedFile::Status::Busy;
  for (int i = 0; i < kTries && status == LockedFile::Status::Busy; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    status = file.open(path, LockedFile::Wait::No);
  }
  return status;
}

enum class Depth {
  Noted,  // What the notes tell of.
  All     // And what looks like ours.
};

// Needs the lock, or what looks left behind might be in use.
std::vector<std::string> mend(const LockedFile& file, const std::string& interface, Depth depth) {
  std::vector<std::string> done;
  const Notes notes = parse_notes(file.read());
  const bool same_place =
      notes.boot == boot_id() && notes.space.cookie == NetworkNamespace::current().cookie;
  const bool was_used = notes.pid != 0 && same_place;
  if (remove_stale_xdp(interface, was_used ? StaleXdp::OursOrLibxdps : StaleXdp::Ours)) {
    done.push_back(fmt::format("{}: took the XDP program of an ended trawl off it", interface));
  }
  std::vector<std::string> tables;
  if (same_place) tables = notes.tables;
  if (depth == Depth::All) {
    for (std::string& table : firewall_tables_of(interface)) {
      if (std::find(tables.begin(), tables.end(), table) == tables.end()) {
        tables.push_back(std::move(table));
      }
    }
  }
  for (const std::string& table : tables) {
    if (remove_firewall_table(table)) {
      done.push_back(
          fmt::format("{}: removed the firewall table {} of an ended trawl", interface, table));
    }
  }
  if (ReservedPorts::give_back(interface)) {
    done.push_back(fmt::format(
        "{}: gave the ports that an ended trawl had reserved back to the kernel", interface));
  }
  return done;
}

}  // namespace

Result<InterfaceClaim> InterfaceClaim::take(const std::string& interface) {
  for (const std::string& done : mend_leftovers()) log_info("{}", done);
  InterfaceClaim claim;
  claim.interface_ = interface;
  if (open_patiently(claim.file_, path_of(interface)) == LockedFile::Status::Busy) {
    return fail(ExitCode::Device,
                fmt::format("--link {}: another trawl is using the interface; wait for it, or "
                            "name another interface",
                            interface));
  }
  // A process that could not write notes leaves a program that still tells by its name.
  for (const std::string& done : mend(claim.file_, interface, Depth::Noted)) {
    log_info("{}", done);
  }
  claim.write_notes();
  return claim;
}

void InterfaceClaim::note_firewall_table(const std::string& table) {
  tables_.push_back(table);
  write_notes();
}

void InterfaceClaim::write_notes() {
  std::string text = fmt::format("pid {}\nnamespace {}\nboot {}\n", getpid(),
                                 NetworkNamespace::current().cookie, boot_id());
  for (const std::string& table : tables_) text += fmt::format("table {}\n", table);
  (void)file_.write(std::move(text));
}

int claim_owner(const std::string& interface) {
  const std::string path = path_of(interface);
  if (!std::filesystem::exists(path)) return 0;
  LockedFile file;
  if (open_patiently(file, path) != LockedFile::Status::Busy) return 0;
  std::ifstream notes{path};
  return parse_notes({std::istreambuf_iterator<char>{notes}, {}}).pid;
}

std::vector<std::string> mend_leftovers() {
  ReservedPorts::forget_the_gone();
  std::vector<std::string> done;
  const std::string prefix = prefix_of(NetworkNamespace::current());
  std::vector<std::string> interfaces;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{LockedFile::kFolder, none}) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix)) interfaces.push_back(name.substr(prefix.size()));
  }
  for (const std::string& interface : interfaces) {
    LockedFile file;
    if (file.open(path_of(interface), LockedFile::Wait::No) != LockedFile::Status::Locked) continue;
    auto mended = mend(file, interface, Depth::Noted);
    std::move(mended.begin(), mended.end(), std::back_inserter(done));
    file.remove();
  }
  return done;
}

std::vector<std::string> mend_interface(const std::string& interface) {
  LockedFile file;
  if (open_patiently(file, path_of(interface)) == LockedFile::Status::Busy) return {};
  auto done = mend(file, interface, Depth::All);
  file.remove();
  return done;
}

}  // namespace trawl::dataplane
