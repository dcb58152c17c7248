#include "service/match/match_workers.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "service/match/worker_arena.h"

namespace trawl::service {
namespace {

// Orders what submit() did before what a task does, where the thread sanitizer sees it too.
std::atomic<std::uint64_t> handed_over{0};

}  // namespace

// All hand-over is by the mutex: a task only says that there is something to do.
struct MatchWorkers::State {
  State(std::shared_ptr<const MatchEngine> used, std::function<void()> waker, unsigned threads)
      : engine{std::move(used)}, wake{std::move(waker)}, arena{threads} {}

  void run_one();

  std::shared_ptr<const MatchEngine> engine;
  std::function<void()> wake;
  WorkerArena arena;

  std::mutex mutex;
  std::condition_variable idle;
  std::deque<Done> waiting;
  std::vector<Done> done;
  std::uint64_t last_id = 0;
  std::size_t tasks = 0;    // Enqueued and not over.
  std::size_t pending = 0;  // Submitted and not taken.
};

void MatchWorkers::State::run_one() {
  std::unique_lock lock{mutex};
  if (!waiting.empty()) {
    Done item = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    item.match = engine->match({.probe = item.work.probe, .response = item.work.response});
    lock.lock();
    done.push_back(std::move(item));
    // Whoever has been woken for the first one takes all of them.
    if (done.size() == 1 && wake) {
      lock.unlock();
      wake();
      lock.lock();
    }
  }
  // Under the lock: the last task to go must not touch what is destroyed then.
  if (--tasks == 0) idle.notify_all();
}

MatchWorkers::MatchWorkers(std::shared_ptr<const MatchEngine> engine, std::function<void()> wake,
                           unsigned threads)
    : state_{std::make_unique<State>(std::move(engine), std::move(wake), threads)} {}

MatchWorkers::~MatchWorkers() {
  std::unique_lock lock{state_->mutex};
  state_->waiting.clear();
  state_->idle.wait(lock, [this] { return state_->tasks == 0; });
}

std::uint64_t MatchWorkers::submit(Work work) {
  std::uint64_t id = 0;
  {
    const std::scoped_lock lock{state_->mutex};
    id = ++state_->last_id;
    state_->waiting.push_back({.id = id, .work = std::move(work), .match = {}});
    ++state_->tasks;
    ++state_->pending;
  }
  handed_over.fetch_add(1, std::memory_order_release);
  const auto run = [](void* state) {
    static_cast<void>(handed_over.load(std::memory_order_acquire));
    static_cast<State*>(state)->run_one();
  };
  state_->arena.enqueue(run, state_.get());
  return id;
}

std::vector<MatchWorkers::Done> MatchWorkers::take() {
  const std::scoped_lock lock{state_->mutex};
  state_->pending -= state_->done.size();
  return std::exchange(state_->done, {});
}

std::size_t MatchWorkers::pending() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->pending;
}

}  // namespace trawl::service
