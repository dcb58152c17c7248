#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/lab/process.h"

namespace trawl::control {

// A network namespace that cannot be mistaken for a later one with the same name.
struct NamespaceId {
  std::string name;
  std::uint64_t inode = 0;  // 0: it was about to be made when this was written.
};

struct LabProcess {
  std::string name;  // "simnet", "nginx", ...
  ProcessId id;
};

// What one lab has made on this machine, written down before each step, so that a lab that was cut
// off half-way can be taken down too. Lives in the lab's folder under /run/trawl-lab.
class LabState {
 public:
  explicit LabState(std::string lab_name);

  // Letters, digits and dashes, at most 16: the name becomes part of namespace and file names.
  [[nodiscard]] static bool is_valid_name(const std::string& name);

  // Makes the folder and an empty record.
  [[nodiscard]] Result<void> create();
  // Reads the record; false when this lab was never made. Lines that are no record are skipped.
  [[nodiscard]] bool load();
  // Forgets the lab: removes its folder.
  void remove();

  [[nodiscard]] Result<void> will_make_namespace(const std::string& name);
  [[nodiscard]] Result<void> made_namespace(const std::string& name);
  [[nodiscard]] Result<void> started(const std::string& name, const ProcessId& process);
  // A server that did not come up: its process is no part of the lab any more.
  [[nodiscard]] Result<void> failed(const std::string& name);

  [[nodiscard]] const std::string& lab_name() const { return lab_name_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] const std::vector<NamespaceId>& namespaces() const { return namespaces_; }
  [[nodiscard]] const std::vector<LabProcess>& processes() const { return processes_; }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

 private:
  [[nodiscard]] Result<void> append(const std::string& line) const;
  void forget_process(const std::string& name);

  std::string lab_name_;
  std::string folder_;
  std::vector<NamespaceId> namespaces_;
  std::vector<LabProcess> processes_;
  std::vector<std::string> failures_;
};

// The inode of the namespace that has this name now.
[[nodiscard]] std::optional<std::uint64_t> namespace_inode(const std::string& name);

// Holds every other lab command for the same name off for as long as it lives.
class LabLock {
 public:
  explicit LabLock(const std::string& lab_name);
  ~LabLock();
  LabLock(const LabLock&) = delete;
  LabLock& operator=(const LabLock&) = delete;

 private:
  std::string file_;
  std::string folder_;
  int fd_ = -1;
};

}  // namespace trawl::control
