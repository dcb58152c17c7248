#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/exception/locked_file.h"

namespace trawl::dataplane {

// Says to other processes that an interface is in use, for as long as this lives, and notes what
// was changed in the kernel for it: the notes of a killed process tell the next what to undo.
//
// The lock is on a file under /run, named after network namespace and interface: interfaces of the
// same name in different namespaces are different ones.
class InterfaceClaim {
 public:
  InterfaceClaim() = default;
  // Undoes what a killed owner left behind. Fails with Device when another trawl has the interface.
  // Where /run can not be written to, there is no lock, no note and no failure.
  [[nodiscard]] static Result<InterfaceClaim> take(const std::string& interface);
  ~InterfaceClaim() { file_.remove(); }
  InterfaceClaim(InterfaceClaim&&) noexcept = default;
  InterfaceClaim& operator=(InterfaceClaim&&) noexcept = default;

  // To be called before the change is made.
  void note_firewall_table(const std::string& table);
  [[nodiscard]] const std::string& interface() const noexcept { return interface_; }

 private:
  void write_notes();

  std::string interface_;
  LockedFile file_;
  std::vector<std::string> tables_;
};

// Who holds the claim on an interface; 0: nobody.
[[nodiscard]] int claim_owner(const std::string& interface);

// Undoes what killed processes left on interfaces of this network namespace, and says what that
// was, a sentence each. What a live process uses is not touched.
[[nodiscard]] std::vector<std::string> mend_leftovers();
// As that, for one interface; also finds what no note tells of.
[[nodiscard]] std::vector<std::string> mend_interface(const std::string& interface);

}  // namespace trawl::dataplane
