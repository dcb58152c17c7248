#include "nse/host/capture.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace trawl::nse {

Result<std::shared_ptr<Capture>> Capture::open(service::Loop& loop, const Settings& settings) {
  const service::SocketId socket = loop.new_socket();
  std::shared_ptr<Capture> capture{new Capture{loop, socket}};
  if (auto opened = loop.open_pcap(socket, settings.device, settings.filter, settings.snap_length,
                                   settings.promiscuous);
      !opened) {
    return Failure{opened.error()};
  }
  return capture;
}

std::shared_ptr<CaptureReader> Capture::add_reader() {
  auto reader = std::make_shared<CaptureReader>(shared_from_this());
  readers_.push_back(reader);
  return reader;
}

// Reads while a thread waits. Between, packets stay in the kernel's buffer, as all of them do that
// came before the first read.
void Capture::watch() {
  if (watching_ != service::EventId{} || failed_) return;
  watching_ = loop_.read_pcap(socket_, service::kForever,
                              [self = weak_from_this()](const service::Event& event) {
                                const auto capture = self.lock();
                                if (capture == nullptr) return;
                                capture->watching_ = {};
                                capture->give(event);
                              });
}

void Capture::give(const service::Event& event) {
  if (event.status != service::EventStatus::Success) failed_ = true;
  CapturedPacket packet{
      .bytes = std::string{event.bytes},
      .network_offset = std::min<std::size_t>(event.packet.network_offset, event.bytes.size()),
      .time = std::chrono::duration<double>(event.packet.captured.time_since_epoch()).count()};
  bool is_awaited = false;
  const auto readers = readers_;
  readers_.clear();
  for (const auto& weak : readers) {
    const auto reader = weak.lock();
    if (reader == nullptr) continue;
    readers_.push_back(weak);
    if (failed_) {
      reader->wake();
    } else if (reader->packets_.size() < CaptureReader::kMostPackets) {
      reader->packets_.push_back(packet);
      reader->wake();
    } else {
      ++lost_;
    }
    is_awaited = is_awaited || !reader->waiting_.empty();
  }
  if (is_awaited) watch();
}

bool CaptureReader::take(CapturedPacket& packet) {
  if (packets_.empty()) return false;
  packet = std::move(packets_.front());
  packets_.pop_front();
  return true;
}

void CaptureReader::wait(service::Wait timeout, Suspension thread) {
  if (ended()) return thread.resume([](lua_State* /*lua*/) { return 0; });
  const service::EventId timer = capture_->loop_.timer(
      timeout, [self = weak_from_this(), thread](const service::Event& event) {
        if (const auto reader = self.lock()) {
          auto& all = reader->waiting_;
          all.erase(std::remove_if(all.begin(), all.end(),
                                   [&](const auto& one) { return one.second == event.id; }),
                    all.end());
        }
        thread.resume([](lua_State* /*lua*/) { return 0; });
      });
  waiting_.emplace_back(std::move(thread), timer);
  capture_->watch();
}

// One packet wakes one thread: the first that still lives.
void CaptureReader::wake() {
  while (!waiting_.empty()) {
    const auto [thread, timer] = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    capture_->loop_.cancel(timer, false);
    if (!thread.alive()) continue;
    thread.resume([](lua_State* /*lua*/) { return 0; });
    if (!ended()) return;
  }
}

void CaptureReader::close() {
  const auto self = shared_from_this();
  const auto capture = capture_;
  if (capture == nullptr) return;
  for (const auto& [thread, timer] : std::exchange(waiting_, {})) {
    capture->loop_.cancel(timer, false);
    thread.resume([](lua_State* /*lua*/) { return 0; });
  }
  packets_.clear();
  capture_.reset();
}

}  // namespace trawl::nse
