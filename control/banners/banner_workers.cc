#include "control/banners/banner_workers.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include "service/match/worker_arena.h"

namespace trawl::control {
namespace {

// Orders what submit() did before what a task does, where the thread sanitizer sees it too.
std::atomic<std::uint64_t> handed_over{0};

}  // namespace

// All hand-over is by the mutex: a task only says that there is something to do.
struct BannerWorkers::State {
  State(std::shared_ptr<const BannerRecogniser> used, unsigned threads)
      : recogniser{std::move(used)}, arena{threads}, batches(kBatches) {
    for (Batch& batch : batches) empty.push_back(&batch);
  }

  void run_one();

  std::shared_ptr<const BannerRecogniser> recogniser;
  service::WorkerArena arena;
  std::vector<Batch> batches;
  std::vector<Batch*> empty;  // Of the user alone.

  std::mutex mutex;
  std::condition_variable news;
  std::deque<Batch*> waiting;
  std::deque<Batch*> done;
  std::size_t tasks = 0;  // Enqueued and not over.
};

void BannerWorkers::State::run_one() {
  std::unique_lock lock{mutex};
  if (!waiting.empty()) {
    Batch* const batch = waiting.front();
    waiting.pop_front();
    lock.unlock();
    for (std::size_t i = 0; i < batch->count; ++i) {
      const dataplane::Banner& banner = *batch->banners[i];
      if (banner.length == 0) continue;
      const std::span<const std::byte> bytes = banner.bytes();
      batch->known[i] = recogniser->recognise(
          banner.payload, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    lock.lock();
    done.push_back(batch);
  }
  // Under the lock: the last task to go must not touch what is destroyed then.
  --tasks;
  news.notify_all();
}

BannerWorkers::BannerWorkers(std::shared_ptr<const BannerRecogniser> recogniser, unsigned threads)
    : state_{std::make_unique<State>(std::move(recogniser), threads)} {}

BannerWorkers::~BannerWorkers() {
  std::unique_lock lock{state_->mutex};
  state_->news.wait(lock, [this] { return state_->tasks == 0; });
}

BannerWorkers::Batch* BannerWorkers::obtain() noexcept {
  if (state_->empty.empty()) return nullptr;
  Batch* const batch = state_->empty.back();
  state_->empty.pop_back();
  return batch;
}

void BannerWorkers::submit(Batch* batch) {
  {
    const std::scoped_lock lock{state_->mutex};
    state_->waiting.push_back(batch);
    ++state_->tasks;
  }
  handed_over.fetch_add(1, std::memory_order_release);
  const auto run = [](void* state) {
    static_cast<void>(handed_over.load(std::memory_order_acquire));
    static_cast<State*>(state)->run_one();
  };
  state_->arena.enqueue(run, state_.get());
}

BannerWorkers::Batch* BannerWorkers::take() {
  const std::scoped_lock lock{state_->mutex};
  if (state_->done.empty()) return nullptr;
  Batch* const batch = state_->done.front();
  state_->done.pop_front();
  return batch;
}

void BannerWorkers::release(Batch* batch) noexcept {
  for (std::size_t i = 0; i < batch->count; ++i) batch->known[i].reset();
  batch->count = 0;
  state_->empty.push_back(batch);
}

std::size_t BannerWorkers::under_way() const noexcept { return kBatches - state_->empty.size(); }

void BannerWorkers::wait() {
  std::unique_lock lock{state_->mutex};
  state_->news.wait(lock, [this] { return !state_->done.empty() || state_->tasks == 0; });
}

}  // namespace trawl::control
