#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "control/banners/banner_recogniser.h"
#include "dataplane/banner.h"

namespace trawl::control {

// Recognises banners on threads of TBB's, so that who takes them from the polling cores waits for
// no pattern.
//
// Banners travel by the batch, and there is a fixed number of batches: while all are under way no
// more can be begun, banners stay where they are, and in the end the polling cores wait.
//
// Thread: one user.
class BannerWorkers {
 public:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kBatches = 64;

  struct Batch {
    std::size_t count = 0;
    std::array<dataplane::Banner*, kBatch> banners{};
    std::array<std::shared_ptr<const Recognition>, kBatch> known{};  // Null without bytes.
  };

  // Threads as service::WorkerArena has them.
  BannerWorkers(std::shared_ptr<const BannerRecogniser> recogniser, unsigned threads);
  // Waits for the batches under way.
  ~BannerWorkers();
  BannerWorkers(const BannerWorkers&) = delete;
  BannerWorkers& operator=(const BannerWorkers&) = delete;

  // An empty batch, nullptr while all are under way. It goes to submit().
  [[nodiscard]] Batch* obtain() noexcept;
  void submit(Batch* batch);
  // A batch that is done, in whatever order; nullptr when there is none. It goes to release().
  [[nodiscard]] Batch* take();
  void release(Batch* batch) noexcept;
  // Obtained and not released.
  [[nodiscard]] std::size_t under_way() const noexcept;
  // Waits until one can be taken, or nothing is with the threads.
  void wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trawl::control
