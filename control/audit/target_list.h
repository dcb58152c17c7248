#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/audit/address_hash.h"
#include "control/audit/audit_options.h"
#include "control/audit/audit_scope.h"
#include "control/audit/engine/probe_set.h"
#include "control/audit/random_targets.h"
#include "control/audit/resume/seen_hosts.h"
#include "control/audit/target_block.h"
#include "control/audit/target_file.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// A host to look at, as the user named it.
struct AuditTarget {
  IpAddress ip;
  std::string name;                         // "" where an address was given.
  std::vector<IpAddress> others;            // Addresses of that name which are left alone.
  std::shared_ptr<const ScanList> scans{};  // Of ports of its own; nullptr for those of all.
  unsigned zone = 0;  // The interface that a link-local address is meant on, 0 for any.
};

// The targets of an audit, one after the other: those of the command line, then those of files.
// Expressions are taken apart when they are reached, so that a list of any length costs no memory;
// one that means nothing is told of by `warn`, and the rest goes on.
//
// Thread: one user; names are waited for.
class TargetList {
 public:
  using Warn = std::function<void(std::string_view)>;
  // The scans of a target that has ports of its own. Fails in Nmap's words.
  using PortPlanner = std::function<AuditResult<std::shared_ptr<const ScanList>>(
      const std::vector<std::string>& ports)>;

  // Opens files and takes excludes in; leaves out who is not of `scope`, which outlives the list.
  // Fails with a Value error: a file that cannot be read, an exclude that means nothing, random
  // targets without a scope.
  [[nodiscard]] static AuditResult<TargetList> open(const AuditOptions& options,
                                                    std::shared_ptr<service::NameResolver> resolver,
                                                    const AuditScope& scope, Warn warn);
  // Without one, ports of targets' own mean nothing, which is said once.
  void plan_ports_with(PortPlanner planner) { planner_ = std::move(planner); }

  // These are left out, each as often as it is there.
  void skip(SeenHosts hosts) { skipped_ = std::move(hosts); }

  // One more expression, behind those there are, with or without ports of its own.
  void add(std::string_view expression);

  // nullopt behind the last.
  [[nodiscard]] std::optional<AuditTarget> next();
  // Targets that were left out because trawl.conf(5) blocks them, and those outside of the scope.
  struct LeftOut {
    std::uint64_t blocked = 0;
    std::uint64_t outside = 0;
  };
  // Once the list is at its end.
  [[nodiscard]] LeftOut left_out() const noexcept { return left_out_; }
  // Says so, if there are any.
  void tell_left_out() const;
  // Who is told what is wrong from now on; returns who was so far.
  Warn warn_with(Warn warn) { return std::exchange(warn_, std::move(warn)); }
  void warn(std::string_view text) const { warn_(text); }
  // Input is not waited for any more: the list is at its end. From any thread.
  void stop() noexcept {
    *is_stopped_ = true;
    resolver_->interrupt();
  }
  // How many are left, as far as that is known: a name counts as one, a file as none, and whoever
  // is excluded is counted.
  [[nodiscard]] double remaining() const;

 private:
  TargetList(const AuditOptions& options, std::shared_ptr<service::NameResolver> resolver,
             const AuditScope& scope, Warn warn);
  [[nodiscard]] AuditResult<void> draw_at_random(const AuditOptions& options);
  [[nodiscard]] AuditResult<void> exclude(std::string_view text);
  [[nodiscard]] AuditResult<void> exclude_words(const std::string& path);
  void add_excluded(const TargetBlock& block);
  [[nodiscard]] std::optional<TargetWord> next_word();
  void read_ahead(TargetWord first);
  void close_file();
  [[nodiscard]] std::vector<std::string> good_ports(const TargetWord& word);
  void begin(const TargetWord& word);
  [[nodiscard]] std::vector<TargetBlock> within_scope(TargetBlock block);
  void begin_name(const NamedTarget& named, const std::shared_ptr<const ScanList>& scans);
  [[nodiscard]] std::optional<AuditTarget> next_in_order();
  [[nodiscard]] std::optional<AuditTarget> next_at_random();
  [[nodiscard]] bool is_excluded(const IpAddress& address);

  struct Block {
    TargetBlock addresses;
    Uint128 next = 0;
    std::optional<IpAddress> named;  // Which of them has the name.
    std::string name{};
    std::vector<IpAddress> others{};
    std::shared_ptr<const ScanList> scans{};
    unsigned zone = 0;
  };
  AddressFamily family_;
  bool resolve_all_;
  bool unique_;
  bool randomize_;
  std::shared_ptr<service::NameResolver> resolver_;
  Warn warn_;
  PortPlanner planner_;
  bool told_of_ports_ = false;
  bool reads_pipe_ = false;
  std::shared_ptr<std::atomic<bool>> is_stopped_ = std::make_shared<std::atomic<bool>>(false);
  std::deque<TargetWord> words_;  // Read already.
  std::deque<std::unique_ptr<TargetFile>> files_;
  const AuditScope* scope_;
  AddressList excluded_;
  std::vector<TargetBlock> excluded_blocks_;  // Those with gaps.
  std::optional<RandomTargets> random_targets_;
  std::deque<Block> blocks_;
  LeftOut left_out_;
  std::unordered_set<IpAddress, AddressHash> seen_;  // With --unique.
  SeenHosts skipped_;                                // With --resume.
  std::vector<AuditTarget> shuffled_;                // With --randomize-hosts; taken from the end.
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace trawl::control
