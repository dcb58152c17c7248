#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "control/audit/address_hash.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// Asks for the names of hosts beside the scan: what is asked for while an answer is awaited goes
// out together after it, or each on its own where several threads may ask.
//
// Thread: ask() and take() from one other thread.
class NameThread {
 public:
  struct Name {
    std::uint64_t host = 0;
    std::string text;  // "" for none.
  };

  explicit NameThread(std::shared_ptr<service::NameResolver> resolver);
  ~NameThread();
  NameThread(const NameThread&) = delete;
  NameThread& operator=(const NameThread&) = delete;

  void ask(std::uint64_t host, const IpAddress& ip);
  // Those found since the last call.
  [[nodiscard]] std::vector<Name> take();

 private:
  using Questions = std::deque<std::pair<std::uint64_t, IpAddress>>;

  void work();
  [[nodiscard]] Questions take_questions();
  void answer(const Questions& batch, std::unique_lock<std::mutex>& lock);

  std::shared_ptr<service::NameResolver> resolver_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  Questions asked_;
  std::vector<Name> found_;
  std::unordered_map<IpAddress, std::string, AddressHash> known_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace trawl::control
