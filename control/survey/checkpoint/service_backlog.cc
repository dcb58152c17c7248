#include "control/survey/checkpoint/service_backlog.h"

#include <fmt/format.h>

#include <algorithm>

namespace trawl::control {

Result<ServiceBacklog> ServiceBacklog::read(Checkpoint& checkpoint,
                                            const dataplane::TargetSpace& space,
                                            Protocol protocol) {
  ServiceBacklog backlog{checkpoint, space, protocol};
  const Checkpoint::Restored& restored = checkpoint.restored();
  std::uint64_t open = 0;
  for (std::uint64_t number = 0; number < restored.journal; ++number) {
    const auto entry = checkpoint.entry(number);
    if (!entry) return Failure{entry.error()};
    if (entry->is_answer && number < restored.outputs.journal) {
      backlog.answered_.push_back(entry->index);
    } else if (!entry->is_answer && entry->state == PortState::Open) {
      ++open;
    }
  }
  std::ranges::sort(backlog.answered_);
  backlog.answered_.erase(std::unique(backlog.answered_.begin(), backlog.answered_.end()),
                          backlog.answered_.end());
  backlog.count_ = open - std::min<std::uint64_t>(open, backlog.answered_.size());
  return backlog;
}

Result<std::optional<OpenPort>> ServiceBacklog::next() {
  for (; at_ < checkpoint_->restored().journal; ++at_) {
    const auto entry = checkpoint_->entry(at_);
    if (!entry) return Failure{entry.error()};
    if (entry->is_answer || entry->state != PortState::Open) continue;
    if (std::ranges::binary_search(answered_, entry->index)) continue;
    ++at_;
    if (entry->index >= space_->size()) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}: the journal names no target of this plan; the checkpoint was "
                              "changed and cannot be resumed",
                              checkpoint_->path()));
    }
    const dataplane::AnyTarget target = space_->any_at(entry->index);
    return OpenPort{
        .ip = target.ip, .index = entry->index, .port = target.port, .protocol = protocol_};
  }
  return std::nullopt;
}

}  // namespace trawl::control
