#include "service/match/match_engine.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "service/match/byte_pack.h"
#include "service/match/cache_file.h"
#include "service/match/line_filter.h"
#include "service/match/line_pattern.h"
#include "service/match/memory_pool.h"
#include "service/probes/substitution.h"

namespace trawl::service {
namespace {

// The lines of a probe.
struct Group {
  std::unique_ptr<LinePattern[]> patterns;
  std::vector<std::uint32_t> wrong;  // Lines that are left out, ascending.
  LineFilter filter;
};

struct LineReference {
  std::size_t probe = 0;
  std::uint32_t index = 0;
};

// Of what save() writes.
constexpr std::uint32_t kLayout = 2;

// Everything that what is kept in the cache depends on.
CacheKey key_of(const ProbeFile& file) {
  PackWriter writer;
  writer.number(kLayout);
  writer.bytes(LineFilter::platform());
  writer.bytes(LinePattern::library());
  for (const Probe& probe : file.probes) {
    writer.number(static_cast<std::uint32_t>(probe.matches.size()));
    for (const MatchLine& line : probe.matches) {
      writer.bytes(line.pattern);
      writer.number((line.ignores_case ? 1U : 0U) | (line.dot_takes_newline ? 2U : 0U));
    }
  }
  return cache_key(writer.take());
}

std::string save(const std::vector<Group>& groups) {
  PackWriter writer;
  for (const Group& group : groups) {
    writer.number(static_cast<std::uint32_t>(group.wrong.size()));
    for (const std::uint32_t line : group.wrong) writer.number(line);
    writer.bytes(group.filter.save());
  }
  return writer.take();
}

bool load(std::string_view bytes, const ProbeFile& file, std::vector<Group>& groups) {
  PackReader reader{bytes};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].wrong.resize(reader.count(sizeof(std::uint32_t)));
    for (std::uint32_t& line : groups[i].wrong) line = reader.number();
    auto filter = LineFilter::load(reader.bytes(), file.probes[i].matches.size());
    if (!filter) return false;
    groups[i].filter = std::move(*filter);
  }
  return reader.is_at_end();
}

void compile(const ProbeFile& file, bool uses_prefilter, std::vector<Group>& groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& lines = file.probes[i].matches;
    groups[i].wrong.clear();
    for (std::uint32_t line = 0; line < lines.size(); ++line) {
      if (LinePattern::trouble(lines[line])) groups[i].wrong.push_back(line);
    }
    if (uses_prefilter) groups[i].filter = LineFilter::compile(lines);
  }
}

}  // namespace

struct MatchEngine::Impl {
  Impl(std::shared_ptr<const ProbeFile> probe_file, Options settings)
      : file{std::move(probe_file)}, options{std::move(settings)} {}

  void prepare();
  void tell_problems();
  [[nodiscard]] std::vector<std::size_t> probes_of(std::size_t asked) const;

  struct Search {
    const MatchRequest& request;
    MatchDeadline deadline;
    std::uint64_t tried = 0;
    bool is_late = false;
  };
  [[nodiscard]] std::optional<LineMatch> search(std::size_t probe, Search& search,
                                                MatchMemory& memory) const;
  [[nodiscard]] bool try_line(LineReference at, Search& search, MatchMemory& memory) const;
  void give_up(const MatchLine& line, std::string reason) const;
  [[nodiscard]] LineMatch tell(LineReference at, const MatchMemory& memory) const;

  std::shared_ptr<const ProbeFile> file;
  Options options;
  std::vector<Group> groups;                       // One for each probe.
  std::vector<std::vector<std::size_t>> searched;  // For each probe asked: where, in order.
  std::vector<ProbeFileProblem> problems;
  bool from_cache = false;
  mutable MemoryPool memories;

  mutable std::atomic<std::uint64_t> responses{0}, candidates{0}, given_up{0}, deadlines{0};
  mutable std::mutex limits_mutex;
  mutable std::set<std::size_t> limited;         // Lines that hit one...
  mutable std::vector<ProbeFileProblem> limits;  // ...and which, in the order in which they did.
};

void MatchEngine::Impl::prepare() {
  groups.resize(file->probes.size());
  const bool uses_cache = options.uses_prefilter && !options.cache_folder.empty();
  const CacheKey key = uses_cache ? key_of(*file) : CacheKey{};
  if (uses_cache) {
    const auto kept = read_cache_file(options.cache_folder, key);
    from_cache = kept && load(*kept, *file, groups);
  }
  if (!from_cache) compile(*file, options.uses_prefilter, groups);
  if (uses_cache && !from_cache && write_cache_file(options.cache_folder, key, save(groups))) {
    remove_old_cache_files(options.cache_folder, key);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].patterns = std::make_unique<LinePattern[]>(file->probes[i].matches.size());
    searched.push_back(probes_of(i));
    memories.allocate_for(groups[i].filter);
  }
  tell_problems();
}

void MatchEngine::Impl::tell_problems() {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (const std::uint32_t index : groups[i].wrong) {
      if (index >= file->probes[i].matches.size()) continue;
      const MatchLine& line = file->probes[i].matches[index];
      const auto trouble = LinePattern::trouble(line);
      if (trouble) problems.push_back({.line = line.line, .reason = *trouble});
    }
  }
}

