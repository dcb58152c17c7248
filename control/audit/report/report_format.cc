#include "control/audit/report/report_format.h"

#include "control/audit/report/grepable_format.h"
#include "control/audit/report/json_format.h"
#include "control/audit/report/kiddie_format.h"
#include "control/audit/report/normal_format.h"
#include "control/audit/report/xml_format.h"

namespace trawl::control {

std::unique_ptr<ReportFormat> make_report_format(AuditOptions::Output::Format format,
                                                 const AuditRun& run, const PortNames* names) {
  using Format = AuditOptions::Output::Format;
  switch (format) {
    case Format::Xml: return std::make_unique<XmlFormat>(run, names);
    case Format::Grepable: return std::make_unique<GrepableFormat>(run, names);
    case Format::Json: return std::make_unique<JsonFormat>(run, names);
    case Format::Kiddie: return std::make_unique<KiddieFormat>(run, names);
    case Format::Normal: break;
  }
  return std::make_unique<NormalFormat>(run, names);
}

std::unique_ptr<ReportFormat> make_screen_format(const AuditRun& run, const PortNames* names) {
  return std::make_unique<ScreenFormat>(run, names);
}

}  // namespace trawl::control
