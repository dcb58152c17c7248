#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/cookie.h"

namespace trawl::dataplane {

// Sorted ports as net.ipv4.ip_local_reserved_ports has them: "8080,61000-61063".
class PortList {
 public:
  PortList() = default;
  // What makes no sense is left out.
  [[nodiscard]] static PortList parse(std::string_view text);

  void add(PortRange range);
  void remove(PortRange range);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] const std::vector<PortRange>& ranges() const noexcept { return ranges_; }
  friend bool operator==(const PortList&, const PortList&) noexcept;

 private:
  std::vector<PortRange> ranges_;  // Sorted, apart by at least one port.
};

// What must be known to undo: kept in a file beside the claims.
struct ReservationNotes {
  struct Holder {
    std::string interface;
    PortRange ports;
  };
  std::string original;  // The kernel's text before the first of us came.
  std::string written;   // And as the last of us left it.
  std::vector<Holder> holders;

  [[nodiscard]] static ReservationNotes parse(const std::string& text);
  [[nodiscard]] std::string to_string() const;
  // Takes the holder out; false when it is none.
  bool release(const std::string& interface);
  // What the kernel is to be told now that it says `current`: the original text with the ports of
  // the holders, or, where somebody else changed it meanwhile, their text without what only
  // `released` held.
  [[nodiscard]] std::string wanted(const std::string& current,
                                   const std::vector<PortRange>& released) const;
};

// Keeps the ports that probes leave from out of those the kernel picks for connections of its own
// (ip_local_reserved_ports in the kernel's ip-sysctl.rst) in this network namespace.
//
// Several scans may do so at once: the last to go restores the text that the first found.
class ReservedPorts {
 public:
  // Notes, then reserves. Fails with Device when the kernel does not let us.
  [[nodiscard]] static Result<void> reserve(const std::string& interface, PortRange ports);
  // Undoes that, also for an ended process; false when there was nothing to undo.
  static bool give_back(const std::string& interface);
  // Removes the notes of namespaces that are gone: this one has their inode now.
  static void forget_the_gone() noexcept;
};

}  // namespace trawl::dataplane
