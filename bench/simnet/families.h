#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "osfp/passive/signature_file.h"

namespace trawl::simnet {

// How the SYN-ACKs of one stack look: what a signature of SYN-ACKs says, with what it leaves open
// drawn for each host.
struct StackStyle {
  std::uint8_t initial_ttl = 64;
  osfp::WindowRule window_rule = osfp::WindowRule::Any;
  std::uint16_t window = 0;       // The number in the rule.
  bool is_scale_open = false;     // Any scale; then
  std::uint8_t scale_at = 0;      // here in the options, 0 for nowhere.
  std::uint8_t mss_at = 0;        // Where the value of the MSS is; 0 for nowhere.
  std::uint8_t stamp_at = 0;      // Where the value of the timestamp is; 0 for nowhere.
  std::uint8_t options_size = 0;  // A multiple of four.
  bool has_df = false;
  bool has_id = false;
  bool has_flow_label = false;  // Over IPv6.
  std::array<std::byte, 40> options{};
};

// A SYN-ACK of one host: its style with everything drawn.
struct StackReply {
  const StackStyle* stack = nullptr;
  std::uint8_t ttl = 64;
  std::uint8_t scale = 0;
  std::uint16_t window = 0;
  std::uint16_t mss = 0;
};

// The operating systems of a population, as a signature file has them (osfp/passive): hosts draw a
// family first and a signature of it then, so that rare families are as frequent as others. What
// one answers depends on the SYN, as do the sections of the file.
//
// Left out are signatures with IP options, data, or quirks that no stack has on purpose.
// Thread: immutable once made. Cost: of a choice, two hashes.
class Families {
 public:
  // `forwarded` is the share of hosts half of whose ports are those of another machine. Fails with
  // BadInput when the file cannot be read, is none or holds nothing that can be simulated.
  [[nodiscard]] static Result<Families> read(const std::string& path, double forwarded);
  Families(const osfp::SignatureFile& file, double forwarded);

  enum class Syn : std::uint8_t { Full, MssAlone };
  // What the host of this draw answers on `port`; its stack is nullptr when its family has nothing
  // for such a SYN.
  [[nodiscard]] StackReply choose(std::uint64_t draw, std::uint16_t port, Syn syn,
                                  bool is_ipv6) const noexcept;
  // Of the machine that `port` of this host is on.
  [[nodiscard]] std::string_view family(std::uint64_t draw, std::uint16_t port) const noexcept;
  [[nodiscard]] bool is_forwarded(std::uint64_t draw) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return families_.empty(); }

 private:
  struct Family {
    std::string name;
    std::array<std::vector<StackStyle>, 4> stacks;  // By SYN, then by version of IP.
  };
  [[nodiscard]] std::uint64_t machine(std::uint64_t draw, std::uint16_t port) const noexcept;

  std::vector<Family> families_;
  std::uint64_t forwarded_ = 0;  // Threshold of 32-bit draws.
};

}  // namespace trawl::simnet
