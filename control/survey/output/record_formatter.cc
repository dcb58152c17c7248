#include "control/survey/output/record_formatter.h"

#include "control/survey/output/line_formatter.h"
#include "control/survey/output/masscan_formatter.h"
#include "control/survey/output/nmap_xml_formatter.h"
#include "control/survey/output/pcap_writer.h"
#include "control/survey/output/zmap_formatter.h"

namespace trawl::control {

std::unique_ptr<RecordFormatter> make_formatter(OutputFormat format, const OutputFields& fields,
                                                const RunDescription& run) {
  switch (format) {
    case OutputFormat::Jsonl:
    case OutputFormat::Csv: break;
    case OutputFormat::Zmap: return std::make_unique<ZmapFormatter>(fields.zmap);
    case OutputFormat::MasscanJson: return std::make_unique<MasscanJsonFormatter>();
    case OutputFormat::MasscanList: return std::make_unique<MasscanListFormatter>();
    case OutputFormat::NmapXml: return std::make_unique<NmapXmlFormatter>(run);
    case OutputFormat::Pcap: return std::make_unique<PcapWriter>();
  }
  return std::make_unique<LineFormatter>(format, fields);
}

}  // namespace trawl::control
