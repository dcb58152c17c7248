#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/probe_kind.h"
#include "osfp/passive/signature.h"

namespace trawl::osfp {

// Whom signatures belong to: "s:unix:Linux:6.x", the class "!" for what is no system but a program
// with packets of its own.
struct OsLabel {
  bool is_generic = false;  // "g": a family at large, where no specific signature suits.
  std::string os_class;     // unix, win, other...
  std::string family;       // Linux, Windows...
  std::string version;      // May be empty.
};

// The SYN-ACK signatures of a file in p0f 3's format (its README, chapter on the fingerprint
// database): lines "name = value", sections in brackets, comments from ';' at the start of a line.
//
//   classes = win,unix,other
//   [tcp:response]
//   label = s:unix:Linux:6.x
//   sig   = *:64:0:*:mss*45,7:mss,sok,ts,nop,ws:df:0
//
// Only [tcp:response] is read, for SYNs with all options that trawl sends, and
// [tcp:response:mss], which p0f does not know, for SYNs with the MSS alone: what a stack answers
// depends on what it is offered. Other sections of such files speak of SYNs, HTTP and links.
struct SignatureFile {
  static constexpr std::size_t kMostSignatures = 65'536;
  static constexpr std::size_t kMostBytes = 16U << 20U;

  struct Entry {
    Signature signature;
    std::size_t label = 0;                                     // In labels.
    std::size_t line = 0;                                      // From 1.
    dataplane::SynOptions syn = dataplane::SynOptions::Linux;  // That such SYN-ACKs answer.
  };
  std::vector<OsLabel> labels;
  std::vector<Entry> entries;

  // `name` is how errors call the text. Fails with BadInput, "NAME:LINE: REASON".
  [[nodiscard]] static Result<SignatureFile> parse(std::string_view text, std::string_view name);
  // Fails with BadInput also when the file cannot be read or is over kMostBytes.
  [[nodiscard]] static Result<SignatureFile> read(const std::string& path);
};

// data/os-signatures, as it was compiled in.
[[nodiscard]] std::string_view builtin_signature_text() noexcept;

}  // namespace trawl::osfp
