#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/port_class.h"
#include "base/units.h"
#include "control/survey/reserved_memory.h"

namespace trawl::control {

// What is known of each open port of a survey: its class, or that nothing came yet.
//
// Four bits a target in an array where that fits the memory given, of which only pages with open
// ports are ever touched; otherwise an exact table of the open ports.
//
// Thread: one user. Throws std::bad_alloc.
class PortClasses {
 public:
  using Counts = std::array<std::uint64_t, kPortClasses>;

  PortClasses(std::uint64_t targets, ByteCount memory);

  // An open port, of which nothing is known yet; no news of one that is known or told. Needs index
  // < targets.
  void found(std::uint64_t index);
  // What it is, open before or not. Of two classes of a port the one that rests on more stays:
  // service, tarpit, zero-window, resets, accepts, and last middlebox, which may be nothing but
  // silence. Returns whether it changed.
  bool note(std::uint64_t index, PortClass port_class);
  // That the fact of a port is told, found open or not: false when it was before, whoever has more
  // to say then.
  bool tell_once(std::uint64_t index);
  // nullopt of a port that was not found open.
  [[nodiscard]] std::optional<PortClass> at(std::uint64_t index) const;

  // Of open ports by class; Unknown are those of which nothing came.
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t count(PortClass port_class) const noexcept {
    return counts_[static_cast<std::size_t>(port_class)];
  }
  // The next port that is Unknown, nullopt at the end. `from` is 0, and then what the last call
  // left in it; note() of ports told already may come between, found() may not.
  [[nodiscard]] std::optional<std::uint64_t> next_unknown(std::uint64_t& from) const;

 private:
  [[nodiscard]] unsigned cell(std::uint64_t index) const;
  void set_cell(std::uint64_t index, unsigned value);
  [[nodiscard]] std::size_t slot_of(std::uint64_t index) const noexcept;
  void grow();

  static constexpr unsigned kClassBits = 4;  // Of a cell: 0, or 1 + class, and...
  static constexpr unsigned kTold = 8;       // ...this when it is told.

  std::uint64_t targets_;
  ReservedMemory array_memory_;
  std::uint64_t* array_ = nullptr;  // 16 targets a word; null when the table is used.
  // Open addressing: (index + 1) << kClassBits | cell; 0 is free.
  std::vector<std::uint64_t> table_;
  std::uint64_t used_ = 0;
  Counts counts_{};
};

}  // namespace trawl::control
