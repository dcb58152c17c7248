#include "control/survey/banner_opening.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "control/pipeline/version_worker.h"
#include "service/match/cache_file.h"
#include "service/probes/probe_source.h"

namespace trawl::control {

Result<std::shared_ptr<const BannerRecogniser>> open_banners(const SurveyOptions& options,
                                                             bool is_resumed) {
  if (!options.banners.is_wanted) return nullptr;
  auto file = service::load_probes({.path = options.services.database});
  if (!file) return Failure{file.error()};
  const auto probes = std::make_shared<const service::ProbeFile>(std::move(*file));
  const auto warn = [](std::string_view text) { log_warning("{}", text); };
  // With --service that tells of the file.
  const bool tells = !options.services.is_wanted;
  if (tells) tell_problems(probes->path, probes->problems, warn);
  auto engine =
      service::MatchEngine::open(probes, {.cache_folder = service::default_cache_folder()});
  if (!engine) return Failure{engine.error()};
  if (tells) tell_problems(probes->path, (*engine)->problems(), warn);
  std::vector<OwnQuestion> own;
  for (const BannerPayload& payload : options.banners.payloads) {
    auto read = payload.read();
    if (!read) return Failure{read.error()};
    own.push_back(std::move(*read));
  }
  BannerQuestions questions = make_questions(*probes, options.banners.most_bytes, options.ttl, own);
  auto plan = std::make_shared<dataplane::ConversationPlan>(*questions.plan);
  plan->is_resumed = is_resumed;
  questions.plan = std::move(plan);
  return std::make_shared<const BannerRecogniser>(
      std::shared_ptr<const service::MatchEngine>{std::move(*engine)}, probes,
      std::move(questions));
}

}  // namespace trawl::control
