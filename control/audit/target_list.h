#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "control/audit/address_hash.h"
#include "control/audit/audit_options.h"
#include "control/audit/target_block.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// A host to look at, as the user named it.
struct AuditTarget {
  IpAddress ip;
  std::string name;               // "" where an address was given.
  std::vector<IpAddress> others;  // Addresses of that name which are left alone.
};

// The targets of an audit, one after the other: those of the command line, then those of files.
// Expressions are taken apart when they are reached, so that a list of any length costs no memory;
// one that means nothing is told of by `warn`, and the rest goes on.
//
// Thread: one user; names are waited for.
class TargetList {
 public:
  using Warn = std::function<void(std::string_view)>;

  // Opens files and takes excludes in. Fails with a Value error: a file that cannot be read, an
  // exclude that means nothing.
  [[nodiscard]] static AuditResult<TargetList> open(const AuditOptions& options,
                                                    std::shared_ptr<service::NameResolver> resolver,
                                                    Warn warn);

  // nullopt behind the last.
  [[nodiscard]] std::optional<AuditTarget> next();

 private:
  // The words of a file: apart by white space, "#" before a comment.
  class File;
  struct Closer {
    void operator()(File* file) const noexcept;
  };
  using FilePointer = std::unique_ptr<File, Closer>;

  TargetList(const AuditOptions& options, std::shared_ptr<service::NameResolver> resolver,
             Warn warn);
  [[nodiscard]] AuditResult<void> exclude(std::string_view text);
  [[nodiscard]] AuditResult<void> exclude_words(const std::string& path);
  [[nodiscard]] std::optional<std::string> next_expression();
  void begin(const std::string& expression);
  void begin_name(const NamedTarget& named);
  [[nodiscard]] std::optional<AuditTarget> next_in_order();
  [[nodiscard]] bool is_excluded(const IpAddress& address) const noexcept;

  struct Block {
    TargetBlock addresses;
    Uint128 next = 0;
    std::optional<IpAddress> named;  // Which of them has the name.
    std::string name{};
    std::vector<IpAddress> others{};
  };
  AddressFamily family_;
  bool resolve_all_;
  bool unique_;
  bool randomize_;
  std::shared_ptr<service::NameResolver> resolver_;
  Warn warn_;
  std::deque<std::string> expressions_;
  std::deque<FilePointer> files_;
  std::vector<TargetBlock> excluded_;
  std::deque<Block> blocks_;
  std::unordered_set<IpAddress, AddressHash> seen_;  // With --unique.
  std::vector<AuditTarget> shuffled_;                // With --randomize-hosts; taken from the end.
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace trawl::control