std::vector<std::size_t> MatchEngine::Impl::probes_of(std::size_t asked) const {
  const Probe& probe = file->probes[asked];
  std::vector<std::size_t> list{asked};
  list.insert(list.end(), probe.fallbacks.begin(), probe.fallbacks.end());
  if (probe.transport == Transport::Tcp && file->null_probe) list.push_back(*file->null_probe);
  // A probe that comes twice matches nothing more.
  std::vector<std::size_t> once;
  for (const std::size_t each : list) {
    const bool is_known = each < file->probes.size();
    if (is_known && std::find(once.begin(), once.end(), each) == once.end()) once.push_back(each);
  }
  return once;
}

bool MatchEngine::Impl::try_line(LineReference at, Search& search, MatchMemory& memory) const {
  const MatchLine& line = file->probes[at.probe].matches[at.index];
  if (search.deadline.is_over()) search.is_late = true;
  if (search.is_late) return false;
  ++search.tried;
  const auto answer = groups[at.probe].patterns[at.index].match(line, search.request.response,
                                                                memory, search.deadline);
  if (answer.outcome == LinePattern::Outcome::Deadline) {
    search.is_late = true;
    give_up(line, "took longer than " + std::to_string(options.deadline.count()) + " ms");
  } else if (answer.outcome == LinePattern::Outcome::Limit) {
    give_up(line, LinePattern::describe(answer.error));
  }
  return answer.outcome == LinePattern::Outcome::Yes;
}

void MatchEngine::Impl::give_up(const MatchLine& line, std::string reason) const {
  const std::scoped_lock lock{limits_mutex};
  if (limited.insert(line.line).second) {
    limits.push_back({.line = line.line, .reason = std::move(reason)});
  }
  given_up.fetch_add(1, std::memory_order_relaxed);
}

std::optional<LineMatch> MatchEngine::Impl::search(std::size_t probe, Search& search,
                                                   MatchMemory& memory) const {
  const Group& group = groups[probe];
  if (!options.uses_prefilter) {
    const auto lines = static_cast<std::uint32_t>(file->probes[probe].matches.size());
    for (std::uint32_t index = 0; index < lines && !search.is_late; ++index) {
      const LineReference at{.probe = probe, .index = index};
      if (try_line(at, search, memory)) return tell(at, memory);
    }
    return std::nullopt;
  }
  group.filter.find(search.request.response, memory.scratch(), memory.lines);
  for (const std::uint32_t index : memory.lines) {
    const LineReference at{.probe = probe, .index = index};
    if (try_line(at, search, memory)) return tell(at, memory);
    if (search.is_late) break;
  }
  return std::nullopt;
}

LineMatch MatchEngine::Impl::tell(LineReference at, const MatchMemory& memory) const {
  const MatchLine& line = file->probes[at.probe].matches[at.index];
  LineText text = substitute_line(line, memory.captures());
  return {.probe = at.probe,
          .index = at.index,
          .is_soft = line.is_soft,
          .is_tls = line.is_tls,
          .service = line.service,
          .fields = std::move(text.fields),
          .cpes = std::move(text.cpes)};
}

Result<std::unique_ptr<MatchEngine>> MatchEngine::open(std::shared_ptr<const ProbeFile> file,
                                                       Options options) {
  auto impl = std::make_unique<Impl>(std::move(file), std::move(options));
  impl->prepare();
  return std::unique_ptr<MatchEngine>{new MatchEngine{std::move(impl)}};
}

MatchEngine::MatchEngine(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
MatchEngine::~MatchEngine() = default;

std::optional<LineMatch> MatchEngine::match(const MatchRequest& request) const {
  impl_->responses.fetch_add(1, std::memory_order_relaxed);
  if (request.probe >= impl_->searched.size()) return std::nullopt;
  const auto memory = impl_->memories.take();
  Impl::Search search{.request = request, .deadline = MatchDeadline{impl_->options.deadline}};
  std::optional<LineMatch> match;
  for (const std::size_t probe : impl_->searched[request.probe]) {
    match = impl_->search(probe, search, *memory);
    if (match || search.is_late) break;
  }
  impl_->candidates.fetch_add(search.tried, std::memory_order_relaxed);
  if (search.is_late) impl_->deadlines.fetch_add(1, std::memory_order_relaxed);
  return match;
}

MatchEngine::Statistics MatchEngine::statistics() const noexcept {
  return {.responses = impl_->responses.load(std::memory_order_relaxed),
          .candidates = impl_->candidates.load(std::memory_order_relaxed),
          .given_up = impl_->given_up.load(std::memory_order_relaxed),
          .deadlines = impl_->deadlines.load(std::memory_order_relaxed),
          .from_cache = impl_->from_cache};
}

const std::vector<ProbeFileProblem>& MatchEngine::problems() const noexcept {
  return impl_->problems;
}

std::vector<ProbeFileProblem> MatchEngine::given_up() const {
  const std::scoped_lock lock{impl_->limits_mutex};
  return impl_->limits;
}

}  // namespace trawl::service
