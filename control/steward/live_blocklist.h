#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/steward/address_list.h"

namespace trawl::control {

enum class ListKind : std::uint8_t { Blocklist, OptOut };

// "blocklist" or "opt-out list".
[[nodiscard]] std::string_view to_string(ListKind kind) noexcept;

// One file of addresses that no probe may reach, as it was last read.
struct ListFile {
  ListKind kind = ListKind::Blocklist;
  std::string path;
  std::string sha256;  // Of the bytes of the file.
  AddressList list;
};

// Everything a survey must not touch, with the files it comes from, which may be read again while
// the survey runs.
//
// What was blocked at the start stays blocked until the end: the order of the targets is made from
// it. An entry that a later reading brings is blocked from then on, and until a reading no longer
// has it. A file that cannot be read or parsed keeps what it last held, so a slip of the pen never
// opens what was closed.
//
// Thread: the control thread. Cost: a reading of a million prefixes takes the best part of a
// second.
class LiveBlocklist {
 public:
  // Blocks nothing.
  LiveBlocklist() = default;

  // Reads the files at `blocklists` and `opt_outs`. `fixed` is blocked besides, always. Fails with
  // BadInput when a file cannot be read: a survey does not start with a list it does not know.
  [[nodiscard]] static Result<LiveBlocklist> open(AddressList fixed,
                                                  std::span<const std::string> blocklists,
                                                  std::span<const std::string> opt_outs);

  // What reload() found.
  struct Reading {
    bool changed = false;               // blocked() is another set than before.
    std::vector<std::string> problems;  // One sentence for each file that kept its old list.
  };
  // Reads every file again.
  [[nodiscard]] Reading reload();

  [[nodiscard]] const AddressList& blocked() const noexcept { return blocked_; }
  // SHA-256 of blocked() as text; see AddressList::digest().
  [[nodiscard]] const std::string& digest() const noexcept { return digest_; }
  // The same as it was when the survey started.
  [[nodiscard]] const std::string& first_digest() const noexcept { return first_digest_; }
  [[nodiscard]] std::span<const ListFile> files() const noexcept { return files_; }
  // How many times reload() was called.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }

 private:
  void merge();

  AddressList fixed_;  // After open(): everything blocked at the start.
  AddressList blocked_;
  std::vector<ListFile> files_;
  std::string digest_;
  std::string first_digest_;
  std::uint64_t reloads_ = 0;
};

}  // namespace trawl::control
