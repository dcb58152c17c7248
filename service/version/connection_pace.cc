#include "service/version/connection_pace.h"

#include <algorithm>

namespace trawl::service {

ConnectionPace::ConnectionPace(std::size_t most, std::size_t most_of_host)
    : most_{std::max<std::size_t>(most, 1)},
      most_of_host_{std::max<std::size_t>(most_of_host, 1)} {}

void ConnectionPace::ask(const IpAddress& host, Ask ask, Rank rank) {
  hosts_[host].asks[static_cast<std::size_t>(rank)].push_back(ask);
  ++waiting_;
}

void ConnectionPace::give_back(const IpAddress& host, const Ask& ask) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return;
  Host& of = found->second;
  std::size_t waited = 0;
  for (std::deque<Ask>& asks : of.asks) waited += std::erase(asks, ask);
  waiting_ -= waited;
  if (waited == 0 && of.open > 0) {
    --of.open;
    --open_;
  }
  const bool is_idle = std::ranges::all_of(of.asks, &std::deque<Ask>::empty);
  if (of.open == 0 && is_idle) hosts_.erase(found);
}

bool ConnectionPace::grant_one(Host& host, Rank rank, std::vector<Ask>& granted) {
  std::deque<Ask>& asks = host.asks[static_cast<std::size_t>(rank)];
  if (asks.empty() || open_ >= most_ || host.open >= most_of_host_) return false;
  granted.push_back(asks.front());
  asks.pop_front();
  ++host.open;
  ++open_;
  --waiting_;
  return true;
}

std::vector<ConnectionPace::Ask> ConnectionPace::granted() {
  std::vector<Ask> granted;
  for (const Rank rank : {Rank::Next, Rank::First, Rank::Beside}) {
    bool any = waiting_ > 0;
    while (any && waiting_ > 0 && open_ < most_) {
      any = false;
      // A round, one of each host, from where the last one ended.
      auto at = hosts_.lower_bound(next_);
      for (std::size_t left = hosts_.size(); left > 0 && open_ < most_; --left, ++at) {
        if (at == hosts_.end()) at = hosts_.begin();
        if (grant_one(at->second, rank, granted)) any = true;
      }
      next_ = at == hosts_.end() ? IpAddress{} : at->first;
    }
  }
  return granted;
}

}  // namespace trawl::service
